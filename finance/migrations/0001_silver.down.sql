DROP VIEW ipai_silver_erp.settlements;
DROP VIEW ipai_silver_erp.journal_items;
DROP VIEW ipai_silver_erp.partners;
DROP VIEW ipai_silver_erp.journals;
DROP VIEW ipai_silver_erp.accounts;
DROP VIEW ipai_silver_erp.companies;
DROP VIEW ipai_silver_erp.currency_rates;
DROP VIEW ipai_silver_erp.currencies;

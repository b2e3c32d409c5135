-- Nothing is lost: a refresh makes it again from bronze.
DROP TABLE ipai_gold_erp.refreshes;
DROP TABLE ipai_gold_erp.gates;
DROP TABLE ipai_gold_erp.open_spans;
DROP TABLE ipai_gold_erp.account_months;
DROP TABLE ipai_gold_erp.account_days;
DROP TABLE ipai_gold_erp.journal_items;
DROP TABLE ipai_gold_erp.partners;
DROP TABLE ipai_gold_erp.journals;
DROP TABLE ipai_gold_erp.accounts;
DROP TABLE ipai_gold_erp.companies;
DROP TABLE ipai_gold_erp.currency_rates;
DROP TABLE ipai_gold_erp.currencies;

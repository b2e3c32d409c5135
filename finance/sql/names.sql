-- What the figures are about. Few rows, so all of them; partners and rates are done by partners.sql.
DELETE FROM ipai_gold_erp.currencies WHERE _connector_id = %(connector)s;
INSERT INTO ipai_gold_erp.currencies (_connector_id, _tenant_id, id, code, name, symbol, decimals, active)
SELECT _connector_id, _tenant_id, id, code, name, symbol, decimals, active
FROM ipai_silver_erp.currencies WHERE _connector_id = %(connector)s;

DELETE FROM ipai_gold_erp.companies WHERE _connector_id = %(connector)s;
INSERT INTO ipai_gold_erp.companies
    (_connector_id, _tenant_id, id, name, parent_id, currency_id, currency, decimals, fiscalyear_last_month, fiscalyear_last_day)
SELECT _connector_id, _tenant_id, id, name, parent_id, currency_id, currency, decimals, fiscalyear_last_month, fiscalyear_last_day
FROM ipai_silver_erp.companies WHERE _connector_id = %(connector)s;

DELETE FROM ipai_gold_erp.accounts WHERE _connector_id = %(connector)s;
INSERT INTO ipai_gold_erp.accounts (_connector_id, _tenant_id, id, code, name, account_type, active, cash_section)
SELECT _connector_id, _tenant_id, id, code, name, account_type, active, cash_section
FROM ipai_silver_erp.accounts WHERE _connector_id = %(connector)s;

DELETE FROM ipai_gold_erp.journals WHERE _connector_id = %(connector)s;
INSERT INTO ipai_gold_erp.journals (_connector_id, _tenant_id, id, code, name, type, company_id)
SELECT _connector_id, _tenant_id, id, code, name, type, company_id
FROM ipai_silver_erp.journals WHERE _connector_id = %(connector)s;

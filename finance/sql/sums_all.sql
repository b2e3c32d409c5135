-- Everything of the connector again. After a first sync nobody has counted the tables yet, and hashing is right for all rows.
SET LOCAL enable_nestloop = off;
ANALYZE ipai_bronze_erp.journal_entries (_connector_id, id, move_id, account_id);
ANALYZE ipai_bronze_erp.invoices (_connector_id, id);
ANALYZE ipai_bronze_erp.partial_reconciles (_connector_id, debit_move_id, credit_move_id);
DELETE FROM ipai_gold_erp.journal_items WHERE _connector_id = %(connector)s;
DELETE FROM ipai_gold_erp.account_days WHERE _connector_id = %(connector)s;
DELETE FROM ipai_gold_erp.account_months WHERE _connector_id = %(connector)s;
DELETE FROM ipai_gold_erp.open_spans WHERE _connector_id = %(connector)s;

{{items}};

INSERT INTO ipai_gold_erp.account_days
    (_connector_id, _tenant_id, company_id, date, account_id, debit, credit, balance, cash, items)
SELECT _connector_id, _tenant_id, company_id, date, account_id, sum(debit), sum(credit), sum(balance), sum(cash), count(*)
FROM ipai_gold_erp.journal_items WHERE _connector_id = %(connector)s
GROUP BY _connector_id, _tenant_id, company_id, date, account_id
ORDER BY company_id, date, account_id;  -- as they are read

INSERT INTO ipai_gold_erp.account_months
    (_connector_id, _tenant_id, company_id, date, account_id, debit, credit, balance, cash, items)
SELECT _connector_id, _tenant_id, company_id, date_trunc('month', date)::date AS month, account_id, sum(debit), sum(credit), sum(balance),
       sum(cash), sum(items)
FROM ipai_gold_erp.account_days WHERE _connector_id = %(connector)s
GROUP BY _connector_id, _tenant_id, company_id, month, account_id;

ANALYZE ipai_gold_erp.journal_items;
ANALYZE ipai_gold_erp.account_days;
ANALYZE ipai_gold_erp.account_months;

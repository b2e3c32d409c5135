-- Take the old contributions of the touched items out of the sums, and the new ones in.
CREATE TEMPORARY TABLE finance_changes (
    tenant uuid, company_id bigint, date date, account_id bigint, debit numeric, credit numeric, balance numeric, cash numeric, items int
) ON COMMIT DROP;
WITH gone AS (
    DELETE FROM ipai_gold_erp.journal_items AS i USING finance_touched AS t
    WHERE i._connector_id = %(connector)s AND i.id = t.id RETURNING i.*
)
INSERT INTO finance_changes
SELECT _tenant_id, company_id, date, account_id, -debit, -credit, -balance, -cash, -1 FROM gone;

WITH added AS ({{items}} RETURNING journal_items.*)
INSERT INTO finance_changes
SELECT _tenant_id, company_id, date, account_id, debit, credit, balance, cash, 1 FROM added;

INSERT INTO ipai_gold_erp.account_days AS d
    (_connector_id, _tenant_id, company_id, date, account_id, debit, credit, balance, cash, items)
SELECT %(connector)s, tenant, company_id, date, account_id, sum(debit), sum(credit), sum(balance), sum(cash), sum(items)
FROM finance_changes GROUP BY tenant, company_id, date, account_id
ON CONFLICT (_connector_id, company_id, date, account_id) DO UPDATE SET
    debit = d.debit + excluded.debit, credit = d.credit + excluded.credit, balance = d.balance + excluded.balance,
    cash = d.cash + excluded.cash, items = d.items + excluded.items;
DELETE FROM ipai_gold_erp.account_days AS d USING (SELECT DISTINCT company_id, date, account_id FROM finance_changes) AS c
WHERE d._connector_id = %(connector)s AND d.company_id = c.company_id AND d.date = c.date AND d.account_id = c.account_id AND d.items = 0;

INSERT INTO ipai_gold_erp.account_months AS m
    (_connector_id, _tenant_id, company_id, date, account_id, debit, credit, balance, cash, items)
SELECT %(connector)s, tenant, company_id, date_trunc('month', date)::date AS month, account_id, sum(debit), sum(credit), sum(balance),
       sum(cash), sum(items)
FROM finance_changes GROUP BY tenant, company_id, month, account_id
ON CONFLICT (_connector_id, company_id, date, account_id) DO UPDATE SET
    debit = m.debit + excluded.debit, credit = m.credit + excluded.credit, balance = m.balance + excluded.balance,
    cash = m.cash + excluded.cash, items = m.items + excluded.items;
DELETE FROM ipai_gold_erp.account_months AS m
USING (SELECT DISTINCT company_id, date_trunc('month', date)::date AS date, account_id FROM finance_changes) AS c
WHERE m._connector_id = %(connector)s AND m.company_id = c.company_id AND m.date = c.date AND m.account_id = c.account_id AND m.items = 0;

DELETE FROM ipai_gold_erp.open_spans AS s USING finance_touched AS t WHERE s._connector_id = %(connector)s AND s.item_id = t.id;

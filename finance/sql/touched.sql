-- The journal items that must be counted again, with all items of their entries: whether an item moves cash depends on those.
DROP TABLE IF EXISTS pg_temp.finance_touched, pg_temp.finance_moves, pg_temp.finance_changes;
CREATE TEMPORARY TABLE finance_touched (id bigint PRIMARY KEY) ON COMMIT DROP;
INSERT INTO finance_touched
SELECT id FROM ipai_bronze_erp.journal_entries WHERE _connector_id = %(connector)s AND _run_id = ANY (%(runs)s)
UNION
SELECT side.id
FROM ipai_bronze_erp.partial_reconciles AS p CROSS JOIN LATERAL (VALUES (p.debit_move_id), (p.credit_move_id)) AS side (id)
WHERE p._connector_id = %(connector)s AND p._run_id = ANY (%(runs)s) AND side.id IS NOT NULL
UNION
SELECT l.id
FROM ipai_bronze_erp.invoices AS m
JOIN ipai_bronze_erp.journal_entries AS l ON l._connector_id = m._connector_id AND l.move_id = m.id
WHERE m._connector_id = %(connector)s AND m._run_id = ANY (%(runs)s)
UNION
-- those of an account that became or ceased to be one of cash, receivables or payables
SELECT i.id
FROM (
    SELECT coalesce(now.id, before.id) AS id
    FROM (SELECT id, account_type FROM ipai_silver_erp.accounts WHERE _connector_id = %(connector)s) AS now
    FULL JOIN (SELECT id, account_type FROM ipai_gold_erp.accounts WHERE _connector_id = %(connector)s) AS before USING (id)
    WHERE now.account_type IS DISTINCT FROM before.account_type
      AND ARRAY[now.account_type, before.account_type] && ARRAY['asset_cash', 'asset_receivable', 'liability_payable']
) AS a
JOIN ipai_gold_erp.journal_items AS i ON i._connector_id = %(connector)s AND i.account_id = a.id;

CREATE TEMPORARY TABLE finance_moves ON COMMIT DROP AS
SELECT l.move_id FROM finance_touched AS t
JOIN ipai_bronze_erp.journal_entries AS l ON l._connector_id = %(connector)s AND l.id = t.id WHERE l.move_id IS NOT NULL
UNION
SELECT i.move_id FROM finance_touched AS t
JOIN ipai_gold_erp.journal_items AS i ON i._connector_id = %(connector)s AND i.id = t.id WHERE i.move_id IS NOT NULL;

INSERT INTO finance_touched
SELECT l.id FROM finance_moves AS m
JOIN ipai_bronze_erp.journal_entries AS l ON l._connector_id = %(connector)s AND l.move_id = m.move_id
ON CONFLICT DO NOTHING;
ANALYZE finance_touched;

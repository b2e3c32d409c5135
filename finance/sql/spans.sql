-- From when to when how much of each receivable and payable item was open: what is open now, with every settlement added back
-- before its day. A settlement never counts before the item itself. {{only}} limits the items (i) to the touched ones.
WITH items AS (
    SELECT i._connector_id, i._tenant_id, i.id, i.company_id, i.account_id, i.partner_id, i.currency_id, i.date, i.due, i.residual,
           i.residual_currency, i.move_type IN ('out_invoice', 'in_invoice') AS is_invoice,
           CASE a.account_type WHEN 'asset_receivable' THEN 'receivable' ELSE 'payable' END AS kind
    FROM ipai_gold_erp.journal_items AS i {{only}}
    JOIN ipai_gold_erp.accounts AS a ON a._connector_id = i._connector_id AND a.id = i.account_id
    WHERE i._connector_id = %(connector)s AND a.account_type IN ('asset_receivable', 'liability_payable')
),
settled AS (
    SELECT i.id, i.date AS first, greatest(coalesce(s.date, i.date), i.date) AS day, s.amount, s.amount_currency
    FROM items AS i JOIN ipai_silver_erp.settlements AS s ON s._connector_id = i._connector_id AND s.item_id = i.id
    WHERE s._connector_id = %(connector)s
),
changes AS (
    SELECT id, date AS day, residual AS amount, residual_currency AS amount_currency FROM items
    UNION ALL
    SELECT id, first, amount, amount_currency FROM settled WHERE day > first
    UNION ALL
    SELECT id, day, -amount, -amount_currency FROM settled WHERE day > first
),
steps AS (
    SELECT id, day, sum(amount) AS amount, sum(amount_currency) AS amount_currency FROM changes GROUP BY id, day
),
spans AS (
    SELECT id, day AS valid_from, lead(day, 1, date '9999-12-31') OVER days AS valid_to, sum(amount) OVER days AS residual,
           sum(amount_currency) OVER days AS residual_currency
    FROM steps WINDOW days AS (PARTITION BY id ORDER BY day)
)
INSERT INTO ipai_gold_erp.open_spans
    (_connector_id, _tenant_id, item_id, company_id, kind, account_id, partner_id, currency_id, is_invoice, due, valid_from, valid_to,
     node, residual, residual_currency)
SELECT i._connector_id, i._tenant_id, i.id, i.company_id, i.kind, i.account_id, i.partner_id, i.currency_id, i.is_invoice, i.due,
       s.valid_from, s.valid_to, ipai_gold_erp.span_node(s.valid_from, s.valid_to) AS node, s.residual, s.residual_currency
FROM spans AS s JOIN items AS i ON i.id = s.id
WHERE s.residual <> 0
ORDER BY i.company_id, i.kind, node, s.valid_from;  -- as they are read

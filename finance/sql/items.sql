-- The journal items as they are now. {{only}} limits silver's rows (s) to the touched ones.
INSERT INTO ipai_gold_erp.journal_items
    (_connector_id, _tenant_id, id, company_id, move_id, journal_id, account_id, partner_id, currency_id, date, due, debit, credit,
     balance, amount_currency, residual, residual_currency, cash, move_type, move_name, ref, label, matching)
SELECT s._connector_id, s._tenant_id, s.id, s.company_id, s.move_id, s.journal_id, s.account_id, s.partner_id, s.currency_id, s.date,
       s.due, s.debit, s.credit, s.balance, s.amount_currency, s.residual, s.residual_currency,
       CASE WHEN moves.move_id IS NOT NULL AND a.account_type IS DISTINCT FROM 'asset_cash' THEN -s.balance ELSE 0 END,
       s.move_type, s.move_name, s.ref, s.label, s.matching
FROM ipai_silver_erp.journal_items AS s {{only}}
LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = s._connector_id AND a.id = s.account_id
LEFT JOIN (
    SELECT DISTINCT s.move_id
    FROM ipai_silver_erp.journal_items AS s {{only}}
    JOIN ipai_gold_erp.accounts AS a ON a._connector_id = s._connector_id AND a.id = s.account_id AND a.account_type = 'asset_cash'
    WHERE s._connector_id = %(connector)s
) AS moves ON moves.move_id = s.move_id
WHERE s._connector_id = %(connector)s

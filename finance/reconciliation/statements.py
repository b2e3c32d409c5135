"""What is read of a ledger's bronze tables. Parameters: ``connector``, and ``since`` or ``until`` where they say so."""

ITEM = """
SELECT l.id, l.company_id, l.move_id, coalesce(m.move_type, 'entry') AS move_type, coalesce(l.payment_id, p.id) AS payment_id,
       coalesce(nullif(m.name, ''), nullif(l.move_name, ''), '') AS number,
       coalesce(partner.commercial_partner_id, l.partner_id) AS partner_id, l.date, coalesce(l.date_maturity, l.date) AS due,
       currency.name AS currency, {amount} AS amount, {balance} AS balance,
       ARRAY[l.ref, m.ref, m.payment_reference, m.invoice_origin, p.memo] AS texts,
       CASE WHEN l._raw ->> 'discount_date' ~ '^\\d{{4}}-\\d\\d-\\d\\d$' THEN (l._raw ->> 'discount_date')::date
            WHEN t._raw ->> 'early_discount' = 'true' AND t._raw ->> 'discount_days' ~ '^\\d{{1,4}}$'
            THEN coalesce(m.invoice_date, m.date) + (t._raw ->> 'discount_days')::int END AS discount_until,
       CASE WHEN t._raw ->> 'early_discount' = 'true' AND t._raw ->> 'discount_percentage' ~ '^\\d{{1,2}}(\\.\\d+)?$'
            THEN (t._raw ->> 'discount_percentage')::numeric END AS discount_percent
FROM ipai_bronze_erp.journal_entries AS l
JOIN ipai_bronze_erp.accounts AS a ON a._connector_id = l._connector_id AND a.id = l.account_id AND a.reconcile
JOIN ipai_bronze_erp.currencies AS currency ON currency._connector_id = l._connector_id AND currency.id = l.currency_id
LEFT JOIN ipai_bronze_erp.invoices AS m ON m._connector_id = l._connector_id AND m.id = l.move_id
LEFT JOIN ipai_bronze_erp.payments AS p ON p._connector_id = l._connector_id AND p.id = l.payment_id
LEFT JOIN ipai_bronze_erp.payment_terms AS t ON t._connector_id = l._connector_id AND t.id = m.invoice_payment_term_id
LEFT JOIN ipai_bronze_erp.partners AS partner ON partner._connector_id = l._connector_id AND partner.id = l.partner_id
WHERE l._connector_id = %(connector)s AND l._deleted_at IS NULL AND l.parent_state = 'posted' AND l.date IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM ipai_bronze_erp.journals AS j
      WHERE j._connector_id = l._connector_id AND l.account_id IN (j.suspense_account_id, j.default_account_id)
  )
"""
OPEN_ITEMS = (
    ITEM.format(amount="l.amount_residual_currency", balance="l.amount_residual")
    + """  AND NOT coalesce(l.reconciled, false) AND coalesce(l.amount_residual_currency, 0) <> 0
  AND NOT EXISTS (
      SELECT FROM ipai_bronze_erp.bank_statement_lines AS s
      WHERE s._connector_id = l._connector_id AND s.id = l.statement_line_id AND NOT coalesce(s.is_reconciled, false)
  )
"""
)
PAST_ITEMS = (
    ITEM.format(amount="l.amount_currency", balance="l.balance")  # noqa: S608  (text of this file)
    + """  AND (NOT coalesce(l.reconciled, false) OR l.id IN (
      SELECT unnest(ARRAY[debit_move_id, credit_move_id]) FROM ipai_bronze_erp.partial_reconciles
      WHERE _connector_id = %(connector)s AND _deleted_at IS NULL AND max_date >= %(since)s
  ))
"""
)
LINE = """
SELECT s.id, s.company_id, coalesce(s.date, m.date) AS date, s.amount, s.amount_residual, s.amount_currency,
       coalesce(currency.name, own.name) AS currency, other.name AS foreign_currency, coalesce(s.payment_ref, '') AS payment_ref,
       coalesce(s.partner_name, '') AS partner_name, coalesce(partner.commercial_partner_id, s.partner_id) AS partner_id, s.move_id
FROM ipai_bronze_erp.bank_statement_lines AS s
LEFT JOIN ipai_bronze_erp.invoices AS m ON m._connector_id = s._connector_id AND m.id = s.move_id
LEFT JOIN ipai_bronze_erp.companies AS c ON c._connector_id = s._connector_id AND c.id = s.company_id
LEFT JOIN ipai_bronze_erp.currencies AS own ON own._connector_id = s._connector_id AND own.id = c.currency_id
LEFT JOIN ipai_bronze_erp.currencies AS currency ON currency._connector_id = s._connector_id AND currency.id = s.currency_id
LEFT JOIN ipai_bronze_erp.currencies AS other ON other._connector_id = s._connector_id AND other.id = s.foreign_currency_id
LEFT JOIN ipai_bronze_erp.partners AS partner ON partner._connector_id = s._connector_id AND partner.id = s.partner_id
WHERE s._connector_id = %(connector)s AND s._deleted_at IS NULL AND s.amount <> 0 AND s.company_id IS NOT NULL
  AND coalesce(m.state, s.state, 'posted') = 'posted' AND coalesce(s.date, m.date) IS NOT NULL
"""
OPEN_LINES = LINE + "  AND NOT coalesce(s.is_reconciled, false) ORDER BY s.id"
PAST_LINES = LINE + "  AND s.is_reconciled AND s._loaded_at > %(since)s ORDER BY 3 DESC, s.id DESC LIMIT %(most)s"
OWN_ITEMS = """
SELECT l.move_id, l.id, a.reconcile, a.account_type LIKE 'expense%%' AS is_expense, l.balance
FROM ipai_bronze_erp.journal_entries AS l
JOIN ipai_bronze_erp.accounts AS a ON a._connector_id = l._connector_id AND a.id = l.account_id
WHERE l._connector_id = %(connector)s AND l._deleted_at IS NULL AND l.move_id = ANY(%(moves)s)
"""
TIES = """
SELECT debit_move_id, credit_move_id, debit_amount_currency, credit_amount_currency, amount, max_date, debit.name AS debit_currency,
       credit.name AS credit_currency
FROM ipai_bronze_erp.partial_reconciles AS p
LEFT JOIN ipai_bronze_erp.currencies AS debit ON debit._connector_id = p._connector_id AND debit.id = p.debit_currency_id
LEFT JOIN ipai_bronze_erp.currencies AS credit ON credit._connector_id = p._connector_id AND credit.id = p.credit_currency_id
WHERE p._connector_id = %(connector)s AND p._deleted_at IS NULL
  AND (debit_move_id = ANY(%(items)s) OR credit_move_id = ANY(%(items)s))
"""
PARTNERS = """
SELECT coalesce(commercial_partner_id, id) AS id,
       array_agg(DISTINCT shown) FILTER (WHERE shown <> '') AS names
FROM ipai_bronze_erp.partners, LATERAL (VALUES (name), (complete_name)) AS n (shown)
WHERE _connector_id = %(connector)s AND _deleted_at IS NULL AND coalesce(commercial_partner_id, id) = id
GROUP BY 1
"""
PAST_NAMES = """
SELECT DISTINCT commercial_partner_id, invoice_partner_display_name FROM ipai_bronze_erp.invoices
WHERE _connector_id = %(connector)s AND _loaded_at > %(since)s AND commercial_partner_id IS NOT NULL
  AND invoice_partner_display_name <> ''
"""
COMPANIES = """
SELECT c.id, u.name FROM ipai_bronze_erp.companies AS c
JOIN ipai_bronze_erp.currencies AS u ON u._connector_id = c._connector_id AND u.id = c.currency_id
WHERE c._connector_id = %(connector)s AND c._deleted_at IS NULL
"""
CURRENCIES = """
SELECT name, coalesce(decimal_places, 2) FROM ipai_bronze_erp.currencies
WHERE _connector_id = %(connector)s AND _deleted_at IS NULL
"""
RATES = """
SELECT r.company_id, u.name, r.name, r.rate FROM ipai_bronze_erp.currency_rates AS r
JOIN ipai_bronze_erp.currencies AS u ON u._connector_id = r._connector_id AND u.id = r.currency_id
WHERE r._connector_id = %(connector)s AND r._deleted_at IS NULL AND r.rate > 0 ORDER BY r.name, r.id
"""
PAST_COUNT = """
SELECT count(*), max(_loaded_at) FROM ipai_bronze_erp.bank_statement_lines
WHERE _connector_id = %(connector)s AND _deleted_at IS NULL AND is_reconciled
"""
LINE_IS_OPEN = """
SELECT EXISTS (
    SELECT FROM ipai_bronze_erp.bank_statement_lines
    WHERE _connector_id = %(connector)s AND id = %(line)s AND _deleted_at IS NULL AND NOT coalesce(is_reconciled, false)
)
"""
RESTS = """
SELECT id, amount_residual_currency FROM ipai_bronze_erp.journal_entries
WHERE _connector_id = %(connector)s AND id = ANY(%(items)s) AND _deleted_at IS NULL AND parent_state = 'posted'
  AND NOT coalesce(reconciled, false) AND coalesce(amount_residual_currency, 0) <> 0
"""

-- Views over bronze: who may not read bronze sees no rows here. Gold is made from them.

CREATE VIEW ipai_silver_erp.currencies WITH (security_invoker = true) AS
SELECT _connector_id, _tenant_id, id, coalesce(name, '') AS code, coalesce(full_name, name, '') AS name, symbol,
       coalesce(decimal_places, 2)::int AS decimals, coalesce(active, true) AS active
FROM ipai_bronze_erp.currencies WHERE _deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.currencies IS 'Currencies by their ISO code, with the decimals that amounts are shown with.';

CREATE VIEW ipai_silver_erp.currency_rates WITH (security_invoker = true) AS
SELECT _connector_id, _tenant_id, id, currency_id, company_id, name AS date, rate
FROM ipai_bronze_erp.currency_rates WHERE _deleted_at IS NULL AND rate > 0;
COMMENT ON VIEW ipai_silver_erp.currency_rates IS 'From a day on, so many units of the currency are worth what the other rates of that day are worth.';

CREATE VIEW ipai_silver_erp.companies WITH (security_invoker = true) AS
SELECT c._connector_id, c._tenant_id, c.id, c.name, c.parent_id, c.currency_id, coalesce(u.code, '') AS currency,
       coalesce(u.decimals, 2) AS decimals, coalesce(nullif(c.fiscalyear_last_month, '')::int, 12) AS fiscalyear_last_month,
       coalesce(nullif(c.fiscalyear_last_day, 0)::int, 31) AS fiscalyear_last_day
FROM ipai_bronze_erp.companies AS c
LEFT JOIN ipai_silver_erp.currencies AS u ON u._connector_id = c._connector_id AND u.id = c.currency_id
WHERE c._deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.companies IS 'Companies with their currency and the last day of their fiscal year.';

-- An account's name for a cash flow is that of its tag in Odoo: Operating Activities, Financing Activities, Investing ....
CREATE VIEW ipai_silver_erp.accounts WITH (security_invoker = true) AS
SELECT a._connector_id, a._tenant_id, a.id, coalesce(nullif(a.code, ''), nullif(a.code_store, ''), '') AS code,
       coalesce(a.name, '') AS name, coalesce(a.account_type, '') AS account_type,
       coalesce(a.active, true) AND NOT coalesce(a.deprecated, false) AS active, tagged.section AS cash_section
FROM ipai_bronze_erp.accounts AS a
LEFT JOIN LATERAL (
    SELECT min(s.section) AS section
    FROM ipai_bronze_erp.account_tags AS t
    JOIN (VALUES ('operating'), ('investing'), ('financing')) AS s (section) ON t.name ILIKE s.section || '%'
    WHERE t._connector_id = a._connector_id AND t._deleted_at IS NULL AND a.tag_ids @> to_jsonb(t.id)
    HAVING count(DISTINCT s.section) = 1
) AS tagged ON true
WHERE a._deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.accounts IS 'The chart of accounts, archived accounts too. cash_section is what the account''s tag says, if it has one such tag.';

CREATE VIEW ipai_silver_erp.journals WITH (security_invoker = true) AS
SELECT _connector_id, _tenant_id, id, coalesce(code, '') AS code, coalesce(name, '') AS name, coalesce(type, '') AS type, company_id
FROM ipai_bronze_erp.journals WHERE _deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.journals IS 'Journals.';

CREATE VIEW ipai_silver_erp.partners WITH (security_invoker = true) AS
SELECT _connector_id, _tenant_id, id, coalesce(nullif(complete_name, ''), nullif(display_name, ''), name, '') AS name,
       commercial_partner_id
FROM ipai_bronze_erp.partners WHERE _deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.partners IS 'Partners by the name that Odoo shows.';

CREATE VIEW ipai_silver_erp.journal_items WITH (security_invoker = true) AS
SELECT l._connector_id, l._tenant_id, l.id, l.company_id, l.move_id, l.journal_id, l.account_id, l.partner_id, l.currency_id,
       l.date, coalesce(l.date_maturity, l.date) AS due, coalesce(l.debit, 0) AS debit, coalesce(l.credit, 0) AS credit,
       coalesce(l.balance, 0) AS balance, coalesce(l.amount_currency, 0) AS amount_currency,
       coalesce(l.amount_residual, 0) AS residual, coalesce(l.amount_residual_currency, 0) AS residual_currency,
       coalesce(m.move_type, 'entry') AS move_type, coalesce(nullif(l.move_name, ''), m.name, '') AS move_name,
       coalesce(nullif(l.ref, ''), m.ref, '') AS ref, coalesce(l.name, '') AS label, coalesce(l.matching_number, '') AS matching
FROM ipai_bronze_erp.journal_entries AS l
LEFT JOIN ipai_bronze_erp.invoices AS m ON m._connector_id = l._connector_id AND m.id = l.move_id
WHERE l._deleted_at IS NULL AND l.parent_state = 'posted'
  AND l.account_id IS NOT NULL AND l.company_id IS NOT NULL AND l.date IS NOT NULL;
COMMENT ON VIEW ipai_silver_erp.journal_items IS
    'Posted journal items that are on an account: not drafts, cancelled or deleted entries, not the section and note lines of documents.';

-- One row for each side: what a journal item was settled by, on which day, in the company's and in the item's currency.
CREATE VIEW ipai_silver_erp.settlements WITH (security_invoker = true) AS
SELECT p._connector_id, p._tenant_id, p.id, p.debit_move_id AS item_id, p.max_date AS date, coalesce(p.amount, 0) AS amount,
       coalesce(p.debit_amount_currency, 0) AS amount_currency
FROM ipai_bronze_erp.partial_reconciles AS p WHERE p._deleted_at IS NULL
UNION ALL
SELECT p._connector_id, p._tenant_id, p.id, p.credit_move_id, p.max_date, -coalesce(p.amount, 0), -coalesce(p.credit_amount_currency, 0)
FROM ipai_bronze_erp.partial_reconciles AS p WHERE p._deleted_at IS NULL;
COMMENT ON VIEW ipai_silver_erp.settlements IS
    'Partial reconciles, one row for each of their two journal items; amount has the sign of what the item was before it was settled.';

DO $$
DECLARE
    title text;
BEGIN
    FOREACH title IN ARRAY ARRAY[
        'currencies', 'currency_rates', 'companies', 'accounts', 'journals', 'partners', 'journal_items', 'settlements'
    ] LOOP
        EXECUTE format('REVOKE ALL ON ipai_silver_erp.%I FROM PUBLIC', title);
        EXECUTE format('GRANT SELECT ON ipai_silver_erp.%I TO ipai_user', title);
    END LOOP;
END
$$;

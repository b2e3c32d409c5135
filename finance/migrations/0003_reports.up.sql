-- Everything here reads with the caller's rights: functions are SECURITY INVOKER, views security_invoker.

CREATE FUNCTION ipai_gold_erp.movements(of_connector uuid, of_company bigint, first date, last date)
RETURNS TABLE (account_id bigint, debit numeric, credit numeric, balance numeric, cash numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    -- whole months by month, what is left at both ends by day
    SELECT account_id, sum(debit), sum(credit), sum(balance), sum(cash)
    FROM (
        SELECT account_id, debit, credit, balance, cash FROM ipai_gold_erp.account_months
        WHERE _connector_id = of_connector AND company_id = of_company
          AND date >= date_trunc('month', first + interval '1 month - 1 day')::date
          AND date < date_trunc('month', last + interval '1 day')::date
        UNION ALL
        SELECT account_id, debit, credit, balance, cash FROM ipai_gold_erp.account_days
        WHERE _connector_id = of_connector AND company_id = of_company AND date >= first
          AND date < least(date_trunc('month', first + interval '1 month - 1 day')::date, (last + interval '1 day')::date)
        UNION ALL
        SELECT account_id, debit, credit, balance, cash FROM ipai_gold_erp.account_days
        WHERE _connector_id = of_connector AND company_id = of_company AND date <= last
          AND date >= greatest(
                  date_trunc('month', first + interval '1 month - 1 day')::date, date_trunc('month', last + interval '1 day')::date
              )
    ) AS part
    GROUP BY account_id
$$;
COMMENT ON FUNCTION ipai_gold_erp.movements(uuid, bigint, date, date) IS
    'The journal items of one company in these days, both included, summed by account.';

CREATE FUNCTION ipai_gold_erp.fiscal_year_end(year int, month int, day int) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN month = 2 AND day >= 28 OR day > extract(day FROM make_date(year, month, 1) + interval '1 month - 1 day')
        THEN (make_date(year, month, 1) + interval '1 month - 1 day')::date
        ELSE make_date(year, month, day)
    END
$$;
COMMENT ON FUNCTION ipai_gold_erp.fiscal_year_end(int, int, int) IS 'The last day of a fiscal year that ends in this calendar year.';

CREATE FUNCTION ipai_gold_erp.fiscal_year_start(as_of date, month int, day int) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ipai_gold_erp.fiscal_year_end(
        extract(year FROM as_of)::int - CASE
            WHEN as_of <= ipai_gold_erp.fiscal_year_end(extract(year FROM as_of)::int, month, day) THEN 1 ELSE 0
        END, month, day
    ) + 1
$$;
COMMENT ON FUNCTION ipai_gold_erp.fiscal_year_start(date, int, int) IS
    'The first day of the fiscal year that a day lies in, for a company whose years end on this day of this month.';

-- Days are numbers in a binary tree: an odd number is a leaf, more zeros at the end are nearer to the root. A span is filed
-- under the number in it with the most zeros; that number is on the way from the root to every day of the span. So the
-- spans around a day are found under the 22 numbers on the way to it, however many spans there are.
CREATE FUNCTION ipai_gold_erp.span_node(valid_from date, valid_to date) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (last >> zeros) << zeros
    FROM (
        SELECT last, width_bucket(
            (first - 1) # last,
            ARRAY[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288,
                  1048576, 2097152]
        ) - 1 AS zeros
        FROM (SELECT greatest(valid_from - date '1800-01-01', 1) AS first, greatest(valid_to - 1 - date '1800-01-01', 1) AS last) AS numbers
    ) AS found
$$;
COMMENT ON FUNCTION ipai_gold_erp.span_node(date, date) IS 'The number under which a span of days is filed; valid_to is not in it.';

CREATE FUNCTION ipai_gold_erp.days_above(day date) RETURNS int[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg((((greatest(day - date '1800-01-01', 1)) >> (zeros + 1)) << (zeros + 1)) | (1 << zeros))
    FROM generate_series(0, 21) AS zeros
$$;
COMMENT ON FUNCTION ipai_gold_erp.days_above(date) IS 'The numbers under which every span around this day is filed.';

CREATE FUNCTION ipai_gold_erp.aging_bucket(as_of date, due date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN due >= as_of THEN 'not_due'
        WHEN due >= as_of - 30 THEN '1_30'
        WHEN due >= as_of - 60 THEN '31_60'
        WHEN due >= as_of - 90 THEN '61_90'
        ELSE '90_plus'
    END
$$;
COMMENT ON FUNCTION ipai_gold_erp.aging_bucket(date, date) IS 'not_due, 1_30, 31_60, 61_90 or 90_plus days late.';

CREATE FUNCTION ipai_gold_erp.cash_section(account_type text, tagged text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(tagged, CASE
        WHEN account_type IN ('asset_fixed', 'asset_non_current') THEN 'investing'
        WHEN account_type IN ('equity', 'equity_unaffected', 'liability_non_current') THEN 'financing'
        ELSE 'operating'
    END)
$$;
COMMENT ON FUNCTION ipai_gold_erp.cash_section(text, text) IS
    'Where cash that came from or went to an account belongs: what its tag says, else what its type says.';

CREATE FUNCTION ipai_gold_erp.profit_and_loss_between(first date, last date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, account_type text, account_id bigint, code text, name text,
    amount numeric
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c._connector_id, c.id, c.name, c.currency, a.account_type, a.id, a.code, a.name,
           CASE WHEN a.account_type IN ('income', 'income_other') THEN -m.balance ELSE m.balance END
    FROM ipai_gold_erp.companies AS c
    CROSS JOIN LATERAL ipai_gold_erp.movements(c._connector_id, c.id, first, last) AS m
    JOIN ipai_gold_erp.accounts AS a ON a._connector_id = c._connector_id AND a.id = m.account_id
    WHERE a.account_type IN ('income', 'income_other', 'expense', 'expense_direct_cost', 'expense_depreciation', 'expense_other')
$$;
COMMENT ON FUNCTION ipai_gold_erp.profit_and_loss_between(date, date) IS
    'Income and expense of these days by company and account; both are positive where they are usual.';

CREATE FUNCTION ipai_gold_erp.trial_balance_at(as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, account_type text, account_id bigint, code text, name text,
    debit numeric, credit numeric, balance numeric
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c._connector_id, c.id, c.name, c.currency, coalesce(a.account_type, ''), m.account_id, coalesce(a.code, ''),
           coalesce(a.name, ''), m.debit, m.credit, m.balance
    FROM ipai_gold_erp.companies AS c
    CROSS JOIN LATERAL ipai_gold_erp.movements(c._connector_id, c.id, '0001-01-01', as_of) AS m
    LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = c._connector_id AND a.id = m.account_id
$$;
COMMENT ON FUNCTION ipai_gold_erp.trial_balance_at(date) IS 'Debit, credit and balance of every account up to and with this day, by company.';

CREATE FUNCTION ipai_gold_erp.balance_sheet_at(as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, account_type text, account_id bigint, code text, name text,
    amount numeric
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT t._connector_id, t.company_id, t.company, t.currency, t.account_type, t.account_id, t.code, t.name,
           CASE WHEN t.account_type LIKE 'asset%' THEN t.balance ELSE -t.balance END
    FROM ipai_gold_erp.trial_balance_at(as_of) AS t
    WHERE t.account_type LIKE ANY (ARRAY['asset%', 'liability%', 'equity%'])
    UNION ALL
    SELECT c._connector_id, c.id, c.name, c.currency, e.account_type, NULL, '', '', coalesce(e.amount, 0)
    FROM ipai_gold_erp.companies AS c
    CROSS JOIN LATERAL (
        SELECT ipai_gold_erp.fiscal_year_start(as_of, c.fiscalyear_last_month, c.fiscalyear_last_day) AS first
    ) AS year
    CROSS JOIN LATERAL (
        SELECT 'current_year_earnings' AS account_type, -sum(m.balance) AS amount
        FROM ipai_gold_erp.movements(c._connector_id, c.id, year.first, as_of) AS m
        JOIN ipai_gold_erp.accounts AS a ON a._connector_id = c._connector_id AND a.id = m.account_id
        WHERE a.account_type LIKE 'income%' OR a.account_type LIKE 'expense%'
        UNION ALL
        SELECT 'prior_years_earnings', -sum(m.balance)
        FROM ipai_gold_erp.movements(c._connector_id, c.id, '0001-01-01', year.first - 1) AS m
        JOIN ipai_gold_erp.accounts AS a ON a._connector_id = c._connector_id AND a.id = m.account_id
        WHERE a.account_type LIKE 'income%' OR a.account_type LIKE 'expense%'
    ) AS e
$$;
COMMENT ON FUNCTION ipai_gold_erp.balance_sheet_at(date) IS
    'Assets, liabilities and equity by company and account, and the earnings of this and of earlier fiscal years, which no account holds.';

CREATE FUNCTION ipai_gold_erp.cashflow_between(first date, last date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, section text, account_type text, account_id bigint, code text,
    name text, amount numeric
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c._connector_id, c.id, c.name, c.currency,
           ipai_gold_erp.cash_section(coalesce(a.account_type, ''), a.cash_section), coalesce(a.account_type, ''), m.account_id,
           coalesce(a.code, ''), coalesce(a.name, ''), m.cash
    FROM ipai_gold_erp.companies AS c
    CROSS JOIN LATERAL ipai_gold_erp.movements(c._connector_id, c.id, first, last) AS m
    LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = c._connector_id AND a.id = m.account_id
    WHERE m.cash <> 0
$$;
COMMENT ON FUNCTION ipai_gold_erp.cashflow_between(date, date) IS
    'What came in (positive) and went out in these days, by the accounts that stand against cash in the same entries.';

CREATE FUNCTION ipai_gold_erp.open_at(of_connector uuid, of_company bigint, of_kind text, as_of date)
RETURNS SETOF ipai_gold_erp.open_spans
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    SELECT * FROM ipai_gold_erp.open_spans
    WHERE _connector_id = of_connector AND company_id = of_company AND kind = of_kind
      AND node = ANY ((SELECT ipai_gold_erp.days_above(as_of))::int[]) AND valid_from <= as_of AND valid_to > as_of
$$;
COMMENT ON FUNCTION ipai_gold_erp.open_at(uuid, bigint, text, date) IS
    'What was open of one company''s receivables or payables at the end of this day.';

CREATE FUNCTION ipai_gold_erp.open_items_at(as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, kind text, item_id bigint, move_id bigint, move_name text, move_type text, ref text,
    label text, account_id bigint, account_code text, partner_id bigint, partner text, date date, due date, days_late int,
    bucket text, company_currency text, residual numeric, currency text, residual_currency numeric, is_invoice boolean
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- owed to us and owed by us are both positive
    SELECT s._connector_id, s.company_id, s.kind, s.item_id, i.move_id, i.move_name, i.move_type, i.ref, i.label, s.account_id,
           a.code, s.partner_id, p.name, i.date, s.due, as_of - s.due, ipai_gold_erp.aging_bucket(as_of, s.due), c.currency,
           CASE s.kind WHEN 'payable' THEN -s.residual ELSE s.residual END, u.code,
           CASE s.kind WHEN 'payable' THEN -s.residual_currency ELSE s.residual_currency END, s.is_invoice
    FROM ipai_gold_erp.companies AS c
    CROSS JOIN (VALUES ('receivable'), ('payable')) AS k (kind)
    CROSS JOIN LATERAL ipai_gold_erp.open_at(c._connector_id, c.id, k.kind, as_of) AS s
    JOIN ipai_gold_erp.journal_items AS i ON i._connector_id = s._connector_id AND i.id = s.item_id
    LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = s._connector_id AND a.id = s.account_id
    LEFT JOIN ipai_gold_erp.partners AS p ON p._connector_id = s._connector_id AND p.id = s.partner_id
    LEFT JOIN ipai_gold_erp.currencies AS u ON u._connector_id = s._connector_id AND u.id = s.currency_id
$$;
COMMENT ON FUNCTION ipai_gold_erp.open_items_at(date) IS
    'Receivable and payable journal items that were open at the end of this day, with what was open in the company''s and their own currency.';

CREATE FUNCTION ipai_gold_erp.aging_at(wanted text, as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, partner_id bigint, partner text, not_due numeric,
    days_1_30 numeric, days_31_60 numeric, days_61_90 numeric, days_over_90 numeric, total numeric, items bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s._connector_id, s.company_id, s.company, s.currency, s.partner_id, p.name,
           coalesce(sum(s.owed) FILTER (WHERE s.bucket = 'not_due'), 0), coalesce(sum(s.owed) FILTER (WHERE s.bucket = '1_30'), 0),
           coalesce(sum(s.owed) FILTER (WHERE s.bucket = '31_60'), 0), coalesce(sum(s.owed) FILTER (WHERE s.bucket = '61_90'), 0),
           coalesce(sum(s.owed) FILTER (WHERE s.bucket = '90_plus'), 0), sum(s.owed), count(*)
    FROM (
        SELECT o._connector_id, o.company_id, c.name AS company, c.currency, o.partner_id,
               CASE o.kind WHEN 'payable' THEN -o.residual ELSE o.residual END AS owed, ipai_gold_erp.aging_bucket(as_of, o.due) AS bucket
        FROM ipai_gold_erp.companies AS c
        CROSS JOIN LATERAL ipai_gold_erp.open_at(c._connector_id, c.id, wanted, as_of) AS o
    ) AS s
    LEFT JOIN ipai_gold_erp.partners AS p ON p._connector_id = s._connector_id AND p.id = s.partner_id
    GROUP BY s._connector_id, s.company_id, s.company, s.currency, s.partner_id, p.name
$$;
COMMENT ON FUNCTION ipai_gold_erp.aging_at(text, date) IS
    'What was open at the end of this day by partner and by how late it was; receivable: owed to us, payable: owed by us, both positive.';

CREATE FUNCTION ipai_gold_erp.ar_aging_at(as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, partner_id bigint, partner text, not_due numeric,
    days_1_30 numeric, days_31_60 numeric, days_61_90 numeric, days_over_90 numeric, total numeric, items bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT * FROM ipai_gold_erp.aging_at('receivable', as_of) $$;
COMMENT ON FUNCTION ipai_gold_erp.ar_aging_at(date) IS 'aging_at() of receivables.';

CREATE FUNCTION ipai_gold_erp.ap_aging_at(as_of date)
RETURNS TABLE (
    _connector_id uuid, company_id bigint, company text, currency text, partner_id bigint, partner text, not_due numeric,
    days_1_30 numeric, days_31_60 numeric, days_61_90 numeric, days_over_90 numeric, total numeric, items bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT * FROM ipai_gold_erp.aging_at('payable', as_of) $$;
COMMENT ON FUNCTION ipai_gold_erp.ap_aging_at(date) IS 'aging_at() of payables.';

CREATE VIEW ipai_gold_erp.profit_and_loss WITH (security_invoker = true) AS
SELECT m._connector_id, m._tenant_id, m.company_id, c.name AS company, c.currency, m.date AS month, a.account_type,
       m.account_id, a.code, a.name,
       CASE WHEN a.account_type IN ('income', 'income_other') THEN -m.balance ELSE m.balance END AS amount
FROM ipai_gold_erp.account_months AS m
JOIN ipai_gold_erp.companies AS c ON c._connector_id = m._connector_id AND c.id = m.company_id
JOIN ipai_gold_erp.accounts AS a ON a._connector_id = m._connector_id AND a.id = m.account_id
WHERE a.account_type IN ('income', 'income_other', 'expense', 'expense_direct_cost', 'expense_depreciation', 'expense_other');
COMMENT ON VIEW ipai_gold_erp.profit_and_loss IS 'Income and expense by company, month and account; both are positive where they are usual.';

CREATE VIEW ipai_gold_erp.cashflow WITH (security_invoker = true) AS
SELECT m._connector_id, m._tenant_id, m.company_id, c.name AS company, c.currency, m.date AS month,
       ipai_gold_erp.cash_section(a.account_type, a.cash_section) AS section, a.account_type, m.account_id, a.code, a.name,
       m.cash AS amount
FROM ipai_gold_erp.account_months AS m
JOIN ipai_gold_erp.companies AS c ON c._connector_id = m._connector_id AND c.id = m.company_id
JOIN ipai_gold_erp.accounts AS a ON a._connector_id = m._connector_id AND a.id = m.account_id
WHERE m.cash <> 0;
COMMENT ON VIEW ipai_gold_erp.cashflow IS 'Cash in (positive) and out by company, month and the account that stands against it.';

CREATE VIEW ipai_gold_erp.trial_balance WITH (security_invoker = true) AS
SELECT * FROM ipai_gold_erp.trial_balance_at(current_date);
COMMENT ON VIEW ipai_gold_erp.trial_balance IS 'trial_balance_at() of today.';

CREATE VIEW ipai_gold_erp.balance_sheet WITH (security_invoker = true) AS
SELECT * FROM ipai_gold_erp.balance_sheet_at(current_date);
COMMENT ON VIEW ipai_gold_erp.balance_sheet IS 'balance_sheet_at() of today.';

CREATE VIEW ipai_gold_erp.ar_aging WITH (security_invoker = true) AS SELECT * FROM ipai_gold_erp.ar_aging_at(current_date);
COMMENT ON VIEW ipai_gold_erp.ar_aging IS 'ar_aging_at() of today.';

CREATE VIEW ipai_gold_erp.ap_aging WITH (security_invoker = true) AS SELECT * FROM ipai_gold_erp.ap_aging_at(current_date);
COMMENT ON VIEW ipai_gold_erp.ap_aging IS 'ap_aging_at() of today.';

CREATE VIEW ipai_gold_erp.open_items WITH (security_invoker = true) AS SELECT * FROM ipai_gold_erp.open_items_at(current_date);
COMMENT ON VIEW ipai_gold_erp.open_items IS 'open_items_at() of today.';

DO $$
DECLARE
    routine regprocedure;
    title text;
BEGIN
    FOR routine IN SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'ipai_gold_erp'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ipai_user', routine);
    END LOOP;
    FOREACH title IN ARRAY ARRAY[
        'profit_and_loss', 'cashflow', 'trial_balance', 'balance_sheet', 'ar_aging', 'ap_aging', 'open_items'
    ] LOOP
        EXECUTE format('REVOKE ALL ON ipai_gold_erp.%I FROM PUBLIC', title);
        EXECUTE format('GRANT SELECT ON ipai_gold_erp.%I TO ipai_user', title);
    END LOOP;
END
$$;

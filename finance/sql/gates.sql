-- Whether the figures hold together on a day, for each company; detail says what differs.
WITH companies AS (
    SELECT m.company_id, power(10::numeric, -coalesce(c.decimals, 2)) / 2 AS tolerance
    FROM (SELECT DISTINCT company_id FROM ipai_gold_erp.account_months WHERE _connector_id = %(connector)s) AS m
    LEFT JOIN ipai_gold_erp.companies AS c ON c._connector_id = %(connector)s AND c.id = m.company_id
),
sums AS (
    SELECT c.company_id, m.account_id, coalesce(a.account_type, '') AS account_type,
           coalesce(nullif(a.code, ''), m.account_id::text) AS code, m.balance
    FROM companies AS c
    CROSS JOIN LATERAL ipai_gold_erp.movements(%(connector)s, c.company_id, '0001-01-01', %(as_of)s) AS m
    LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = %(connector)s AND a.id = m.account_id
),
months AS (
    SELECT m.company_id, m.date, sum(m.balance) AS balance, sum(m.cash) AS cash,
           coalesce(sum(m.balance) FILTER (WHERE a.account_type = 'asset_cash'), 0) AS on_cash
    FROM ipai_gold_erp.account_months AS m
    LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = m._connector_id AND a.id = m.account_id
    WHERE m._connector_id = %(connector)s
    GROUP BY m.company_id, m.date
),
open AS (
    SELECT c.company_id, o.account_id, sum(o.residual) AS residual
    FROM companies AS c CROSS JOIN (VALUES ('receivable'), ('payable')) AS k (kind)
    CROSS JOIN LATERAL ipai_gold_erp.open_at(%(connector)s, c.company_id, k.kind, %(as_of)s) AS o
    GROUP BY c.company_id, o.account_id
),
controlled AS (
    SELECT s.company_id, CASE s.account_type WHEN 'asset_receivable' THEN 'receivable' ELSE 'payable' END AS gate, s.code, s.balance,
           coalesce(o.residual, 0) AS residual
    FROM sums AS s LEFT JOIN open AS o ON o.company_id = s.company_id AND o.account_id = s.account_id
    WHERE s.account_type IN ('asset_receivable', 'liability_payable')
),
found AS (
    SELECT c.company_id, 'trial_balance' AS gate, coalesce(sum(m.balance), 0) AS difference, c.tolerance,
           string_agg(format('%%s: debit less credit is %%s', to_char(m.date, 'YYYY-MM'), m.balance), '; ' ORDER BY m.date)
               FILTER (WHERE m.date IS NOT NULL) AS detail
    FROM companies AS c LEFT JOIN months AS m ON m.company_id = c.company_id AND abs(m.balance) >= c.tolerance
    GROUP BY c.company_id, c.tolerance
    UNION ALL
    SELECT c.company_id, 'balance_sheet', sum(s.balance) FILTER (WHERE s.account_type NOT IN ('', 'off_balance')), c.tolerance,
           string_agg(format('account %%s has %%s and no known type', s.code, s.balance), '; ' ORDER BY s.code)
               FILTER (WHERE s.account_type = '' AND s.balance <> 0)
    FROM companies AS c JOIN sums AS s ON s.company_id = c.company_id
    GROUP BY c.company_id, c.tolerance
    UNION ALL
    SELECT c.company_id, g.gate, coalesce(sum(k.residual - k.balance), 0), c.tolerance,
           string_agg(format('account %%s: open items %%s, balance %%s', k.code, k.residual, k.balance), '; ' ORDER BY k.code)
               FILTER (WHERE abs(k.residual - k.balance) >= c.tolerance)
    FROM companies AS c CROSS JOIN (VALUES ('receivable'), ('payable')) AS g (gate)
    LEFT JOIN controlled AS k ON k.company_id = c.company_id AND k.gate = g.gate
    GROUP BY c.company_id, g.gate, c.tolerance
    UNION ALL
    SELECT c.company_id, 'cashflow', coalesce(sum(m.cash - m.on_cash), 0), c.tolerance,
           string_agg(format('%%s: cash flow %%s, change of cash %%s', to_char(m.date, 'YYYY-MM'), m.cash, m.on_cash), '; ' ORDER BY m.date)
               FILTER (WHERE m.date IS NOT NULL)
    FROM companies AS c LEFT JOIN months AS m ON m.company_id = c.company_id AND abs(m.cash - m.on_cash) >= c.tolerance
    GROUP BY c.company_id, c.tolerance
)
INSERT INTO ipai_gold_erp.gates (_connector_id, _tenant_id, gate, company_id, holds, difference, detail, as_of, proven_at)
SELECT %(connector)s, %(tenant)s, gate, company_id, abs(coalesce(difference, 0)) < tolerance AND detail IS NULL,
       coalesce(difference, 0), coalesce(left(detail, 1000), ''), %(as_of)s, now()
FROM found
UNION ALL
-- bronze = Odoo: the newest comparison of the journal items with Odoo's own totals
SELECT %(connector)s, %(tenant)s, 'ledger', 0, (run.proof ->> 'ok')::boolean, NULL,
       left(coalesce((SELECT string_agg(d ->> 'what', '; ') FROM jsonb_array_elements(run.proof -> 'differences') AS d), ''), 1000),
       %(as_of)s, (run.proof ->> 'at')::timestamptz
FROM (SELECT) AS always
LEFT JOIN LATERAL (
    SELECT metadata -> 'proof' AS proof FROM public.ipai_connector_run
    WHERE connector_id = %(connector)s AND metadata -> 'proof' -> 'streams' ? 'journal_entries'
    ORDER BY queued_at DESC LIMIT 1
) AS run ON true;

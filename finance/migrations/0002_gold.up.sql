-- Filled by finance.services.refresh from the silver views; a statement reads sums by account and month, never all journal items.

CREATE TABLE ipai_gold_erp.currencies (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, code text NOT NULL, name text NOT NULL, symbol text, decimals int NOT NULL, active boolean NOT NULL,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_gold_erp.currencies IS 'Currencies by their ISO code, with the decimals that amounts are shown with.';

CREATE TABLE ipai_gold_erp.currency_rates (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, currency_id bigint, company_id bigint, date date, rate numeric NOT NULL,
    PRIMARY KEY (_connector_id, id)
);
CREATE INDEX currency_rates_day ON ipai_gold_erp.currency_rates (_connector_id, currency_id, date);
COMMENT ON TABLE ipai_gold_erp.currency_rates IS 'Rates by day: an amount in A is amount * rate(B) / rate(A) in B.';

CREATE TABLE ipai_gold_erp.companies (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, name text, parent_id bigint, currency_id bigint, currency text NOT NULL, decimals int NOT NULL,
    fiscalyear_last_month int NOT NULL, fiscalyear_last_day int NOT NULL,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_gold_erp.companies IS 'Companies with their currency and the last day of their fiscal year.';

CREATE TABLE ipai_gold_erp.accounts (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, code text NOT NULL, name text NOT NULL, account_type text NOT NULL, active boolean NOT NULL, cash_section text,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_gold_erp.accounts IS 'The chart of accounts. cash_section is what the account''s tag says about cash flows; NULL: its type decides.';

CREATE TABLE ipai_gold_erp.journals (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, code text NOT NULL, name text NOT NULL, type text NOT NULL, company_id bigint,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_gold_erp.journals IS 'Journals.';

CREATE TABLE ipai_gold_erp.partners (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, name text NOT NULL, commercial_partner_id bigint,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_gold_erp.partners IS 'The names of partners.';

CREATE TABLE ipai_gold_erp.journal_items (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    id bigint NOT NULL, company_id bigint NOT NULL, move_id bigint, journal_id bigint, account_id bigint NOT NULL, partner_id bigint,
    currency_id bigint, date date NOT NULL, due date NOT NULL,
    debit numeric NOT NULL, credit numeric NOT NULL, balance numeric NOT NULL, amount_currency numeric NOT NULL,
    residual numeric NOT NULL, residual_currency numeric NOT NULL, cash numeric NOT NULL,
    move_type text NOT NULL, move_name text NOT NULL, ref text NOT NULL, label text NOT NULL, matching text NOT NULL,
    PRIMARY KEY (_connector_id, id)
);
CREATE INDEX journal_items_account ON ipai_gold_erp.journal_items (_connector_id, account_id, date, id);
COMMENT ON TABLE ipai_gold_erp.journal_items IS 'Posted journal items, as the sums below count them.';
COMMENT ON COLUMN ipai_gold_erp.journal_items.cash IS
    'What the item says about cash: in an entry that moves cash, the negative balance of each item that is not itself on a cash account.';

CREATE TABLE ipai_gold_erp.account_days (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    company_id bigint NOT NULL, date date NOT NULL, account_id bigint NOT NULL,
    debit numeric NOT NULL, credit numeric NOT NULL, balance numeric NOT NULL, cash numeric NOT NULL, items bigint NOT NULL,
    PRIMARY KEY (_connector_id, company_id, date, account_id)
);
COMMENT ON TABLE ipai_gold_erp.account_days IS 'Journal items summed by company, day and account.';

CREATE TABLE ipai_gold_erp.account_months (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    company_id bigint NOT NULL, date date NOT NULL, account_id bigint NOT NULL,
    debit numeric NOT NULL, credit numeric NOT NULL, balance numeric NOT NULL, cash numeric NOT NULL, items bigint NOT NULL,
    PRIMARY KEY (_connector_id, company_id, date, account_id)
);
COMMENT ON TABLE ipai_gold_erp.account_months IS 'The same by month; date is its first day.';

-- What was open on a receivable or payable item from one day until before another. node is a number that finds the spans around
-- a day by an index: see days_above().
CREATE TABLE ipai_gold_erp.open_spans (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    item_id bigint NOT NULL, company_id bigint NOT NULL, kind text NOT NULL, account_id bigint NOT NULL, partner_id bigint,
    currency_id bigint, is_invoice boolean NOT NULL, due date NOT NULL, valid_from date NOT NULL, valid_to date NOT NULL,
    node int NOT NULL, residual numeric NOT NULL, residual_currency numeric NOT NULL,
    PRIMARY KEY (_connector_id, item_id, valid_from),
    CHECK (kind IN ('receivable', 'payable')), CHECK (valid_from < valid_to)
);
CREATE INDEX open_spans_day ON ipai_gold_erp.open_spans (_connector_id, company_id, kind, node, valid_from);
COMMENT ON TABLE ipai_gold_erp.open_spans IS
    'What was open of each receivable and payable journal item from valid_from until before valid_to, in the company''s and in its own currency.';

CREATE TABLE ipai_gold_erp.gates (
    _connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,
    gate text NOT NULL, company_id bigint NOT NULL, holds boolean, difference numeric, detail text NOT NULL,
    as_of date NOT NULL, proven_at timestamptz,
    PRIMARY KEY (_connector_id, gate, company_id)
);
COMMENT ON TABLE ipai_gold_erp.gates IS
    'Whether the figures hold together, for each connector and company (0: the whole connector). holds is NULL where it was never proven.';

CREATE TABLE ipai_gold_erp.refreshes (
    _connector_id uuid NOT NULL PRIMARY KEY, _tenant_id uuid NOT NULL,
    refreshed_at timestamptz NOT NULL, items bigint NOT NULL, is_full boolean NOT NULL, seconds numeric NOT NULL, rules int NOT NULL
);
COMMENT ON TABLE ipai_gold_erp.refreshes IS 'The last refresh of each connector: runs that ended before it are in the figures.';

DO $$
DECLARE
    title text;
BEGIN
    FOREACH title IN ARRAY ARRAY[
        'currencies', 'currency_rates', 'companies', 'accounts', 'journals', 'partners', 'journal_items', 'account_days',
        'account_months', 'open_spans', 'gates', 'refreshes'
    ] LOOP
        EXECUTE format('ALTER TABLE ipai_gold_erp.%I ENABLE ROW LEVEL SECURITY', title);
        EXECUTE format(
            'CREATE POLICY tenant_and_layer ON ipai_gold_erp.%I FOR SELECT TO ipai_user USING (_tenant_id = (SELECT'
            ' ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read(%L)))', title, 'gold_erp'
        );
        EXECUTE format('REVOKE ALL ON ipai_gold_erp.%I FROM PUBLIC', title);
        EXECUTE format('GRANT SELECT ON ipai_gold_erp.%I TO ipai_user', title);
    END LOOP;
END
$$;

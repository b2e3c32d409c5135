-- The tables of the Odoo connector with the columns that figures are made from; a sync adds what else Odoo has. Where a sync
-- has made a table already, it keeps its rows and columns and gets what it lacks.
DO $$
DECLARE
    known CONSTANT jsonb := $json$ {
        "companies": "name text, active boolean, sequence bigint, parent_id bigint, partner_id bigint, currency_id bigint, country_id bigint, vat text, fiscalyear_last_day bigint, fiscalyear_last_month text, fiscalyear_lock_date date, transfer_account_id bigint",
        "currencies": "name text, full_name text, symbol text, position text, rounding numeric, decimal_places bigint, active boolean",
        "currency_rates": "name date, rate numeric, currency_id bigint, company_id bigint",
        "accounts": "code text, code_store text, name text, account_type text, internal_group text, reconcile boolean, deprecated boolean, active boolean, non_trade boolean, currency_id bigint, group_id bigint, company_id bigint, company_ids jsonb, tag_ids jsonb",
        "account_tags": "name text, applicability text, active boolean",
        "journals": "name text, code text, type text, active boolean, sequence bigint, company_id bigint, currency_id bigint, default_account_id bigint, suspense_account_id bigint",
        "payment_terms": "name text, active boolean, sequence bigint, company_id bigint",
        "partners": "name text, complete_name text, display_name text, active boolean, is_company boolean, parent_id bigint, commercial_partner_id bigint, company_id bigint, ref text, vat text, email text, phone text, city text, country_id bigint, customer_rank bigint, supplier_rank bigint",
        "products": "name text, default_code text, barcode text, active boolean, type text, list_price numeric, product_tmpl_id bigint, categ_id bigint",
        "projects": "name text, active boolean, sequence bigint, partner_id bigint, user_id bigint, company_id bigint, date_start date, date date",
        "invoices": "name text, ref text, date date, state text, move_type text, payment_state text, payment_reference text, partner_id bigint, commercial_partner_id bigint, invoice_partner_display_name text, company_id bigint, currency_id bigint, journal_id bigint, invoice_date date, invoice_date_due date, invoice_origin text, invoice_payment_term_id bigint, invoice_user_id bigint, amount_untaxed numeric, amount_tax numeric, amount_total numeric, amount_residual numeric, amount_untaxed_signed numeric, amount_tax_signed numeric, amount_total_signed numeric, amount_residual_signed numeric, reversed_entry_id bigint, statement_line_id bigint",
        "journal_entries": "move_id bigint, move_name text, parent_state text, journal_id bigint, company_id bigint, company_currency_id bigint, account_id bigint, partner_id bigint, currency_id bigint, date date, invoice_date date, date_maturity date, name text, ref text, sequence bigint, display_type text, quantity numeric, debit numeric, credit numeric, balance numeric, amount_currency numeric, amount_residual numeric, amount_residual_currency numeric, reconciled boolean, matching_number text, full_reconcile_id bigint, product_id bigint, tax_line_id bigint, payment_id bigint, statement_line_id bigint, analytic_distribution jsonb",
        "payments": "name text, date date, state text, payment_type text, partner_type text, partner_id bigint, amount numeric, amount_company_currency_signed numeric, currency_id bigint, company_id bigint, journal_id bigint, move_id bigint, destination_account_id bigint, outstanding_account_id bigint, memo text, ref text, payment_reference text, is_reconciled boolean, is_matched boolean",
        "partial_reconciles": "debit_move_id bigint, credit_move_id bigint, amount numeric, debit_amount_currency numeric, credit_amount_currency numeric, debit_currency_id bigint, credit_currency_id bigint, company_id bigint, full_reconcile_id bigint, exchange_move_id bigint, max_date date",
        "bank_statement_lines": "move_id bigint, journal_id bigint, company_id bigint, statement_id bigint, date date, name text, ref text, state text, sequence bigint, internal_index text, transaction_type text, payment_ref text, partner_id bigint, partner_name text, account_number text, amount numeric, amount_currency numeric, currency_id bigint, foreign_currency_id bigint, amount_residual numeric, is_reconciled boolean"
    } $json$;
    title text;
    columns text;
    definition text;
BEGIN
    FOR title, columns IN SELECT * FROM jsonb_each_text(known) LOOP
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS ipai_bronze_erp.%I (_connector_id uuid NOT NULL, _tenant_id uuid NOT NULL,'
            ' _run_id uuid NOT NULL, _loaded_at timestamptz NOT NULL DEFAULT now(), _deleted_at timestamptz, _raw jsonb,'
            ' id bigint NOT NULL, PRIMARY KEY (_connector_id, id))', title
        );
        FOREACH definition IN ARRAY string_to_array(columns || ', _raw jsonb, create_date timestamptz, write_date timestamptz', ', ') LOOP
            EXECUTE format('ALTER TABLE ipai_bronze_erp.%I ADD COLUMN IF NOT EXISTS %s', title, definition);
        END LOOP;
        IF NOT EXISTS (
            SELECT FROM pg_constraint WHERE conrelid = format('ipai_bronze_erp.%I', title)::regclass AND contype = 'p'
        ) THEN
            EXECUTE format('ALTER TABLE ipai_bronze_erp.%I ADD PRIMARY KEY (_connector_id, id)', title);
        END IF;
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON ipai_bronze_erp.%I (_connector_id, _run_id)', title || '_run', title);

        -- as ipai.lakehouse.tables.protect does for the tables that loads make
        EXECUTE format('ALTER TABLE ipai_bronze_erp.%I ENABLE ROW LEVEL SECURITY', title);
        EXECUTE format('DROP POLICY IF EXISTS tenant_and_layer ON ipai_bronze_erp.%I', title);
        EXECUTE format(
            'CREATE POLICY tenant_and_layer ON ipai_bronze_erp.%I FOR SELECT TO ipai_user USING (_tenant_id = (SELECT'
            ' ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read(%L)))', title, 'bronze_erp'
        );
        EXECUTE format('REVOKE ALL ON ipai_bronze_erp.%I FROM PUBLIC', title);
        EXECUTE format('GRANT SELECT ON ipai_bronze_erp.%I TO ipai_user', title);
    END LOOP;
END
$$;

-- What a refresh of gold looks up for the rows that a run has changed.
CREATE INDEX IF NOT EXISTS journal_entries_move ON ipai_bronze_erp.journal_entries (_connector_id, move_id);
CREATE INDEX IF NOT EXISTS partial_reconciles_debit ON ipai_bronze_erp.partial_reconciles (_connector_id, debit_move_id);
CREATE INDEX IF NOT EXISTS partial_reconciles_credit ON ipai_bronze_erp.partial_reconciles (_connector_id, credit_move_id);

COMMENT ON TABLE ipai_bronze_erp.companies IS 'Odoo res.company: companies, their currency and the end of their fiscal year.';
COMMENT ON TABLE ipai_bronze_erp.currencies IS 'Odoo res.currency.';
COMMENT ON TABLE ipai_bronze_erp.currency_rates IS 'Odoo res.currency.rate: units of the currency for one of the company''s, by day (name).';
COMMENT ON TABLE ipai_bronze_erp.accounts IS 'Odoo account.account: the chart of accounts, archived ones too.';
COMMENT ON TABLE ipai_bronze_erp.account_tags IS 'Odoo account.account.tag: names such as Operating Activities, by which cash flows are classified.';
COMMENT ON TABLE ipai_bronze_erp.journals IS 'Odoo account.journal.';
COMMENT ON TABLE ipai_bronze_erp.payment_terms IS 'Odoo account.payment.term.';
COMMENT ON TABLE ipai_bronze_erp.partners IS 'Odoo res.partner: customers, vendors and contacts.';
COMMENT ON TABLE ipai_bronze_erp.products IS 'Odoo product.product.';
COMMENT ON TABLE ipai_bronze_erp.projects IS 'Odoo project.project.';
COMMENT ON TABLE ipai_bronze_erp.invoices IS 'Odoo account.move: invoices, bills, credit notes and every other journal entry, in any state.';
COMMENT ON TABLE ipai_bronze_erp.journal_entries IS 'Odoo account.move.line: journal items, in any state.';
COMMENT ON TABLE ipai_bronze_erp.payments IS 'Odoo account.payment.';
COMMENT ON TABLE ipai_bronze_erp.partial_reconciles IS 'Odoo account.partial.reconcile: which journal item settles how much of which, and on which day (max_date).';
COMMENT ON TABLE ipai_bronze_erp.bank_statement_lines IS 'Odoo account.bank.statement.line.';

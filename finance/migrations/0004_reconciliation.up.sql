-- Read by whoever may read gold of the ledger in the tenant; written by the portal alone. What the past teaches and the language
-- model's calls are the portal's own.
DO $$
DECLARE
    title text;
    api_role text;
    sequence regclass;
BEGIN
    FOREACH title IN ARRAY ARRAY[
        'ipai_reconciliation_suggestion', 'ipai_reconciliation_decision', 'ipai_reconciliation_allocation',
        'ipai_reconciliation_learned', 'ipai_reconciliation_model_call'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', title);
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC', title);
        FOR api_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
            EXECUTE format('REVOKE ALL ON public.%I FROM %I', title, api_role);
            FOR sequence IN
                SELECT s.oid FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
                WHERE d.refobjid = format('public.%I', title)::regclass AND d.deptype IN ('a', 'i')
            LOOP
                EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', sequence, api_role);
            END LOOP;
        END LOOP;
        CONTINUE WHEN title IN ('ipai_reconciliation_learned', 'ipai_reconciliation_model_call');
        EXECUTE format(
            'CREATE POLICY own_tenant ON public.%I FOR SELECT TO ipai_user USING (tenant_id = (SELECT ipai_auth.tenant_id())'
            ' AND (SELECT ipai_auth.can_read(%L)))', title, 'gold_erp'
        );
        EXECUTE format('GRANT SELECT ON public.%I TO ipai_user', title);
    END LOOP;
END
$$;

-- Suggestions read what is open, however long the ledger is.
CREATE INDEX journal_entries_open ON ipai_bronze_erp.journal_entries (_connector_id, account_id)
    WHERE NOT coalesce(reconciled, false) AND _deleted_at IS NULL AND parent_state = 'posted'
      AND coalesce(amount_residual_currency, 0) <> 0;
CREATE INDEX bank_statement_lines_open ON ipai_bronze_erp.bank_statement_lines (_connector_id)
    WHERE NOT coalesce(is_reconciled, false) AND _deleted_at IS NULL;

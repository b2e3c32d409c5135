DROP INDEX ipai_bronze_erp.journal_entries_open;
DROP INDEX ipai_bronze_erp.bank_statement_lines_open;
DO $$
DECLARE
    title text;
BEGIN
    FOREACH title IN ARRAY ARRAY[
        'ipai_reconciliation_suggestion', 'ipai_reconciliation_decision', 'ipai_reconciliation_allocation',
        'ipai_reconciliation_learned', 'ipai_reconciliation_model_call'
    ] LOOP
        EXECUTE format('DROP POLICY IF EXISTS own_tenant ON public.%I', title);
        EXECUTE format('REVOKE ALL ON public.%I FROM ipai_user', title);
        EXECUTE format('ALTER TABLE public.%I DISABLE ROW LEVEL SECURITY', title);
    END LOOP;
END
$$;

-- Tables with rows stay, without what the up file added to them: a sync may have made them. Their columns are the sync's too.
DO $$
DECLARE
    title text;
    filled boolean;
BEGIN
    FOREACH title IN ARRAY ARRAY[
        'companies', 'currencies', 'currency_rates', 'accounts', 'account_tags', 'journals', 'payment_terms', 'partners', 'products',
        'projects', 'invoices', 'journal_entries', 'payments', 'partial_reconciles', 'bank_statement_lines'
    ] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM ipai_bronze_erp.%I)', title) INTO filled;
        IF filled THEN
            EXECUTE format('DROP INDEX IF EXISTS ipai_bronze_erp.%I', title || '_run');
        ELSE
            EXECUTE format('DROP TABLE ipai_bronze_erp.%I', title);
        END IF;
    END LOOP;
END
$$;
DROP INDEX IF EXISTS ipai_bronze_erp.journal_entries_move;
DROP INDEX IF EXISTS ipai_bronze_erp.partial_reconciles_debit;
DROP INDEX IF EXISTS ipai_bronze_erp.partial_reconciles_credit;

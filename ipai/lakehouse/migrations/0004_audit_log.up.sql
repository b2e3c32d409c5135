-- The audit log takes new rows and nothing else, from anybody, its owner included. rlsaudit fails when the trigger is
-- gone, off or altered. By statement, so that a change that would hit no row is refused too.
CREATE FUNCTION ipai_auth.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('the audit log is append-only: %s refused', TG_OP),
        HINT = 'Write a new event that says what was wrong.';
END
$$;
COMMENT ON FUNCTION ipai_auth.refuse_audit_change() IS 'Trigger: refuses update, delete and truncate of the audit log to every role.';
REVOKE ALL ON FUNCTION ipai_auth.refuse_audit_change() FROM PUBLIC;

CREATE TRIGGER audit_log_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON public.ipai_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION ipai_auth.refuse_audit_change();
-- ALWAYS: also where session_replication_role is replica
ALTER TABLE public.ipai_audit_log ENABLE ALWAYS TRIGGER audit_log_append_only;

REVOKE UPDATE, DELETE, TRUNCATE ON public.ipai_audit_log FROM PUBLIC, ipai_user;
DO $$
BEGIN
    IF to_regrole('service_role') IS NOT NULL THEN  -- Supabase's server key passes row level security
        REVOKE UPDATE, DELETE, TRUNCATE ON public.ipai_audit_log FROM service_role;
    END IF;
END
$$;

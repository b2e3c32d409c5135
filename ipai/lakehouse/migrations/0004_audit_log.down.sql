DROP TRIGGER audit_log_append_only ON public.ipai_audit_log;
DROP FUNCTION ipai_auth.refuse_audit_change();

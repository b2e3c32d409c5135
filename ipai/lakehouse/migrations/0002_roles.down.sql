DROP FUNCTION ipai_auth.can_read(text);
DROP FUNCTION ipai_auth.is_platform_admin();
DROP FUNCTION ipai_auth.has_role(text[]);
DROP FUNCTION ipai_auth.tenant_id();
DROP FUNCTION ipai_auth.claims();
DROP SCHEMA ipai_auth;

REVOKE USAGE ON SCHEMA
    public, ipai_bronze_core, ipai_silver_core, ipai_gold_core, ipai_platinum_core, ipai_bronze_erp, ipai_silver_erp,
    ipai_gold_erp, ipai_bronze_devops, ipai_gold_devops
FROM ipai_user;

-- The role belongs to the cluster: it goes only when no database rests on it any more.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = 'ipai_user'::regrole) THEN
        DROP ROLE ipai_user;
    END IF;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
    RAISE NOTICE 'role ipai_user stays: %', SQLERRM;
END
$$;

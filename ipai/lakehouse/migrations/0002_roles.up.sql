-- ipai_user: what people and programs become for the length of a transaction. Roles belong to the whole cluster,
-- so another database may have made it already.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ipai_user') THEN
        BEGIN
            CREATE ROLE ipai_user NOLOGIN NOINHERIT NOCREATEDB NOCREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database was first
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) THEN
        RETURN;
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
        IF NOT pg_has_role(current_user, 'ipai_user', 'SET') THEN
            EXECUTE format('GRANT ipai_user TO %I WITH SET TRUE, INHERIT FALSE', current_user);
        END IF;
    ELSIF NOT pg_has_role(current_user, 'ipai_user', 'MEMBER') THEN
        EXECUTE format('GRANT ipai_user TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('%s may not make or use the role ipai_user', current_user),
        HINT = format('As a superuser: CREATE ROLE ipai_user NOLOGIN NOINHERIT; GRANT ipai_user TO %I;', current_user);
END
$$;

-- Databases made before PostgreSQL 15 let everybody create in public.
DO $$
BEGIN
    IF has_schema_privilege('public', 'public', 'CREATE')
       AND pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = 'public'), 'USAGE') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
END
$$;

CREATE SCHEMA ipai_auth;
COMMENT ON SCHEMA ipai_auth IS 'Who is asking: functions that policies use, reading request.jwt.claims.';

REVOKE ALL ON SCHEMA
    ipai_auth, ipai_bronze_core, ipai_silver_core, ipai_gold_core, ipai_platinum_core, ipai_bronze_erp, ipai_silver_erp,
    ipai_gold_erp, ipai_bronze_devops, ipai_gold_devops
FROM PUBLIC;
GRANT USAGE ON SCHEMA
    public, ipai_auth, ipai_bronze_core, ipai_silver_core, ipai_gold_core, ipai_platinum_core, ipai_bronze_erp, ipai_silver_erp,
    ipai_gold_erp, ipai_bronze_devops, ipai_gold_devops
TO ipai_user;

-- The claims as an object; NULL when there are none or they are not a JSON object. Never an error.
-- From PostgreSQL 16 text can be tested without an exception block, and only then may plans run in parallel.
DO $do$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE $sql$
            CREATE FUNCTION ipai_auth.claims() RETURNS jsonb
            LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
            SET search_path = pg_catalog, pg_temp
            AS $fn$
                SELECT CASE WHEN length(raw) < 65536 AND raw IS JSON OBJECT AND pg_input_is_valid(raw, 'jsonb') THEN raw::jsonb END
                FROM (SELECT current_setting('request.jwt.claims', true) AS raw) AS setting
            $fn$
        $sql$;
    ELSE
        EXECUTE $sql$
            CREATE FUNCTION ipai_auth.claims() RETURNS jsonb
            LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
            SET search_path = pg_catalog, pg_temp
            AS $fn$
            DECLARE
                parsed jsonb := NULL;
            BEGIN
                IF length(current_setting('request.jwt.claims', true)) < 65536 THEN
                    parsed := current_setting('request.jwt.claims', true)::jsonb;
                END IF;
                RETURN CASE WHEN jsonb_typeof(parsed) = 'object' THEN parsed END;
            EXCEPTION WHEN OTHERS THEN
                RETURN NULL;
            END
            $fn$
        $sql$;
    END IF;
END
$do$;
COMMENT ON FUNCTION ipai_auth.claims() IS 'request.jwt.claims of this transaction as a JSON object, or NULL.';

-- A definer, to read ipai_tenant past its own policy; takes no argument, so nobody can probe for other tenants.
CREATE FUNCTION ipai_auth.tenant_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT tenant.id
        FROM public.ipai_tenant AS tenant
        WHERE tenant.slug = ipai_auth.claims() -> 'app_metadata' ->> 'tenant'
    );
END
$$;
COMMENT ON FUNCTION ipai_auth.tenant_id() IS 'The tenant that the claims name in app_metadata.tenant, or NULL.';

CREATE FUNCTION ipai_auth.has_role(wanted text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_typeof(held) = 'array' AND held ?| wanted, false)
    FROM (SELECT ipai_auth.claims() -> 'app_metadata' -> 'ipai_roles' AS held) AS claim
$$;
COMMENT ON FUNCTION ipai_auth.has_role(text[]) IS 'Whether the claims hold any of these roles in app_metadata.ipai_roles.';

CREATE FUNCTION ipai_auth.is_platform_admin() RETURNS boolean
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ipai_auth.has_role(ARRAY['platform_admin']) $$;
COMMENT ON FUNCTION ipai_auth.is_platform_admin() IS 'Whether the claims hold the role platform_admin.';

CREATE FUNCTION ipai_auth.can_read(layer text) RETURNS boolean
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        CASE split_part(layer, '_', 1)
            WHEN 'bronze' THEN ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer'])
            WHEN 'silver' THEN ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'analytics_engineer'])
            WHEN 'gold' THEN ipai_auth.has_role(
                ARRAY['platform_admin', 'data_engineer', 'analytics_engineer', 'bi_developer', 'ai_engineer', 'auditor']
                || CASE WHEN layer = 'gold_devops' THEN ARRAY['operator'] ELSE '{}' END
            )
            WHEN 'platinum' THEN ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'bi_developer', 'ai_engineer'])
        END,
        false
    )
$$;
COMMENT ON FUNCTION ipai_auth.can_read(text) IS 'Whether the claims may read this layer, e.g. bronze_core; false for an unknown one.';

REVOKE ALL ON FUNCTION
    ipai_auth.claims(), ipai_auth.tenant_id(), ipai_auth.has_role(text[]), ipai_auth.is_platform_admin(), ipai_auth.can_read(text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ipai_auth.claims(), ipai_auth.tenant_id(), ipai_auth.has_role(text[]), ipai_auth.is_platform_admin(), ipai_auth.can_read(text)
TO ipai_user;

-- On 15 claims() cannot run beside parallel workers, nor may what calls it.
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        ALTER FUNCTION ipai_auth.has_role(text[]) PARALLEL SAFE;
        ALTER FUNCTION ipai_auth.is_platform_admin() PARALLEL SAFE;
        ALTER FUNCTION ipai_auth.can_read(text) PARALLEL SAFE;
    ELSE
        ALTER FUNCTION ipai_auth.tenant_id() PARALLEL UNSAFE;
    END IF;
END
$$;

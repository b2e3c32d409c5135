-- The same as POST /api/v1/rpc/run_connector, for SQL clients and supabase-js rpc(). It inserts a queued run; the dispatcher
-- in beat picks it up. SQLSTATEs PT404 and PT409 become these HTTP statuses behind PostgREST.
CREATE FUNCTION public.run_connector(connector text, mode text DEFAULT 'incremental') RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant uuid := ipai_auth.tenant_id();
    caller text := left(coalesce(ipai_auth.claims() ->> 'sub', ''), 200);
    found_id uuid;
    enabled boolean;
    run_id uuid := gen_random_uuid();
    open_run uuid;
    clash text;
BEGIN
    IF tenant IS NULL OR NOT ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'operator']) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'you may not run connectors',
            HINT = 'Ask an administrator for the role data_engineer or operator.';
    END IF;
    IF run_connector.mode IS NULL OR run_connector.mode NOT IN ('full', 'incremental') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('mode is full or incremental, not %s', coalesce(quote_literal(run_connector.mode), 'null'));
    END IF;

    SELECT config.id, config.is_enabled INTO found_id, enabled
    FROM public.ipai_connector_config AS config
    WHERE config.tenant_id = tenant AND config.name = run_connector.connector;
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PT404',
            MESSAGE = format('no connector named %s', coalesce(quote_literal(run_connector.connector), 'null')),
            HINT = 'GET /api/v1/connectors/ lists the connectors.';
    END IF;
    IF NOT enabled THEN
        RAISE EXCEPTION USING ERRCODE = 'PT409', MESSAGE = format('connector %L is paused', run_connector.connector),
            HINT = 'Switch it on in the console, then run it.';
    END IF;

    BEGIN
        INSERT INTO public.ipai_connector_run (id, connector_id, mode, trigger, status, requested_by)
        VALUES (run_id, found_id, run_connector.mode, 'api', 'queued', caller);
    EXCEPTION WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS clash = CONSTRAINT_NAME;
        IF clash <> 'one_open_run_per_connector' THEN
            RAISE;
        END IF;
        SELECT run.id INTO open_run
        FROM public.ipai_connector_run AS run
        WHERE run.connector_id = found_id AND run.status IN ('queued', 'running');
        RAISE EXCEPTION USING ERRCODE = 'PT409', MESSAGE = format('connector %L is already running', run_connector.connector),
            HINT = coalesce(format('Wait for run %s to end, or cancel it.', open_run), 'That run has just ended: try again.');
    END;

    INSERT INTO public.ipai_audit_log (tenant_id, event_type, entity_type, entity_id, actor, action, details, ip_address, user_agent)
    VALUES (
        tenant, 'connector_run', 'connector', found_id::text, coalesce(nullif(caller, ''), 'unknown'), 'run',
        jsonb_build_object('run_id', run_id, 'mode', run_connector.mode, 'trigger', 'api', 'via', 'sql'), NULL, ''
    );
    RETURN run_id;
END
$$;
COMMENT ON FUNCTION public.run_connector(text, text) IS
    'Queues a run of a connector of your tenant and returns its id. mode: incremental (default) or full.';

REVOKE ALL ON FUNCTION public.run_connector(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.run_connector(text, text) TO ipai_user;
DO $$
BEGIN
    IF to_regrole('anon') IS NOT NULL THEN
        REVOKE ALL ON FUNCTION public.run_connector(text, text) FROM anon;
    END IF;
    IF to_regrole('authenticated') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION public.run_connector(text, text) TO authenticated;
    END IF;
END
$$;

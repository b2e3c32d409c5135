-- Row level security on every table in public. Django connects as their owner and is not held by it. FORCE is not used:
-- PostgreSQL refuses COPY FROM into a table with row level security even to an owner who is held by it.
DO $$
DECLARE
    name text;
    api_role text;
    sequence regclass;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'ipai_tenant', 'ipai_account', 'ipai_account_groups', 'ipai_account_user_permissions', 'ipai_api_token', 'ipai_secret',
        'ipai_audit_log', 'ipai_connector_config', 'ipai_connector_run', 'ipai_connector_run_stream', 'ipai_connector_state',
        'ipai_loaded_part', 'ipai_rejected_record', 'ipai_run_log',
        'auth_group', 'auth_group_permissions', 'auth_permission', 'django_admin_log', 'django_content_type',
        'django_migrations', 'django_session',
        'django_celery_beat_clockedschedule', 'django_celery_beat_crontabschedule', 'django_celery_beat_intervalschedule',
        'django_celery_beat_periodictask', 'django_celery_beat_periodictasks', 'django_celery_beat_solarschedule'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC', name);
        -- Supabase gives its API roles everything in public
        FOR api_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
            EXECUTE format('REVOKE ALL ON public.%I FROM %I', name, api_role);
            FOR sequence IN
                SELECT s.oid FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
                WHERE d.refobjid = format('public.%I', name)::regclass AND d.deptype IN ('a', 'i')
            LOOP
                EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', sequence, api_role);
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

GRANT SELECT ON
    public.ipai_tenant, public.ipai_connector_config, public.ipai_connector_run, public.ipai_connector_run_stream,
    public.ipai_connector_state, public.ipai_loaded_part, public.ipai_rejected_record, public.ipai_run_log, public.ipai_audit_log
TO ipai_user;

CREATE POLICY own_tenant ON public.ipai_tenant FOR SELECT TO ipai_user
    USING (id = (SELECT ipai_auth.tenant_id()));

-- Everybody with a role sees what runs and how fresh it is; the values of secrets are not in these tables.
CREATE POLICY own_tenant ON public.ipai_connector_config FOR SELECT TO ipai_user
    USING (
        tenant_id = (SELECT ipai_auth.tenant_id())
        AND (SELECT ipai_auth.has_role(ARRAY[
            'platform_admin', 'data_engineer', 'analytics_engineer', 'bi_developer', 'ai_engineer', 'operator', 'auditor'
        ]))
    );
-- The subqueries below are held by the policies of the tables they read: a run is seen by whoever sees its connector.
CREATE POLICY own_tenant ON public.ipai_connector_run FOR SELECT TO ipai_user
    USING (EXISTS (SELECT FROM public.ipai_connector_config AS connector WHERE connector.id = connector_id));
CREATE POLICY own_tenant ON public.ipai_connector_run_stream FOR SELECT TO ipai_user
    USING (EXISTS (SELECT FROM public.ipai_connector_run AS run WHERE run.id = run_id));

-- Cursors, file names and logs are for those who operate connectors, and for auditors.
CREATE POLICY own_tenant ON public.ipai_connector_state FOR SELECT TO ipai_user
    USING (
        (SELECT ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'operator', 'auditor']))
        AND EXISTS (SELECT FROM public.ipai_connector_config AS connector WHERE connector.id = connector_id)
    );
CREATE POLICY own_tenant ON public.ipai_loaded_part FOR SELECT TO ipai_user
    USING (
        (SELECT ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'operator', 'auditor']))
        AND EXISTS (SELECT FROM public.ipai_connector_config AS connector WHERE connector.id = connector_id)
    );
CREATE POLICY own_tenant ON public.ipai_run_log FOR SELECT TO ipai_user
    USING (
        (SELECT ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer', 'operator', 'auditor']))
        AND EXISTS (SELECT FROM public.ipai_connector_run AS run WHERE run.id = run_id)
    );
-- A rejected record is bronze data: only who reads bronze reads it.
CREATE POLICY own_tenant ON public.ipai_rejected_record FOR SELECT TO ipai_user
    USING (
        (SELECT ipai_auth.has_role(ARRAY['platform_admin', 'data_engineer']))
        AND EXISTS (SELECT FROM public.ipai_connector_run AS run WHERE run.id = run_id)
    );
CREATE POLICY own_tenant ON public.ipai_audit_log FOR SELECT TO ipai_user
    USING (
        tenant_id = (SELECT ipai_auth.tenant_id())
        AND (SELECT ipai_auth.has_role(ARRAY['platform_admin', 'auditor']))
    );

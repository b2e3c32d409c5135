DROP POLICY own_tenant ON public.ipai_audit_log;
DROP POLICY own_tenant ON public.ipai_rejected_record;
DROP POLICY own_tenant ON public.ipai_run_log;
DROP POLICY own_tenant ON public.ipai_loaded_part;
DROP POLICY own_tenant ON public.ipai_connector_state;
DROP POLICY own_tenant ON public.ipai_connector_run_stream;
DROP POLICY own_tenant ON public.ipai_connector_run;
DROP POLICY own_tenant ON public.ipai_connector_config;
DROP POLICY own_tenant ON public.ipai_tenant;

REVOKE SELECT ON
    public.ipai_tenant, public.ipai_connector_config, public.ipai_connector_run, public.ipai_connector_run_stream,
    public.ipai_connector_state, public.ipai_loaded_part, public.ipai_rejected_record, public.ipai_run_log, public.ipai_audit_log
FROM ipai_user;

-- What anon and authenticated held on Supabase is not given back: these tables are not for them.
DO $$
DECLARE
    name text;
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
        EXECUTE format('ALTER TABLE public.%I DISABLE ROW LEVEL SECURITY', name);
    END LOOP;
END
$$;

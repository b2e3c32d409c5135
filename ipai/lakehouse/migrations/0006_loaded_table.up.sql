-- Only the portal itself reads it: granted to nobody.
ALTER TABLE public.ipai_loaded_table ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON public.ipai_loaded_table FROM PUBLIC;
DO $$
DECLARE
    api_role text;
BEGIN
    FOR api_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
        EXECUTE format('REVOKE ALL ON public.ipai_loaded_table FROM %I', api_role);
    END LOOP;
END
$$;

-- Tables that are there already: whoever alone has fed one brought its columns. Of a table that several tenants have
-- fed nobody knows who brought what: each sees its own columns again with its next load.
INSERT INTO public.ipai_loaded_table (target, tenant_id, columns)
SELECT fed.target, tenant.id,
       CASE WHEN cardinality(fed.tenants) = 1 THEN ARRAY(
           SELECT a.attname::text FROM pg_attribute AS a
           WHERE a.attrelid = fed.oid AND a.attnum > 0 AND NOT a.attisdropped
       ) ELSE '{}' END
FROM (
    SELECT stream.target, c.oid, array_agg(DISTINCT config.tenant_id) AS tenants
    FROM public.ipai_connector_run_stream AS stream
    JOIN public.ipai_connector_run AS run ON run.id = stream.run_id
    JOIN public.ipai_connector_config AS config ON config.id = run.connector_id
    JOIN pg_namespace AS n ON n.nspname = split_part(stream.target, '.', 1)
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = substr(stream.target, length(n.nspname) + 2)
    WHERE stream.target LIKE 'ipai\_bronze\_%'
    GROUP BY stream.target, c.oid
) AS fed
CROSS JOIN LATERAL unnest(fed.tenants) AS tenant (id)
ON CONFLICT DO NOTHING;

-- Only the portal itself reads it: granted to nobody.
ALTER TABLE public.ipai_stream_fields ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON public.ipai_stream_fields FROM PUBLIC;
DO $$
DECLARE
    api_role text;
BEGIN
    FOR api_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
        EXECUTE format('REVOKE ALL ON public.ipai_stream_fields FROM %I', api_role);
    END LOOP;
END
$$;

ALTER TABLE public.ipai_stream_fields DISABLE ROW LEVEL SECURITY;

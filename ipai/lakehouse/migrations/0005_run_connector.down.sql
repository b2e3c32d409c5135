DROP FUNCTION public.run_connector(text, text);

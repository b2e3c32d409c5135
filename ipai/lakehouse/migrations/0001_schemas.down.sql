-- Without CASCADE: tables and views that connectors made hold data, and whoever reverses this drops them knowingly first.
DROP SCHEMA ipai_gold_devops;
DROP SCHEMA ipai_bronze_devops;
DROP SCHEMA ipai_gold_erp;
DROP SCHEMA ipai_silver_erp;
DROP SCHEMA ipai_bronze_erp;
DROP SCHEMA ipai_platinum_core;
DROP SCHEMA ipai_gold_core;
DROP SCHEMA ipai_silver_core;
DROP SCHEMA ipai_bronze_core;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_extension
        WHERE extname = 'vector' AND obj_description(oid, 'pg_extension') LIKE '%(made by ipai)'
    ) THEN
        DROP EXTENSION vector;
    END IF;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
    RAISE NOTICE 'extension vector stays: %', SQLERRM;
END
$$;

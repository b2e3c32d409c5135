-- The nine medallion schemas. Their names say layer and domain; nothing else may live in them.
CREATE SCHEMA ipai_bronze_core;
CREATE SCHEMA ipai_silver_core;
CREATE SCHEMA ipai_gold_core;
CREATE SCHEMA ipai_platinum_core;
CREATE SCHEMA ipai_bronze_erp;
CREATE SCHEMA ipai_silver_erp;
CREATE SCHEMA ipai_gold_erp;
CREATE SCHEMA ipai_bronze_devops;
CREATE SCHEMA ipai_gold_devops;

COMMENT ON SCHEMA ipai_bronze_core IS 'Files and other general sources, as they came, with where each row came from.';
COMMENT ON SCHEMA ipai_silver_core IS 'General data, cleaned and typed, one row per thing.';
COMMENT ON SCHEMA ipai_gold_core IS 'General data shaped for reports.';
COMMENT ON SCHEMA ipai_platinum_core IS 'What models and agents read: features and embeddings.';
COMMENT ON SCHEMA ipai_bronze_erp IS 'The ERP''s records as they came, with where each row came from.';
COMMENT ON SCHEMA ipai_silver_erp IS 'ERP data, cleaned and typed, one row per thing.';
COMMENT ON SCHEMA ipai_gold_erp IS 'Financial statements, ageing and other figures for reports.';
COMMENT ON SCHEMA ipai_bronze_devops IS 'Code hosting and deployment records as they came, with where each row came from.';
COMMENT ON SCHEMA ipai_gold_devops IS 'Delivery figures: CI, deployments, DORA, spec compliance.';

-- pgvector where the server has it and lets us. Without it the portal works; readyz and provision say so.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector' AND installed_version IS NULL) THEN
        IF to_regnamespace('extensions') IS NOT NULL THEN  -- Supabase keeps extensions out of public
            CREATE EXTENSION vector SCHEMA extensions;
        ELSE
            CREATE EXTENSION vector SCHEMA public;
        END IF;
        -- the reverse drops only what this migration made
        COMMENT ON EXTENSION vector IS 'vector type and index access methods (made by ipai)';
    END IF;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
    RAISE NOTICE 'extension vector was not created: %', SQLERRM;
END
$$;

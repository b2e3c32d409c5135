ALTER TABLE ipai_gold_devops.repositories DROP COLUMN read_at, DROP COLUMN failure;

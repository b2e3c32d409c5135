-- Figures are moved on by the clock; these say whether what they stand on was read, and whether they could be made.
ALTER TABLE ipai_gold_devops.repositories ADD COLUMN read_at timestamptz, ADD COLUMN failure text;
UPDATE ipai_gold_devops.repositories SET read_at = refreshed_at;
COMMENT ON COLUMN ipai_gold_devops.repositories.read_at IS 'When a run of its connector last read the source to the end.';
COMMENT ON COLUMN ipai_gold_devops.repositories.failure IS 'Why its figures could not be made again: they are as of as_of. Null where they could.';

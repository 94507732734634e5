-- Upkeep of a table (`vai_records.lake.upkeep`): who works on it until when, when it was looked at last, and what was
-- done then. No run gets a table's lock while somebody works on it.
ALTER TABLE datasets
    ADD COLUMN upkeep_by uuid,
    ADD COLUMN upkeep_until timestamptz,
    ADD COLUMN upkept_at timestamptz,
    ADD COLUMN upkeep jsonb;

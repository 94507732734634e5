-- The run that an event of a connection tells of, where `data` do not say it: services of before this field publish
-- `data` as they are, and take no field that they do not know.
ALTER TABLE events ADD COLUMN run_id uuid;

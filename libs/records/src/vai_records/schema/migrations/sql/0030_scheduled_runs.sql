-- Runs that start later: held, with the time in due_at. The time stays in scheduled_for, which people see ------------------

ALTER TABLE runs ADD COLUMN scheduled_for timestamptz;

-- NOT VALID: the rows that are there have kept the narrower constraint, and reading all of them would hold the table.
ALTER TABLE runs DROP CONSTRAINT runs_held_for_check,
    ADD CONSTRAINT runs_held_for_check CHECK (held_for IN ('approval', 'limit', 'deferred', 'scheduled')) NOT VALID,
    ADD CONSTRAINT scheduled_has_due CHECK (held_for <> 'scheduled' OR due_at IS NOT NULL) NOT VALID;

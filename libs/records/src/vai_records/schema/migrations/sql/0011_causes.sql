-- What one cause leads to has a budget (rule 24). An automation run says which cause it goes back to; one that nobody's
-- automation has led to is its own (NULL), and so is one that an older version made.
ALTER TABLE automation_runs
    ADD COLUMN cause_id uuid,
    -- why it may not begin: its cause's budget is spent
    ADD COLUMN cut_off text,
    -- it waits for the runs of its schedule before it (overlap "queue"), and whoever ends one looks at the next
    ADD COLUMN waits boolean NOT NULL DEFAULT false;

CREATE TABLE automation_causes (
    id               uuid PRIMARY KEY,
    -- automation runs that it has led to, or would have, and the steps of these
    automation_runs  int NOT NULL DEFAULT 0,
    steps            int NOT NULL DEFAULT 0,
    -- when it was first told that it leads to no more
    cut_off_at       timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX automation_causes_old ON automation_causes (updated_at);

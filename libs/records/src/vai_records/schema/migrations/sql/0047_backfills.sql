-- Automation runs that begin later, and requests to make up for past times of a schedule (docs/automations.md).
ALTER TABLE automation_runs ADD COLUMN scheduled_for timestamptz, ADD COLUMN backfill_id uuid;

CREATE TABLE backfills (
    id            uuid PRIMARY KEY,
    org_id        uuid NOT NULL REFERENCES organisations,
    automation_id uuid NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz NOT NULL,
    -- automation runs that the request made
    made          int NOT NULL,
    created_by    uuid,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    cancelled_by  uuid,
    cancelled_at  timestamptz
);
CREATE INDEX backfills_of ON backfills (automation_id, id DESC);
CREATE INDEX automation_runs_of_backfill ON automation_runs (backfill_id) WHERE backfill_id IS NOT NULL;

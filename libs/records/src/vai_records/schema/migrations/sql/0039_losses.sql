-- What the System page shows of the processes (docs/operations.md): the version that each runs.
ALTER TABLE processes ADD COLUMN version text;

-- Processes that died without saying so, by the watchdog that noticed it. Kept for 30 days.
CREATE TABLE process_losses (
    process_id  uuid PRIMARY KEY,
    service     text NOT NULL,
    version     text,
    why         text NOT NULL,
    started_at  timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL,
    lost_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX process_losses_by_time ON process_losses (lost_at DESC);

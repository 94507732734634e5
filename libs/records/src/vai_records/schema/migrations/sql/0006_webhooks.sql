-- Webhooks that came while their automation was paused or in error (decision 40): how many, and when the last one.
ALTER TABLE automations
    ADD COLUMN webhooks_ignored bigint NOT NULL DEFAULT 0,
    ADD COLUMN webhook_ignored_at timestamptz;

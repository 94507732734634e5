-- Somebody started it before its time, which `scheduled_for` keeps: a repeat of the request asks for the same time.
ALTER TABLE automation_runs ADD COLUMN begins_now boolean NOT NULL DEFAULT false;

-- Automations: a trigger, conditions and steps ---------------------------------------------------------------------

CREATE TABLE automations (
    id              uuid PRIMARY KEY,
    org_id          uuid NOT NULL REFERENCES organisations,
    name            text NOT NULL,
    slug            text NOT NULL,
    description     text,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'error')),
    -- why its status is error
    error           jsonb,
    -- the definition that its next run follows
    version_id      uuid NOT NULL,
    -- as it is shown; a webhook's secret is kept beside it, encrypted
    trigger         jsonb NOT NULL,
    event_type      text,
    webhook_path    text,
    webhook_secret  bytea,
    -- when its schedule fires next
    due_at          timestamptz,
    source_type     text NOT NULL DEFAULT 'manual' CHECK (source_type IN ('manual', 'crystallized')),
    created_by      uuid,
    updated_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at      timestamptz
);
CREATE UNIQUE INDEX automations_slug ON automations (org_id, slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX automations_webhook ON automations (org_id, webhook_path)
    WHERE webhook_path IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX automations_list ON automations (org_id, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX automations_due ON automations (due_at)
    WHERE due_at IS NOT NULL AND status = 'active' AND deleted_at IS NULL;
-- also of those that were deleted, so that who asks for each event (records/fragments.py) can use no other index
CREATE INDEX automations_of_event ON automations (org_id, event_type)
    WHERE event_type IS NOT NULL AND status = 'active';

-- What an automation said at a time; never changed, so that a run can be read with the steps that it had.
CREATE TABLE automation_versions (
    id             uuid PRIMARY KEY,
    automation_id  uuid NOT NULL,
    org_id         uuid NOT NULL,
    -- inputs, conditions, steps, max_parallel
    definition     jsonb NOT NULL,
    -- write-only values of the steps (decision 35), encrypted for this version
    secrets        bytea,
    created_by     uuid,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX automation_versions_of ON automation_versions (automation_id);

-- Automation runs: one row is one trigger -----------------------------------------------------------------------------

CREATE TABLE automation_runs (
    id             uuid PRIMARY KEY,
    org_id         uuid NOT NULL,
    automation_id  uuid NOT NULL,
    version_id     uuid NOT NULL,
    -- the run of kind call_automation that waits for this one
    parent_run_id  uuid,
    retry_of       uuid,
    -- automations that led here, one by another
    depth          int NOT NULL DEFAULT 0,
    status         text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    -- completed without a step: its conditions did not hold, or an earlier run was still at work
    outcome        text CHECK (outcome IN ('filtered', 'skipped')),
    reason         text,
    control        text CHECK (control IN ('cancel')),
    triggered_by   text NOT NULL CHECK (triggered_by IN ('schedule', 'webhook', 'event', 'manual', 'automation')),
    -- what makes one trigger one run: the time, the event's id, the webhook's, the calling run
    trigger_key    text,
    event          jsonb,
    inputs         jsonb NOT NULL DEFAULT '{}',
    error          jsonb,
    created_by     uuid,
    traceparent    text,
    log_seq        int NOT NULL DEFAULT 0,
    event_seq      int NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at     timestamptz,
    completed_at   timestamptz,
    CONSTRAINT ended_iff_completed_at CHECK ((status = 'running') = (completed_at IS NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX automation_runs_trigger ON automation_runs (automation_id, trigger_key) WHERE trigger_key IS NOT NULL;
CREATE UNIQUE INDEX automation_runs_of_parent ON automation_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE UNIQUE INDEX automation_runs_live_retry ON automation_runs (retry_of)
    WHERE status = 'running' AND retry_of IS NOT NULL;
CREATE INDEX automation_runs_list ON automation_runs (org_id, id DESC);
CREATE INDEX automation_runs_by_status ON automation_runs (org_id, status, id DESC) INCLUDE (triggered_by);
CREATE INDEX automation_runs_of ON automation_runs (automation_id, id DESC) INCLUDE (status, triggered_by);
CREATE INDEX automation_runs_live ON automation_runs (automation_id, id) WHERE status = 'running';
CREATE INDEX automation_runs_to_start ON automation_runs (id) WHERE status = 'running' AND started_at IS NULL;
CREATE INDEX automation_runs_to_stop ON automation_runs (id) WHERE status = 'running' AND control IS NOT NULL;

CREATE TABLE automation_steps (
    automation_run_id  uuid NOT NULL,
    key                text NOT NULL,
    place              int NOT NULL,
    state              text NOT NULL DEFAULT 'waiting' CHECK (state IN (
        'waiting', 'running', 'completed', 'failed', 'cancelled', 'rejected', 'skipped', 'passed_by')),
    run_id             uuid,
    port               text,
    -- why it was skipped
    reason             text,
    -- why it failed without a run
    error              jsonb,
    started_at         timestamptz,
    completed_at       timestamptz,
    PRIMARY KEY (automation_run_id, key)
) WITH (fillfactor = 70);
CREATE INDEX automation_steps_running ON automation_steps (run_id) WHERE state = 'running';

-- Who may do what with an automation run: made running, ended once, by the scheduler.
CREATE FUNCTION guard_automation_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    role text := coalesce(current_setting('vai.role', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF role NOT IN ('api-gateway', 'scheduler') OR (NEW.status <> 'running' AND role <> 'scheduler') THEN
            RAISE EXCEPTION '% cannot make an automation run that is %', role, NEW.status USING ERRCODE = 'VA001';
        END IF;
    ELSIF OLD.status <> 'running' OR role <> 'scheduler' THEN
        RAISE EXCEPTION '% cannot change an automation run from % to %', role, OLD.status, NEW.status
            USING ERRCODE = 'VA001';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_automation_run_insert BEFORE INSERT ON automation_runs
    FOR EACH ROW EXECUTE FUNCTION guard_automation_run();
CREATE TRIGGER guard_automation_run_update BEFORE UPDATE OF status ON automation_runs
    FOR EACH ROW WHEN (NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION guard_automation_run();

-- The journal: what an automation waits for is marked as it is written, and unmarked by who has looked at it --------

ALTER TABLE events ADD COLUMN wanted boolean NOT NULL DEFAULT false;
CREATE INDEX events_wanted ON events (occurred_at) WHERE wanted;

-- How many rows a list without a filter has (see 0003_lists.sql); automation runs are never hidden --------------------

CREATE FUNCTION count_new_automation_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO list_totals SELECT org_id, TG_TABLE_NAME, count(*) FROM made GROUP BY org_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_new_automations AFTER INSERT ON automations
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_new_rows();
CREATE TRIGGER count_hidden_automations AFTER UPDATE OF deleted_at ON automations FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_hidden_row();
CREATE TRIGGER count_new_automation_runs AFTER INSERT ON automation_runs
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_new_automation_runs();

-- Drawn from records/lifecycle.py by `make generate`; not to be edited.

ALTER TABLE runs DROP CONSTRAINT status_has_phase, ADD CONSTRAINT status_has_phase CHECK (status || '/' || phase IN (
    'pending/held',
    'pending/queued',
    'pending/paused',
    'awaiting_approval/held',
    'awaiting_approval/queued',
    'running/queued',
    'running/leased',
    'running/delayed',
    'running/paused',
    'running/parked',
    'completed/done',
    'failed/done',
    'cancelled/done',
    'rejected/done'
));

CREATE OR REPLACE FUNCTION guard_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    role text := current_setting('vai.role', true);
BEGIN
    IF coalesce(role, '') = '' THEN
        RAISE EXCEPTION 'this session has no vai.role: only a service changes runs' USING ERRCODE = 'VA001';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.phase NOT IN ('held', 'queued') OR role NOT IN ('api-gateway', 'scheduler', 'agent-worker') THEN
            RAISE EXCEPTION '% cannot make a run that is %/%', role, NEW.status, NEW.phase USING ERRCODE = 'VA001';
        END IF;
    ELSIF role || ' ' || OLD.status || '/' || OLD.phase || ' ' || NEW.status || '/' || NEW.phase NOT IN (
        'agent-worker awaiting_approval/queued running/leased',
        'agent-worker pending/queued running/leased',
        'agent-worker running/leased cancelled/done',
        'agent-worker running/leased completed/done',
        'agent-worker running/leased failed/done',
        'agent-worker running/leased running/delayed',
        'agent-worker running/leased running/parked',
        'agent-worker running/leased running/paused',
        'agent-worker running/leased running/queued',
        'agent-worker running/parked running/delayed',
        'agent-worker running/parked running/queued',
        'agent-worker running/queued running/leased',
        'api-gateway awaiting_approval/held awaiting_approval/queued',
        'api-gateway awaiting_approval/held rejected/done',
        'api-gateway awaiting_approval/queued rejected/done',
        'api-gateway pending/held cancelled/done',
        'api-gateway pending/held pending/paused',
        'api-gateway pending/held pending/queued',
        'api-gateway pending/paused cancelled/done',
        'api-gateway pending/paused pending/held',
        'api-gateway pending/paused pending/queued',
        'api-gateway pending/queued cancelled/done',
        'api-gateway pending/queued pending/paused',
        'api-gateway running/delayed cancelled/done',
        'api-gateway running/delayed running/paused',
        'api-gateway running/parked cancelled/done',
        'api-gateway running/parked running/delayed',
        'api-gateway running/parked running/paused',
        'api-gateway running/parked running/queued',
        'api-gateway running/paused cancelled/done',
        'api-gateway running/paused running/delayed',
        'api-gateway running/paused running/queued',
        'api-gateway running/queued cancelled/done',
        'api-gateway running/queued running/paused',
        'extract-worker awaiting_approval/queued running/leased',
        'extract-worker pending/queued running/leased',
        'extract-worker running/leased cancelled/done',
        'extract-worker running/leased completed/done',
        'extract-worker running/leased failed/done',
        'extract-worker running/leased running/delayed',
        'extract-worker running/leased running/parked',
        'extract-worker running/leased running/paused',
        'extract-worker running/leased running/queued',
        'extract-worker running/parked running/delayed',
        'extract-worker running/parked running/queued',
        'extract-worker running/queued running/leased',
        'run-dispatcher awaiting_approval/held awaiting_approval/queued',
        'run-dispatcher awaiting_approval/held rejected/done',
        'run-dispatcher pending/held awaiting_approval/held',
        'run-dispatcher pending/held pending/queued',
        'run-dispatcher running/delayed running/queued',
        'run-dispatcher running/parked running/delayed',
        'run-dispatcher running/parked running/queued',
        'scheduler awaiting_approval/queued running/leased',
        'scheduler pending/queued running/leased',
        'scheduler running/leased cancelled/done',
        'scheduler running/leased completed/done',
        'scheduler running/leased failed/done',
        'scheduler running/leased running/delayed',
        'scheduler running/leased running/parked',
        'scheduler running/leased running/paused',
        'scheduler running/leased running/queued',
        'scheduler running/parked running/delayed',
        'scheduler running/parked running/queued',
        'scheduler running/queued running/leased',
        'transform-worker awaiting_approval/queued running/leased',
        'transform-worker pending/queued running/leased',
        'transform-worker running/leased cancelled/done',
        'transform-worker running/leased completed/done',
        'transform-worker running/leased failed/done',
        'transform-worker running/leased running/delayed',
        'transform-worker running/leased running/parked',
        'transform-worker running/leased running/paused',
        'transform-worker running/leased running/queued',
        'transform-worker running/parked running/delayed',
        'transform-worker running/parked running/queued',
        'transform-worker running/queued running/leased',
        'watchdog running/leased cancelled/done',
        'watchdog running/leased failed/done',
        'watchdog running/leased running/paused',
        'watchdog running/leased running/queued',
        'watchdog running/parked running/delayed',
        'watchdog running/parked running/queued',
        'watchdog running/queued cancelled/done',
        'watchdog running/queued failed/done'
    ) THEN
        RAISE EXCEPTION '% cannot move run % from %/% to %/%',
            role, OLD.id, OLD.status, OLD.phase, NEW.status, NEW.phase USING ERRCODE = 'VA001';
    END IF;
    NEW.moved_by := role;
    RETURN NEW;
END
$$;

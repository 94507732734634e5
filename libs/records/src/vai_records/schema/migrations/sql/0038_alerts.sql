-- Alerts for people (docs/alerts.md). A rule says what is told and where; the address and what opens it are in `secrets`.
CREATE TABLE alert_rules (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations,
    name text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    tells text[] NOT NULL,
    filters jsonb NOT NULL DEFAULT '{}',
    channel jsonb NOT NULL,
    secrets bytea,
    gather_seconds int NOT NULL,
    pause_seconds int NOT NULL,
    late_seconds int,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz
);

CREATE INDEX alert_rules_of ON alert_rules (org_id, id) WHERE deleted_at IS NULL;

-- What no rule has looked at yet: written with the event, in the same transaction. `rule_id`: for that rule alone.
CREATE TABLE alert_news (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id uuid NOT NULL,
    rule_id uuid,
    what text NOT NULL,
    subject_id uuid NOT NULL,
    sequence int,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    data jsonb
);

-- One message of a rule: it gathers news until it is due, then it is sent until it has arrived or is given up.
CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    rule_id uuid NOT NULL REFERENCES alert_rules,
    status text NOT NULL CHECK (status IN ('gathering', 'sending', 'waiting', 'sent', 'given_up')),
    is_test boolean NOT NULL DEFAULT false,
    counts jsonb NOT NULL DEFAULT '{}',
    items jsonb NOT NULL DEFAULT '[]',
    due_at timestamptz,
    attempts int NOT NULL DEFAULT 0,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    began_at timestamptz,
    sent_at timestamptz,
    CONSTRAINT due_until_over CHECK ((due_at IS NULL) = (status IN ('sent', 'given_up')))
);

CREATE UNIQUE INDEX alerts_gathering ON alerts (rule_id) WHERE status = 'gathering';
CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alerts_of_rule ON alerts (rule_id, id DESC);
CREATE INDEX alerts_of ON alerts (org_id, id DESC);

-- What a rule has been told to be late: it is told once.
CREATE TABLE alert_lates (
    rule_id uuid NOT NULL REFERENCES alert_rules,
    subject_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (rule_id, subject_id)
);

CREATE FUNCTION note_alert_news() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := CASE NEW.type WHEN 'action.completed' THEN 'partial'
        WHEN 'action.awaiting_approval' THEN 'awaiting_approval' ELSE 'failed' END;
BEGIN
    INSERT INTO alert_news (org_id, what, subject_id, sequence, occurred_at)
    SELECT NEW.org_id, told, NEW.subject_id, NEW.sequence, NEW.occurred_at
    WHERE EXISTS (SELECT FROM alert_rules r
        WHERE r.org_id = NEW.org_id AND r.is_active AND r.deleted_at IS NULL AND told = ANY(r.tells));
    RETURN NULL;
END
$$;

-- A completed run is news where parts of it failed; a result that was left out of the event has to be looked at.
CREATE TRIGGER alert_news_of_events AFTER INSERT ON events FOR EACH ROW WHEN (
    NEW.type IN ('action.failed', 'automation.failed', 'action.awaiting_approval')
    OR NEW.type = 'action.completed'
        AND (NEW.data #> '{result,failed_resources}' <> '[]' OR NEW.data ? 'resultTruncated')
) EXECUTE FUNCTION note_alert_news();

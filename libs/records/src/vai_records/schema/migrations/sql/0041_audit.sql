-- Who did what in an organisation (docs/access.md). A request is written down before it changes anything; `outcome` and
-- `status` are added once it has been answered. No outcome: the gateway ended before it could say.
CREATE TABLE audit_entries (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_type text NOT NULL CHECK (actor_type IN ('user', 'service_account', 'operator')),
    actor_id uuid,
    actor_name text,
    key_id uuid,
    key_name text,
    action text NOT NULL,
    target_type text NOT NULL,
    target_id text,
    target_name text,
    fields text[] NOT NULL DEFAULT '{}',
    address text,
    request_id text,
    outcome text CHECK (outcome IN ('done', 'refused', 'failed')),
    status int
);

CREATE INDEX audit_entries_of ON audit_entries (org_id, id DESC);
CREATE INDEX audit_entries_of_actor ON audit_entries (org_id, actor_id, id DESC);
CREATE INDEX audit_entries_of_target ON audit_entries (org_id, target_id, id DESC);
CREATE INDEX audit_entries_of_action ON audit_entries (org_id, action, id DESC);
CREATE INDEX audit_entries_old ON audit_entries (occurred_at);

-- Entries are added and kept: only an outcome that is not known yet may be added, and only entries of more than 30 days
-- ago may be deleted.
CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.outcome IS NULL AND NEW.outcome IS NOT NULL THEN
        OLD.outcome := NEW.outcome;
        OLD.status := NEW.status;
        OLD.target_id := coalesce(OLD.target_id, NEW.target_id);
        OLD.target_name := coalesce(OLD.target_name, NEW.target_name);
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' AND OLD.occurred_at < clock_timestamp() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries of the audit log are not changed, and are kept for at least 30 days';
END
$$;

CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
CREATE TRIGGER audit_entries_are_not_emptied BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay();

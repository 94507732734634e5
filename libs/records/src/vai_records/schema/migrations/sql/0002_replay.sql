CREATE INDEX events_of_organisation ON events (org_id, occurred_at);

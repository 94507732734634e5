-- Access tokens of connections with OAuth 2, shared by whoever uses the connection. `token` is encrypted as credentials
-- are, for the same id; one process at a time gets a new one, until `renewing_until` at most.
CREATE TABLE access_tokens (
    id              uuid PRIMARY KEY REFERENCES connections ON DELETE CASCADE,
    org_id          uuid NOT NULL,
    token           bytea,
    renewing_by     uuid,
    renewing_until  timestamptz
);

-- API keys that are narrowed within their role, and members that are programs (docs/access.md).
ALTER TABLE api_keys ADD COLUMN scopes text[];  -- NULL: all that the role may
ALTER TABLE memberships
    ADD COLUMN is_service   boolean NOT NULL DEFAULT false,  -- a service account; its name is `first_name`
    ADD COLUMN disabled_at  timestamptz;

CREATE INDEX memberships_service ON memberships (org_id) WHERE is_service AND removed_at IS NULL;

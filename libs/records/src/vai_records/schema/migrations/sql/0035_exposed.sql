-- What is a tool of its own over MCP (decision 59). Few are, of however many there are ------------------------------------

ALTER TABLE actions ADD COLUMN expose boolean NOT NULL DEFAULT false;
ALTER TABLE automations ADD COLUMN expose boolean NOT NULL DEFAULT false;

CREATE INDEX actions_exposed ON actions (org_id) WHERE expose AND deleted_at IS NULL;
CREATE INDEX automations_exposed ON automations (org_id) WHERE expose AND deleted_at IS NULL;

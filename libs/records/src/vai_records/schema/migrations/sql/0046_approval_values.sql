-- What whoever approved a run filled in (docs/automations.md, "Forms").
ALTER TABLE runs ADD COLUMN approval_values jsonb;

-- Automations and their runs have labels of people's own, as actions and runs have (0024) ---------------------------------

ALTER TABLE automations ADD COLUMN labels jsonb NOT NULL DEFAULT '{}';
ALTER TABLE automation_runs ADD COLUMN labels jsonb;
CREATE INDEX automation_runs_by_label ON automation_runs USING gin (label_marks(org_id, labels)) WHERE labels IS NOT NULL;

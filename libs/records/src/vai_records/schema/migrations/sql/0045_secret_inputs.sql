-- Inputs of the type secret that an automation run was triggered with, encrypted for it; `inputs` has a marker in their place.
ALTER TABLE automation_runs ADD COLUMN sealed bytea;

-- The step from which a retry of an automation run does everything again, also what had succeeded --------------------------

ALTER TABLE automation_runs ADD COLUMN retry_from text;

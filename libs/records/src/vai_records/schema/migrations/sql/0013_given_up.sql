-- Automation runs that were given up: the runs of their steps are looked for and cancelled.
CREATE INDEX automation_runs_given_up ON automation_runs (completed_at) WHERE status = 'failed' AND control = 'cancel';

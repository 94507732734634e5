-- By which name (application_name) a process's sessions are known: who buries it ends them, so that the locks of a process
-- that stands still go, too. NULL for processes of older versions.
ALTER TABLE processes ADD COLUMN session text;

-- Whether the run's first loss, together with other runs, was not counted (decision 16). A run with two losses, counted
-- or not, is claimed alone; this index finds those that wait.
ALTER TABLE runs ADD COLUMN spared boolean NOT NULL DEFAULT false;
CREATE INDEX runs_queued_alone ON runs (kind, id) WHERE phase = 'queued' AND (losses >= 2 OR losses = 1 AND spared);

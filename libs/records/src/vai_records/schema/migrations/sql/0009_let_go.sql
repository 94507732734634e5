-- How often in a row a run could not be let go: nobody could work on it, and nobody could end it. After three such turns
-- it is ended (rule 23).
ALTER TABLE runs ADD COLUMN stuck_turns int NOT NULL DEFAULT 0;

-- The last of its owner's log entries that is written, as epoch * 2^32 + number: entries whose COMMIT was not answered
-- are sent again, and those that are written already are left out.
ALTER TABLE runs ADD COLUMN log_mark bigint NOT NULL DEFAULT 0;

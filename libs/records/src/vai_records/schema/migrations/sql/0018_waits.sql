-- Since when a run has had nothing but "too many requests" (decision 25): such waits are outside of its attempts.
ALTER TABLE runs ADD COLUMN waits_since timestamptz;

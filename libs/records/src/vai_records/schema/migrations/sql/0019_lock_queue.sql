-- The runs that wait for a Delta table's lock, first come first (rule 14). Older services take the lock without it.
ALTER TABLE datasets ADD COLUMN lock_queue uuid[] NOT NULL DEFAULT '{}';

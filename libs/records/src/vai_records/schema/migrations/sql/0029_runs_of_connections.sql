-- Lists of the runs on a connection: without it all runs of the organisation were read for one that has few.
CREATE INDEX runs_of_connection ON runs (connection_id, id DESC) WHERE connection_id IS NOT NULL AND deleted_at IS NULL;

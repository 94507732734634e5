-- Runs that wait for a time. The index before it held the leases, too: each run left an entry there that every look
-- for due runs read again until the next vacuum. Few runs are leased at a time, so `runs_leased` finds leases that ran out.
CREATE INDEX runs_waiting_due ON runs (due_at) WHERE phase IN ('delayed', 'held') AND due_at IS NOT NULL;
DROP INDEX runs_due;

-- One call for all events of a statement, and none of its work where no receiver is there.
DROP TRIGGER lineage_news_of_events ON events;
DROP FUNCTION note_lineage_news();
CREATE FUNCTION note_lineage_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM lineage_receivers) THEN
        INSERT INTO lineage_news (org_id, subject_id, sequence, occurred_at)
        SELECT org_id, subject_id, sequence, occurred_at FROM fresh
        WHERE data ->> 'actionKind' IN ('dlt_extract', 'duckdb_transform', 'file_sync')
          AND type IN ('action.started', 'action.completed', 'action.failed', 'action.cancelled');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER lineage_news_of_events AFTER INSERT ON events REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_lineage_news();

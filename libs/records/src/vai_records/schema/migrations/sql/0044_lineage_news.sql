-- Whether the installation has a receiver of OpenLineage events (docs/lineage.md): the scheduler that sends them says so.
CREATE TABLE lineage_receivers (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events of the journal that the receiver has not got yet: written with the event, in the same transaction.
CREATE TABLE lineage_news (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    sequence int NOT NULL,
    occurred_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX lineage_news_due ON lineage_news (due_at, id);
CREATE INDEX dataset_writes_of_run ON dataset_writes (run_id);

CREATE FUNCTION note_lineage_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lineage_news (org_id, subject_id, sequence, occurred_at)
    SELECT NEW.org_id, NEW.subject_id, NEW.sequence, NEW.occurred_at WHERE EXISTS (SELECT FROM lineage_receivers);
    RETURN NULL;
END
$$;

-- Of the kinds that move data only: an event of another kind costs a comparison.
CREATE TRIGGER lineage_news_of_events AFTER INSERT ON events FOR EACH ROW WHEN (
    NEW.data ->> 'actionKind' IN ('dlt_extract', 'duckdb_transform', 'file_sync')
    AND NEW.type IN ('action.started', 'action.completed', 'action.failed', 'action.cancelled')
) EXECUTE FUNCTION note_lineage_news();

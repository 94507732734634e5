-- What each run wrote into a table of the lake: the table's history, and how fresh it is. Of bronze, one row for each
-- resource of a run. Older services write none, so a table may be newer than its last row here.
CREATE TABLE dataset_writes (
    dataset_id         uuid NOT NULL REFERENCES datasets,
    run_id             uuid NOT NULL,
    resource           text NOT NULL DEFAULT '',
    org_id             uuid NOT NULL,
    connection_id      uuid,
    action_id          uuid,
    automation_run_id  uuid,
    -- rows and bytes that the run brought; the bytes of a Delta table are those of the whole table
    rows               bigint NOT NULL,
    bytes              bigint NOT NULL,
    -- of a Delta table
    delta_version      bigint,
    table_rows         bigint,
    -- columns that were added, dropped or have another type than before
    changes            jsonb NOT NULL DEFAULT '[]',
    -- what the checks of a transform found
    checks             jsonb NOT NULL DEFAULT '[]',
    written_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dataset_id, run_id, resource)
);
CREATE INDEX dataset_writes_newest ON dataset_writes (dataset_id, written_at DESC);

-- Which tables the rows of a table come from: the edges of the lineage.
CREATE TABLE dataset_reads (
    output_id  uuid NOT NULL REFERENCES datasets,
    input_id   uuid NOT NULL REFERENCES datasets,
    run_id     uuid NOT NULL,
    read_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (output_id, input_id)
);
CREATE INDEX dataset_reads_of ON dataset_reads (input_id);

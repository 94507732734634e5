-- Which columns the columns of a table come from: what the queries that wrote it say, each different answer once.
CREATE TABLE dataset_columns (
    dataset_id  uuid NOT NULL REFERENCES datasets,
    digest      bytea NOT NULL,
    -- the last run that wrote so
    run_id      uuid NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- whether rows of it are still in the table: a full refresh replaces what others wrote
    holds       boolean NOT NULL DEFAULT true,
    -- pairs: a column of the table, a column of an input, and how the one becomes the other
    outputs     text[] NOT NULL,
    input_ids   uuid[] NOT NULL,
    inputs      text[] NOT NULL,
    hows        text[] NOT NULL,
    -- columns of which nothing is known, and why if it is so for all of them
    unknown     text[] NOT NULL DEFAULT '{}',
    reason      text,
    PRIMARY KEY (dataset_id, digest)
);

-- The tables that a run read for what it wrote, and which row above says the same of their columns.
ALTER TABLE dataset_writes ADD COLUMN inputs uuid[], ADD COLUMN columns_digest bytea;

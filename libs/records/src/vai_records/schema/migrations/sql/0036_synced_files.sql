-- The files that file_sync has brought into the lake or out of it (`vai_records.lake.synced_files`) ---------------------
--
-- `place` is a folder of the lake, a target outside, or a run's own artifacts. A file is there while `removed_at` is NULL.
-- `location` is the file's path in the lake; NULL for one that was pushed. `mark` is what the source, or the target, said
-- of it: {size, modified, etag}.
CREATE TABLE synced_files (
    id           uuid PRIMARY KEY,
    org_id       uuid NOT NULL,
    place        text NOT NULL,
    path         text NOT NULL COLLATE "C",
    location     text,
    byte_count   bigint NOT NULL,
    sha256       text NOT NULL,
    mark         jsonb NOT NULL,
    change       text NOT NULL CHECK (change IN ('added', 'changed', 'kept')),
    run_id       uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at   timestamptz,
    removed_by   uuid,
    is_replaced  boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX synced_files_there ON synced_files (org_id, place, path) WHERE removed_at IS NULL;
CREATE INDEX synced_files_of_run ON synced_files (run_id, path);
CREATE INDEX synced_files_removed_by ON synced_files (removed_by) WHERE removed_by IS NOT NULL;
CREATE INDEX synced_files_gone ON synced_files (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX synced_files_location ON synced_files (location) WHERE location IS NOT NULL;

-- Organisations, people and keys ---------------------------------------------------------------------------------

CREATE TABLE organisations (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    -- max_running (int), allow_private_addresses (bool), forbid_self_approval (bool)
    settings    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE users (
    id                   uuid PRIMARY KEY,
    email                text NOT NULL UNIQUE,
    first_name           text,
    last_name            text,
    profile_picture_url  text,
    password_hash        text,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE memberships (
    org_id   uuid NOT NULL REFERENCES organisations,
    user_id  uuid NOT NULL REFERENCES users,
    role     text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    PRIMARY KEY (org_id, user_id)
);

CREATE TABLE api_keys (
    id            uuid PRIMARY KEY,
    org_id        uuid NOT NULL REFERENCES organisations,
    user_id       uuid NOT NULL REFERENCES users,
    name          text NOT NULL,
    prefix        text NOT NULL,
    key_hash      bytea NOT NULL UNIQUE,
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    expires_at    timestamptz,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What a team connects and what it does with it ------------------------------------------------------------------

CREATE TABLE connections (
    id           uuid PRIMARY KEY,
    org_id       uuid NOT NULL REFERENCES organisations,
    name         text NOT NULL,
    slug         text NOT NULL,
    provider     text NOT NULL,
    is_default   boolean NOT NULL DEFAULT false,
    config       jsonb NOT NULL DEFAULT '{}',
    credentials  bytea,
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'error')),
    last_error   jsonb,
    max_running  int CHECK (max_running > 0),
    event_seq    int NOT NULL DEFAULT 0,
    created_by   uuid,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at   timestamptz
);
CREATE UNIQUE INDEX connections_slug ON connections (org_id, slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX connections_default ON connections (org_id, provider) WHERE is_default AND deleted_at IS NULL;

CREATE TABLE actions (
    id             uuid PRIMARY KEY,
    org_id         uuid NOT NULL REFERENCES organisations,
    name           text NOT NULL,
    slug           text NOT NULL,
    kind           text NOT NULL,
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    connection_id  uuid REFERENCES connections,
    definition     jsonb NOT NULL DEFAULT '{}',
    -- write-only values of the definition (decision 35), encrypted; their places hold a marker
    secrets        bytea,
    template_id    text,
    created_by     uuid,
    updated_by     uuid,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at     timestamptz
);
CREATE UNIQUE INDEX actions_slug ON actions (org_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX actions_list ON actions (org_id, id DESC) WHERE deleted_at IS NULL;

-- Runs: one row is one execution ---------------------------------------------------------------------------------

CREATE TABLE runs (
    id                   uuid PRIMARY KEY,
    org_id               uuid NOT NULL,
    action_id            uuid,
    connection_id        uuid,
    parent_run_id        uuid,
    retry_of             uuid,
    kind                 text NOT NULL,
    status               text NOT NULL DEFAULT 'pending',
    phase                text NOT NULL,
    held_for             text CHECK (held_for IN ('approval', 'limit', 'deferred')),
    control              text CHECK (control IN ('pause', 'cancel')),
    moved_by             text NOT NULL DEFAULT '',
    -- the fencing token: grows with every claim, never shown (decision 16)
    epoch                int NOT NULL DEFAULT 0,
    lease_owner          uuid,
    -- when somebody must look again: lease end, retry time, approval time-out
    due_at               timestamptz,
    retry_count          int NOT NULL DEFAULT 0,
    interrupt_count      int NOT NULL DEFAULT 0,
    losses               int NOT NULL DEFAULT 0,
    lost_at              timestamptz,
    -- taken back from a dead or stopped worker: claimed before others
    recovered            boolean NOT NULL DEFAULT false,
    -- somebody waits for the end: whoever ends it rings
    watched              boolean NOT NULL DEFAULT false,
    definition           jsonb NOT NULL,
    secrets              bytea,
    progress             jsonb,
    result               jsonb,
    error                jsonb,
    concurrency_key      text,
    idempotency_key      text,
    fingerprint          bytea,
    trigger_method       text NOT NULL,
    trigger_source_type  text,
    trigger_source_id    text,
    requires_approval    boolean NOT NULL DEFAULT false,
    decided_by           uuid,
    decided_at           timestamptz,
    created_by           uuid,
    traceparent          text,
    log_seq              int NOT NULL DEFAULT 0,
    event_seq            int NOT NULL DEFAULT 0,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at           timestamptz,
    completed_at         timestamptz,
    deleted_at           timestamptz,
    CONSTRAINT lease_iff_leased CHECK ((phase = 'leased') = (lease_owner IS NOT NULL)),
    CONSTRAINT looked_at_again CHECK (phase NOT IN ('leased', 'delayed') OR due_at IS NOT NULL),
    CONSTRAINT held_for_iff_held CHECK ((phase = 'held') = (held_for IS NOT NULL)),
    CONSTRAINT ended_iff_done CHECK ((phase = 'done') = (completed_at IS NOT NULL)),
    CONSTRAINT done_has_no_due CHECK (phase <> 'done' OR due_at IS NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX runs_queued ON runs (kind, org_id, recovered DESC, id) WHERE phase = 'queued';
CREATE INDEX runs_held ON runs (org_id, id) WHERE phase = 'held';
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_leased ON runs (lease_owner) WHERE phase = 'leased';
CREATE INDEX runs_live ON runs (org_id, connection_id) WHERE phase IN ('queued', 'leased');
CREATE INDEX runs_parked ON runs (id) WHERE phase = 'parked';
CREATE UNIQUE INDEX runs_concurrency_key ON runs (org_id, concurrency_key)
    WHERE phase <> 'done' AND concurrency_key IS NOT NULL;
CREATE UNIQUE INDEX runs_idempotency_key ON runs (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX runs_live_retry ON runs (retry_of) WHERE phase <> 'done' AND retry_of IS NOT NULL;
CREATE INDEX runs_list ON runs (org_id, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX runs_of_action ON runs (action_id, id DESC) WHERE action_id IS NOT NULL;
CREATE INDEX runs_live_of_action ON runs (action_id) WHERE phase <> 'done' AND action_id IS NOT NULL;
CREATE INDEX runs_live_of_connection ON runs (connection_id) WHERE phase <> 'done' AND connection_id IS NOT NULL;
CREATE INDEX runs_of_parent ON runs (parent_run_id) WHERE parent_run_id IS NOT NULL;

-- How far a run has come: what a worker that takes it over goes on from.
CREATE TABLE checkpoints (
    run_id      uuid PRIMARY KEY,
    state       jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE run_logs (
    run_id       uuid NOT NULL,
    seq          int NOT NULL,
    occurred_at  timestamptz NOT NULL,
    level        text NOT NULL,
    event        text NOT NULL,
    message      text NOT NULL,
    data         jsonb NOT NULL DEFAULT '{}',
    worker_id    text,
    attempt      int NOT NULL,
    PRIMARY KEY (run_id, seq, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE run_logs_default PARTITION OF run_logs DEFAULT;

-- The journal: every public event, written with the transition that it tells of.
CREATE TABLE events (
    subject_id    uuid NOT NULL,
    sequence      int NOT NULL,
    occurred_at   timestamptz NOT NULL,
    org_id        uuid NOT NULL,
    type          text NOT NULL,
    data          jsonb NOT NULL,
    traceparent   text,
    -- the process that wrote it and publishes it; the watchdog publishes the dead's
    writer        uuid,
    published_at  timestamptz,
    failures      int NOT NULL DEFAULT 0,
    retry_at      timestamptz,
    PRIMARY KEY (subject_id, sequence, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_unpublished ON events (writer, occurred_at) WHERE published_at IS NULL;
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Who is alive ---------------------------------------------------------------------------------------------------

CREATE TABLE processes (
    id            uuid PRIMARY KEY,
    service       text NOT NULL,
    kinds         text[] NOT NULL DEFAULT '{}',
    slots         int NOT NULL DEFAULT 0,
    -- host:port of its gRPC Executor, where it has one
    address       text,
    http_address  text NOT NULL,
    host          text NOT NULL,
    pid           int NOT NULL,
    -- the session-level advisory lock that it holds while it lives
    lock_key      bigint NOT NULL,
    counter       bigint NOT NULL DEFAULT 0,
    stopping      boolean NOT NULL DEFAULT false,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The lake -------------------------------------------------------------------------------------------------------

-- A table of the lake: bronze.<source>.<table>, or a silver or gold name.
CREATE TABLE datasets (
    id           uuid PRIMARY KEY,
    org_id       uuid NOT NULL,
    layer        text NOT NULL CHECK (layer IN ('bronze', 'silver', 'gold')),
    name         text NOT NULL,
    location     text NOT NULL,
    columns      jsonb NOT NULL DEFAULT '[]',
    row_count    bigint,
    -- the writer's lock of a Delta table (rule 14): held while that run is leased with that epoch
    lock_run     uuid,
    lock_epoch   int,
    write_epoch  bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (org_id, layer, name)
);

-- The manifest of bronze: a file is in the lake when it has a row here that is visible.
CREATE TABLE lake_files (
    path           text NOT NULL,
    org_id         uuid NOT NULL,
    dataset_id     uuid NOT NULL REFERENCES datasets,
    connection_id  uuid,
    run_id         uuid NOT NULL,
    epoch          int NOT NULL,
    resource       text NOT NULL,
    slice          text NOT NULL,
    row_count      bigint NOT NULL,
    byte_count     bigint NOT NULL,
    visible        boolean NOT NULL,
    removed_at     timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dataset_id, path)
);
CREATE INDEX lake_files_of_run ON lake_files (run_id);

-- Where the next incremental extraction of a resource begins.
CREATE TABLE cursors (
    org_id         uuid NOT NULL,
    -- the connection, without one the action, without both the nil UUID
    scope          uuid NOT NULL,
    source         text NOT NULL,
    resource       text NOT NULL,
    value          jsonb NOT NULL,
    run_id         uuid NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, scope, source, resource)
);

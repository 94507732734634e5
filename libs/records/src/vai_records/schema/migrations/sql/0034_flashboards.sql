-- Flashboards (docs/flashboards.md). A version never changes; `run_id` made it, and makes it once.
-- `shown` is the version that is shown where nobody asks for another. `last_run_id` is the newest run that worked on it.
CREATE TABLE flashboards (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations,
    slug text NOT NULL,
    title text NOT NULL,
    description text NOT NULL DEFAULT '',
    number int NOT NULL DEFAULT 0,
    shown int,
    last_run_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz
);

CREATE UNIQUE INDEX flashboards_slug ON flashboards (org_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX flashboards_of ON flashboards (org_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE flashboard_versions (
    id uuid PRIMARY KEY,
    flashboard_id uuid NOT NULL REFERENCES flashboards,
    number int NOT NULL,
    run_id uuid NOT NULL,
    definition jsonb NOT NULL,
    "values" jsonb NOT NULL,
    datasets jsonb NOT NULL,
    bytes bigint NOT NULL,
    seconds double precision NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (flashboard_id, number),
    UNIQUE (flashboard_id, run_id)
);

-- What a tile shows: `found` are columns and numbers of rows, `data` its rows and `drawings` its pictures, both gzipped.
CREATE TABLE flashboard_tiles (
    version_id uuid NOT NULL REFERENCES flashboard_versions ON DELETE CASCADE,
    position int NOT NULL,
    key text NOT NULL,
    found jsonb NOT NULL,
    data bytea NOT NULL,
    drawings bytea,
    PRIMARY KEY (version_id, position)
);

-- A link that shows one flashboard to whoever has it, until it ends or is revoked. `version`: that one alone.
CREATE TABLE flashboard_shares (
    id uuid PRIMARY KEY,
    flashboard_id uuid NOT NULL REFERENCES flashboards,
    version int,
    note text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX flashboard_shares_of ON flashboard_shares (flashboard_id, id DESC);

-- What definitions name: `$/vars/NAME` and `$/secrets/NAME` (docs/variables.md). A secret's value is encrypted in `sealed`.
CREATE TABLE variables (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations,
    name text NOT NULL,
    value jsonb NOT NULL,
    description text,
    updated_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (org_id, name)
);

CREATE TABLE secrets (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations,
    name text NOT NULL,
    sealed bytea NOT NULL,
    description text,
    updated_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (org_id, name)
);

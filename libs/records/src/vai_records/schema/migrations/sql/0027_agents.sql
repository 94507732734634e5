-- Agents, what their runs began with, and what these came to, turn by turn ----------------------------------------------

CREATE TABLE agents (
    id           uuid PRIMARY KEY,
    org_id       uuid NOT NULL REFERENCES organisations,
    name         text NOT NULL,
    slug         text NOT NULL,
    description  text,
    labels       jsonb NOT NULL DEFAULT '{}',
    definition   jsonb NOT NULL,
    created_by   uuid,
    updated_by   uuid,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at   timestamptz
);
CREATE UNIQUE INDEX agents_slug ON agents (org_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX agents_list ON agents (org_id, id DESC) WHERE deleted_at IS NULL;

-- `agent` is the agent as it was when the run began; `depth` counts the agents' runs above it.
CREATE TABLE agent_runs (
    run_id      uuid PRIMARY KEY,
    org_id      uuid NOT NULL,
    agent_id    uuid NOT NULL,
    agent       jsonb NOT NULL,
    depth       int NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX runs_of_agent ON agent_runs (agent_id, run_id DESC);

-- One answer of the model. `calls` and `results` are NULL until they are decided and known.
CREATE TABLE agent_turns (
    run_id         uuid NOT NULL,
    turn           int NOT NULL,
    model          text NOT NULL,
    answer         jsonb NOT NULL,
    calls          jsonb,
    results        jsonb,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    dollars        double precision,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, turn)
);

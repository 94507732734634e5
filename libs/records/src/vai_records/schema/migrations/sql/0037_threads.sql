-- Chat threads: lists of messages, each answered by a run of an agent ---------------------------------------------------

-- `agent_id` is a saved agent, or the one that the thread has of its own. `head` is the last message of the branch that
-- is shown, `latest` the one that was posted last: no other can still be without its answer. An empty `datasets`
-- narrows nothing.
CREATE TABLE chat_threads (
    id           uuid PRIMARY KEY,
    org_id       uuid NOT NULL REFERENCES organisations,
    name         text NOT NULL,
    agent_id     uuid NOT NULL,
    datasets     jsonb NOT NULL DEFAULT '[]',
    head         uuid,
    latest       uuid,
    created_by   uuid,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at   timestamptz
);
CREATE INDEX chat_threads_list ON chat_threads (org_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;

-- Messages form a tree: one that replaces another has the same parent. `place` counts from 1 along its branch.
CREATE TABLE chat_messages (
    id               uuid PRIMARY KEY,
    thread_id        uuid NOT NULL REFERENCES chat_threads,
    org_id           uuid NOT NULL,
    parent_id        uuid,
    place            int NOT NULL,
    text             text NOT NULL,
    run_id           uuid NOT NULL,
    idempotency_key  text,
    fingerprint      bytea,
    created_by       uuid,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX chat_messages_beside ON chat_messages (thread_id, parent_id, id);
CREATE UNIQUE INDEX chat_messages_run ON chat_messages (run_id);
CREATE UNIQUE INDEX chat_messages_key ON chat_messages (thread_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- The thread whose own agent it is: no list of agents shows it.
ALTER TABLE agents ADD COLUMN thread_id uuid;

-- What statements ask of a run's definition stands in columns, written by whoever makes the run, so that no statement
-- casts JSON. Rows and services of an older version write only the JSON; two functions read it for them and take
-- nonsense for "not said".

-- Whether a run may be done again after its worker was lost (decision 24).
CREATE FUNCTION definition_may_rerun(kind text, definition jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind <> 'http_request' THEN true
        WHEN lower(definition->>'idempotent') IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
        WHEN definition->'method' IS NULL THEN true
        ELSE upper(definition->>'method') IN ('GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE') END
$$;

-- Seconds after which an approval that nobody gave is a no.
CREATE FUNCTION definition_approval_timeout(definition jsonb) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN seconds > 0 AND seconds <= 31536000 THEN seconds::float8 END FROM (
        SELECT round(CASE jsonb_typeof(given)
            WHEN 'number' THEN given::numeric
            WHEN 'string' THEN substring(given #>> '{}' FROM '^[0-9]{1,8}(?:\.[0-9]{1,9})?$')::numeric
        END, 6) AS seconds
        FROM (SELECT definition->'approval_timeout_seconds' AS given) AS field
    ) AS number
$$;

ALTER TABLE runs
    ADD COLUMN may_rerun                 boolean,
    ADD COLUMN approval_timeout_seconds  double precision;
-- Only new and changed rows are held against it: a scan of all old ones would keep everybody waiting.
ALTER TABLE runs ADD CONSTRAINT approval_timeout_in_bounds
    CHECK (approval_timeout_seconds > 0 AND approval_timeout_seconds <= 31536000) NOT VALID;

CREATE FUNCTION read_definition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.may_rerun := coalesce(definition_may_rerun(NEW.kind, NEW.definition), false);
    NEW.approval_timeout_seconds := definition_approval_timeout(NEW.definition);
    RETURN NEW;
END
$$;
-- Runs that a service of an older version makes; this version's services always say `may_rerun`.
CREATE TRIGGER read_definition BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.may_rerun IS NULL)
    EXECUTE FUNCTION read_definition();

UPDATE runs SET may_rerun = coalesce(definition_may_rerun(kind, definition), false),
    approval_timeout_seconds = definition_approval_timeout(definition)
WHERE phase <> 'done' AND (kind = 'http_request' OR definition ? 'approval_timeout_seconds');

-- The organisation's limit of live runs: the JSON stays what people and older services write, the column what
-- statements read. 0 lets nothing in; what is no number from 0 on is no limit.
ALTER TABLE organisations ADD COLUMN max_running int GENERATED ALWAYS AS (
    CASE WHEN jsonb_typeof(settings->'max_running') = 'number' THEN
        CASE WHEN (settings->'max_running')::numeric BETWEEN 0 AND 1000000000
            THEN trunc((settings->'max_running')::numeric)::int END
    END
) STORED;

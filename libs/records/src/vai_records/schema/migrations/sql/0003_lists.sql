-- Runs by status, newest first, and the changes since a time -----------------------------------------------------

CREATE INDEX runs_by_status ON runs (org_id, status, id DESC) INCLUDE (kind) WHERE deleted_at IS NULL;
CREATE INDEX runs_changed ON runs (org_id, updated_at);

DROP INDEX runs_of_action;
CREATE INDEX runs_of_action ON runs (action_id, id DESC) INCLUDE (org_id, status, kind)
    WHERE action_id IS NOT NULL AND deleted_at IS NULL;

-- Actions in every order that a list offers, and found by a part of their name or slug -------------------------------

CREATE INDEX actions_by_name ON actions (org_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX actions_by_change ON actions (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX actions_by_kind ON actions (org_id, kind, id) WHERE deleted_at IS NULL;
CREATE INDEX actions_by_status ON actions (org_id, status, id) WHERE deleted_at IS NULL;

-- The three-letter pieces of some texts, as numbers of one organisation: what is searched contains all of its pieces.
CREATE FUNCTION search_pieces(org_id uuid, VARIADIC texts text[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT hashtextextended(substr(lower(t), n, 3), hashtextextended(org_id::text, 0))), '{}')
    FROM unnest(texts) t, generate_series(1, length(t) - 2) n
$$;
CREATE INDEX actions_search ON actions USING gin (search_pieces(org_id, name, slug)) WHERE deleted_at IS NULL;

-- How many rows a list without a filter has: the sum of what each statement added, in its own transaction ------------

CREATE TABLE list_totals (
    org_id  uuid NOT NULL,
    list    text NOT NULL,
    -- many small amounts, so that nobody waits for another's row; they are folded into one now and then
    amount  bigint NOT NULL
);
CREATE INDEX list_totals_of ON list_totals (org_id, list) INCLUDE (amount);

CREATE FUNCTION count_new_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO list_totals
    SELECT org_id, TG_TABLE_NAME, count(*) FROM made WHERE deleted_at IS NULL GROUP BY org_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_hidden_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO list_totals VALUES (NEW.org_id, TG_TABLE_NAME, CASE WHEN NEW.deleted_at IS NULL THEN 1 ELSE -1 END);
    RETURN NULL;
END
$$;

CREATE TRIGGER count_new_runs AFTER INSERT ON runs
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_new_rows();
CREATE TRIGGER count_hidden_runs AFTER UPDATE OF deleted_at ON runs FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_hidden_row();
CREATE TRIGGER count_new_actions AFTER INSERT ON actions
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_new_rows();
CREATE TRIGGER count_hidden_actions AFTER UPDATE OF deleted_at ON actions FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_hidden_row();

-- The triggers' locks keep others from writing until this is committed, so that nothing is missed or counted twice.
INSERT INTO list_totals SELECT org_id, 'runs', count(*) FROM runs WHERE deleted_at IS NULL GROUP BY org_id;
INSERT INTO list_totals SELECT org_id, 'actions', count(*) FROM actions WHERE deleted_at IS NULL GROUP BY org_id;

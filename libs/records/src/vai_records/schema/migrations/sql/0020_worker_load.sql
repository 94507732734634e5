-- A contract with whatever scales workers (docs/operations.md): a row for each kind, zero where nothing waits.
-- `queued` stops counting at 100,000: no scaler needs more, and a look must stay cheap whatever waits.
CREATE VIEW worker_load(kind, queued, leased) AS
SELECT k.kind, q.runs, coalesce(l.runs, 0)
FROM (VALUES ('dlt_extract'), ('file_sync'), ('duckdb_transform'), ('http_request'), ('web_search'), ('fetch_page'),
    ('call_agent'), ('generate_query'), ('explain_schema'), ('agent_search'), ('agent_fetch_page'),
    ('create_flashboard'), ('approval_gate'), ('conditional_branch'), ('call_automation')) AS k(kind)
CROSS JOIN LATERAL (
    SELECT count(*) AS runs FROM (SELECT FROM runs WHERE phase = 'queued' AND kind = k.kind LIMIT 100000) w
) q
LEFT JOIN (SELECT kind, count(*) AS runs FROM runs WHERE phase = 'leased' GROUP BY kind) l ON l.kind = k.kind;

-- The role is the server's, not this database's, and the services' user may not be allowed to make one: then an
-- administrator makes it, and the next `migrate` grants (`vai_records.schema.scalers`).
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vai_scaler') THEN
        CREATE ROLE vai_scaler NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END
$$;

-- Which services this schema serves: those that need revision `oldest` or a later one. A revision that takes away
-- what older services use raises it (rule 16: expand, then contract).
CREATE TABLE schema_serves (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    oldest  text NOT NULL
);
INSERT INTO schema_serves (oldest) VALUES ('0001');

"""SQL that tries to leave the tables that it may read, for every door that takes SQL.

Words in angle brackets are filled in by the test: `<own>` is a table that may be read, `<theirs>` the folder of another
organisation's table, `<file>` a file outside of the lake, `<new>` a path where nothing is, `<web>` an address that
listens.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import duckdb

FILES = r"""
SELECT * FROM '<file>'
SELECT * FROM "<file>"
FROM '<file>'
TABLE '<file>'
SELECT * FROM read_text('<file>')
SELECT/**/*/**/FROM/**/read_text/**/('<file>')
SELECT * FROM "read_text"('<file>')
SELECT * FROM ReAd_TeXt('<file>')
SELECT * FROM system.main.read_text('<file>')
SELECT * FROM main.read_blob('<file>')
SELECT * FROM read_text(['<file>'])
SELECT * FROM read_text(lower('<file>'))
SELECT * FROM read_text((SELECT '<file>'))
SELECT * FROM read_text(E'<file>')
SELECT * FROM read_text($$<file>$$)
SELECT * FROM read_text($ü$<file>$ü$)
SELECT read_text('<file>')
SELECT ('<file>').read_text()
SELECT content FROM <own>, read_text('<file>')
SELECT * FROM <own> o, LATERAL (SELECT * FROM read_text('<file>'))
SELECT * FROM <own> JOIN read_csv('<file>') ON true
SELECT * FROM read_csv_auto('<file>', delim = '\x01')
SELECT * FROM read_json_objects('<file>')
SELECT * FROM read_ndjson_objects_auto('<file>')
SELECT * FROM sniff_csv('<file>')
SELECT * FROM glob('/**')
SELECT * FROM parquet_metadata('<theirs>/*.parquet')
SELECT * FROM parquet_schema('<theirs>/*.parquet')
SELECT * FROM parquet_kv_metadata('<theirs>/*.parquet')
SELECT * FROM parquet_file_metadata('<theirs>/*.parquet')
SELECT * FROM parquet_bloom_probe('<theirs>/*.parquet', 'a', 1)
SELECT * FROM json_each((SELECT content FROM read_text('<file>')))
SELECT * FROM json_tree((SELECT content FROM '<file>'))
SELECT * FROM unnest((SELECT list(content) FROM read_text('<file>')))
SELECT * FROM range((SELECT size FROM read_text('<file>')))
SELECT * FROM repeat((SELECT content FROM read_text('<file>')), 2)
SELECT * FROM (VALUES ((SELECT content FROM read_text('<file>'))))
SELECT 1 WHERE 'x' = ANY (SELECT content FROM read_text('<file>'))
SELECT 1 WHERE EXISTS (FROM read_text('<file>'))
SELECT ARRAY(SELECT content FROM read_text('<file>'))
SELECT {'a': (SELECT content FROM read_text('<file>'))}
SELECT [x FOR x IN (SELECT list(content) FROM read_text('<file>'))]
SELECT list_transform([1], lambda x: (SELECT content FROM read_text('<file>')))
SELECT CASE WHEN true THEN (SELECT content FROM read_text('<file>')) END
SELECT TRY((SELECT content FROM read_text('<file>')))
SELECT CAST((SELECT content FROM read_text('<file>')) AS BLOB)
SELECT sum(1) OVER (ORDER BY (SELECT content FROM read_text('<file>')))
SELECT sum(1) OVER (ROWS BETWEEN (SELECT size FROM read_text('<file>')) PRECEDING AND CURRENT ROW)
SELECT sum(1) FILTER (WHERE (SELECT size FROM read_text('<file>')) > 0)
SELECT count(*) FROM <own> GROUP BY (SELECT content FROM read_text('<file>'))
SELECT count(*) FROM <own> HAVING (SELECT size FROM read_text('<file>')) > 0
SELECT 1 QUALIFY row_number() OVER () = (SELECT size FROM read_text('<file>'))
SELECT DISTINCT ON ((SELECT content FROM read_text('<file>'))) 1
SELECT 1 LIMIT (SELECT size FROM read_text('<file>'))
SELECT 1 OFFSET (SELECT size FROM read_text('<file>'))
SELECT 1 ORDER BY (SELECT content FROM read_text('<file>')) COLLATE NOCASE
SELECT * REPLACE ((SELECT content FROM read_text('<file>')) AS id) FROM <own>
SELECT COLUMNS(c -> c = (SELECT content FROM read_text('<file>'))) FROM <own>
SELECT 1 UNION ALL SELECT content FROM read_text('<file>')
SELECT 1 AS a UNION BY NAME SELECT content FROM read_text('<file>')
SELECT 'a' EXCEPT ALL (FROM '<file>')
SELECT 'a' INTERSECT (TABLE "<file>")
WITH a AS MATERIALIZED (FROM read_text('<file>')) SELECT * FROM a
WITH a AS NOT MATERIALIZED (FROM read_text('<file>')) SELECT 1
WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT size FROM read_text('<file>'), a) SELECT * FROM a
WITH RECURSIVE a(k, n) USING KEY (k) AS (SELECT 1, 1 UNION SELECT 1, size FROM read_text('<file>'), a) SELECT * FROM a
SELECT * FROM <own> ASOF JOIN (FROM read_text('<file>')) t ON id >= t.size
SELECT * FROM <own> POSITIONAL JOIN read_text('<file>')
SELECT * FROM <own> ANTI JOIN '<file>' ON true
SELECT * FROM <own> LEFT JOIN (SELECT 1) t ON (SELECT size FROM read_text('<file>')) = 1
SELECT * FROM <own> TABLESAMPLE reservoir((SELECT size FROM read_text('<file>')) ROWS)
PIVOT '<file>' ON content USING count(*)
PIVOT (FROM read_text('<file>')) ON content USING count(*)
SELECT * FROM (PIVOT (FROM read_text('<file>')) ON content IN ('a') USING count(*))
SELECT * FROM <own> PIVOT (count(*) FOR id IN (SELECT size FROM read_text('<file>')))
UNPIVOT (FROM read_text('<file>')) ON filename INTO NAME k VALUE v
FROM (DESCRIBE '<file>')
DESCRIBE '<file>'
SUMMARIZE '<file>'
SELECT * FROM (SUMMARIZE (FROM read_text('<file>')))
SHOW '<file>'
SELECT 1 /* /* nested */ ' */ FROM read_text('<file>') --'
SELECT 1 -- \r FROM read_text('x')\nFROM read_text('<file>')
SELECT 'x' AS "a""b" FROM read_text('<file>')
SELECT 1 FROM read_text('<file>') AS "<own>"
"""
"""What reads a file outside of the tables."""

OTHERS = r"""
SELECT * FROM delta_scan('<theirs>')
SELECT * FROM delta_scan('file://<theirs>')
SELECT * FROM delta_list_files('<theirs>')
SELECT * FROM '<theirs>/*.parquet'
SELECT * FROM '<theirs>/**'
SELECT * FROM "<theirs>"
SELECT * FROM read_parquet(['<theirs>/*.parquet'])
SELECT * FROM read_parquet('<theirs>' || '/*.parquet')
SELECT * FROM read_parquet('<theirs>/*.parquet', filename = true)
SELECT * FROM parquet_scan(lower('<theirs>/*.parquet'))
SELECT * FROM "read_parquet"('<theirs>/*.parquet')
SELECT * FROM main.read_parquet('<theirs>/*.parquet')
SELECT * FROM read_parquet/* */('<theirs>/*.parquet')
SELECT * FROM read_parquet(E'<theirs>/*.parquet')
SELECT * FROM read_parquet($$<theirs>/*.parquet$$)
SELECT * FROM lake.pay
SELECT * FROM silver.pay
SELECT * FROM "silver.pay"
SELECT * FROM memory.silver.pay
SELECT * FROM lake."../pay"
SELECT * FROM silver."../../other/silver/pay"
SELECT * FROM gold.pay
SELECT * FROM bronze.other.pay
SELECT * FROM <own> AS a, pay AS b
SELECT * FROM <own>.pay
SELECT (SELECT max(secret) FROM silver.pay)
WITH pay AS (SELECT * FROM pay) SELECT * FROM pay
WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
WITH RECURSIVE pay AS (SELECT secret FROM pay UNION SELECT secret FROM pay) SELECT * FROM pay
SELECT (WITH pay AS (SELECT 1 AS n) SELECT n FROM pay) FROM pay
WITH "PAY" AS (SELECT 1) SELECT * FROM silver.pay
WITH "\u0440ay" AS (SELECT 1) SELECT * FROM pay
SELECT * FROM "pa\u00fd"
SELECT * FROM "\uff50\uff41\uff59"
SELECT * FROM "pay\u200b"
"""
"""What reads a table of another organisation."""

ENGINE = r"""
SELECT current_setting('secret_directory')
SELECT "current_setting"('s3_secret_access_key')
SELECT system.main.current_setting('s3_secret_access_key')
SELECT ['s3_secret_access_key'].list_transform(x -> current_setting(x))
SELECT list_reduce(['a', 'b'], lambda x, y: current_setting(y))
SELECT getenv('HOME')
SELECT 'HOME'.getenv()
SELECT list_aggregate(['HOME'], 'getenv')
SELECT list_aggr(['HOME'], 'getvariable')
SELECT TRY(getvariable('x'))
SELECT current_query()
SELECT pg_get_viewdef(1)
SELECT nextval('s')
SELECT write_log('x')
SELECT sleep_ms(100)
SELECT version()
SELECT inet_server_addr()
SELECT has_table_privilege('x', 'select')
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('pay')
SELECT * FROM query_table(['pay', 'orders'])
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM pay'))
SELECT * FROM which_secret('s3://x', 's3')
SELECT * FROM sql_auto_complete('SEL')
SELECT * FROM checkpoint()
SELECT * FROM force_checkpoint()
SELECT * FROM pragma_table_info('silver.pay')
SELECT * FROM pragma_storage_info('silver.pay')
SELECT * FROM seq_scan('pay')
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM python_map_function(1)
SELECT * FROM sqlite_scan('<file>', 'x')
SELECT * FROM postgres_query('x', 'SELECT 1')
SELECT * FROM enable_logging()
SELECT * FROM test_all_types()
SELECT * FROM information_schema.tables
SELECT * FROM system.information_schema.columns
SELECT * FROM pg_catalog.pg_views
SELECT * FROM "information_schema"."schemata"
SELECT * FROM memory.information_schema.tables
SELECT * FROM temp.information_schema.tables
SELECT * FROM <own> WHERE id IN (FROM duckdb_views)
SELECT * FROM (FROM (FROM (FROM duckdb_settings())))
SELECT * FROM <own> AT (VERSION => (SELECT count(*) FROM duckdb_secrets()))
SHOW TABLES
SHOW ALL TABLES
SELECT * FROM (SHOW ALL TABLES)
SELECT * FROM (SHOW DATABASES)
SELECT * FROM recurring.pg_settings
SELECT * FROM temp.staged
SELECT * FROM staged
SELECT * FROM lake."path 1"
FROM definition
FROM job
SELECT $1
SELECT ?
SELECT $name
"""
"""What reads settings, secrets, the catalog, or variables of the process."""

WRITES = r"""
COPY (SELECT 1) TO '<new>'
COPY (FROM <own>) TO '<new>' (FORMAT parquet)
COPY <own> FROM '<file>'
COPY FROM DATABASE memory TO x
EXPORT DATABASE '<new>'
IMPORT DATABASE '<theirs>'
ATTACH '<new>' AS x
ATTACH '<theirs>' AS t (TYPE delta)
ATTACH ':memory:' AS x
DETACH memory
USE lake
INSTALL httpfs
FORCE INSTALL httpfs FROM 'http://<web>'
LOAD '<file>'
UPDATE EXTENSIONS
SET memory_limit = '100GB'
SET VARIABLE x = (SELECT content FROM read_text('<file>'))
SET GLOBAL enable_external_access = true
RESET allowed_paths
PRAGMA enable_profiling
PRAGMA profiling_output = '<new>'
PRAGMA database_list
CALL pragma_version()
CALL enable_logging(storage = 'file')
CREATE TABLE x AS FROM <own>
CREATE TEMP TABLE staged AS SELECT 1
CREATE OR REPLACE VIEW lake.orders AS SELECT 1
CREATE MACRO abs(x) AS (SELECT content FROM read_text('<file>'))
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
DROP SECRET lake
CREATE TYPE t AS ENUM (SELECT content FROM read_text('<file>'))
CREATE SEQUENCE s
CREATE SCHEMA s
CREATE INDEX i ON <own> (id)
INSERT INTO <own> VALUES (1)
INSERT INTO <own> SELECT 1 RETURNING *
UPDATE <own> SET id = 1
DELETE FROM <own>
TRUNCATE <own>
MERGE INTO <own> USING <own> o ON true WHEN MATCHED THEN DELETE
DROP VIEW <own>
ALTER VIEW <own> RENAME TO x
COMMENT ON VIEW <own> IS 'x'
WITH a AS (SELECT 1) INSERT INTO <own> SELECT * FROM a
WITH a AS (DELETE FROM <own> RETURNING *) SELECT * FROM a
WITH a AS (INSERT INTO <own> VALUES (1) RETURNING *) FROM a
BEGIN
COMMIT
CHECKPOINT
VACUUM
ANALYZE
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
EXPLAIN SELECT * FROM <own>
EXPLAIN ANALYZE SELECT * FROM <own>
SELECT 1; SELECT 2
SELECT 1; COPY (SELECT 1) TO '<new>'
SELECT 1); COPY (SELECT 1) TO '<new>'; --
SELECT 1) AS found; COPY (SELECT 1) TO '<new>' --
SELECT 1) TO '<new>' --
SELECT 1 LIMIT 0) AS found LIMIT 1; ATTACH '<new>' AS x; SELECT * FROM (SELECT 1
SELECT 1 /* ; */ ; /* */ DROP VIEW <own>
SELECT 1;;; VACUUM
SELECT write_blob('<new>', 'x'::BLOB)
"""
"""What writes, changes the engine, or is more than one query."""

NETWORK = r"""
SELECT * FROM 'http://<web>/x.parquet'
SELECT * FROM "http://<web>/x.csv"
SELECT * FROM 's3://<web>/x.parquet'
SELECT * FROM read_csv('http://<web>/x.csv')
SELECT * FROM read_text('http://<web>/x')
SELECT * FROM read_json('http://<web>/x')
SELECT * FROM read_blob('hf://datasets/x')
SELECT * FROM read_parquet(['http://<web>/x.parquet'])
SELECT * FROM delta_scan('http://<web>/x')
SELECT * FROM delta_scan('s3://<web>/x')
SELECT * FROM iceberg_scan('http://<web>/x')
SELECT * FROM glob('http://<web>/*')
SELECT * FROM sniff_csv('http://<web>/x')
SELECT http_get('http://<web>/x')
SELECT * FROM st_read('http://<web>/x')
SELECT * FROM mysql_query('host=<web>', 'SELECT 1')
ATTACH 'http://<web>/x.db' AS x
ATTACH 'postgres://<web>/x' AS x (TYPE postgres)
COPY (FROM <own>) TO 'http://<web>/x'
INSTALL x FROM 'http://<web>'
LOAD 'http://<web>/x'
IMPORT DATABASE 'http://<web>'
"""
"""What speaks to an address."""

KINDS: Mapping[str, str] = {
    "files": FILES,
    "others": OTHERS,
    "engine": ENGINE,
    "writes": WRITES,
    "network": NETWORK,
}

_ALLOWED = {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"}


def lines(text: str) -> list[str]:
    """The statements of a text, one a line, with the escapes that Python knows."""
    escapes = re.compile(r"\\(?:n|r|u[0-9a-f]{4})")
    return [escapes.sub(_character, line) for line in text.strip().splitlines()]


def _character(found: re.Match[str]) -> str:
    escape = found[0]
    return {"\\n": "\n", "\\r": "\r"}.get(escape) or chr(int(escape[2:], 16))


def of_this_duckdb() -> list[str]:
    """A statement for each table function and each view of the catalog that the DuckDB which is installed has."""
    with duckdb.connect() as connection:
        functions = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')"
            " OR function_type IN ('pragma', 'copy')"
        ).fetchall()
        views = connection.execute("SELECT DISTINCT schema_name, view_name FROM duckdb_views()").fetchall()
    found = [f"SELECT * FROM \"{name}\"('<file>')" for (name,) in functions if name not in _ALLOWED]
    for schema, view in views:
        found += [f'SELECT * FROM "{view}"', f'FROM "{schema}"."{view}"', f'FROM system."{schema}"."{view}"']
    return sorted(found)


def filled(statements: Iterable[str], words: Mapping[str, str]) -> list[str]:
    """The statements with the words of a test."""
    return [_filled(each, words.__getitem__) for each in statements]


def _filled(statement: str, word: Callable[[str], str]) -> str:
    return re.sub("<(own|theirs|file|new|web)>", lambda found: word(found[1]), statement)

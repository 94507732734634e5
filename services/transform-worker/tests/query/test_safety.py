"""Which SQL a transform may run: a table of what is allowed, and one of hostile statements."""

import duckdb
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_transform_worker.query import safety
from vai_transform_worker.query.safety import check, expose_literal_paths, without_end

ALLOWED = [
    "SELECT * FROM lake.orders",
    'SELECT * FROM LAKE."Orders" o WHERE o.id IN (SELECT id FROM lake.lines)',
    "FROM lake.orders",
    "TABLE lake.orders",
    "VALUES (1, 'a'), (2, 'b')",
    "(SELECT 1 UNION ALL SELECT 2) ORDER BY 1 LIMIT 1",
    "SELECT * FROM lake.orders UNION BY NAME SELECT * FROM lake.lines",
    "WITH a AS (SELECT * FROM lake.orders), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (id)",
    "WITH orders AS (SELECT * FROM lake.orders) SELECT * FROM orders",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    "SELECT (WITH x AS (SELECT 1 AS n) SELECT n FROM x) AS n",
    "WITH a AS (SELECT 1 AS n), b AS (WITH c AS (SELECT n FROM a) SELECT n FROM c), d AS (FROM b) SELECT * FROM a, d",
    "WITH RECURSIVE a AS (SELECT 1 AS n), t AS (SELECT n FROM a UNION SELECT t.n + 1 FROM t, a WHERE t.n < 3) FROM t",
    "WITH a AS (WITH a AS (SELECT 5 AS x) SELECT * FROM a) SELECT * FROM a",
    "SELECT * FROM range(3) r(n), generate_series(1, 2), unnest([1, 2]) u(v)",
    "SELECT unnest([1, 2]) AS n",
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b) AS r FROM lake.orders QUALIFY r = 1",
    "SELECT sum(x) FILTER (WHERE y > 1), list(z ORDER BY z) FROM lake.orders GROUP BY ALL",
    "SELECT * FROM (PIVOT lake.orders ON month IN (1, 2) USING sum(amount) GROUP BY id)",
    "SELECT * FROM (UNPIVOT lake.orders ON a, b INTO NAME k VALUE v)",
    "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b), COLUMNS('x.*') FROM lake.orders",
    "SELECT list_transform([1, 2], lambda x: x + 1), {'a': 1}.a, MAP {'k': 1}['k']",
    "SELECT current_date, now(), strftime(now(), '%Y'), typeof(1), uuid(), regexp_extract('a', 'b')",
    "SELECT * FROM lake.orders ASOF JOIN lake.lines USING (id, at_time)",
    "SELECT * FROM lake.orders, LATERAL (SELECT orders.id + 1 AS next)",
    "SELECT json_extract_string(j, '$.a.b') FROM lake.orders",
    "SELECT * FROM lake.orders USING SAMPLE 10%",
    "DESCRIBE lake.orders",
    "SUMMARIZE lake.orders",
    "SELECT * FROM (DESCRIBE lake.orders)",
    "SELECT column_name FROM (SUMMARIZE SELECT * FROM lake.orders) WHERE null_percentage > 0",
    'WITH "my cte" AS (SELECT 1), "my-cte" AS (FROM "my cte") SELECT * FROM "my-cte"',
    'SELECT * FROM (WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd")',
    "SELECT o.id, e.key, e.value FROM lake.orders o, json_each(o.payload) e",
    "SELECT * FROM lake.orders o, LATERAL (SELECT * FROM json_tree(o.payload)) t",
    "SELECT t FROM lake.orders o, repeat(o.name, 2) r(t)",
    "SELECT row(1, 2) AS pair, 3::BIGINT AS n",
    "WITH RECURSIVE t(k, n) USING KEY (k) AS (SELECT 1, 1 UNION SELECT k, n + 1 FROM recurring.t WHERE n < 3) FROM t",
    "SELECT " + " || ".join(["'a'"] * 500),
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "SELECT " + "-".join(["1 "] * 900),
    "\ufeffSELECT 1",
    "SELECT COLUMNS(c -> c LIKE 'a%') FROM lake.orders",
    "SELECT * FROM lake.orders WHERE EXISTS (FROM lake.lines)",
    "FROM lake.orders, lake.lines SELECT 1",
    "SELECT x COLLATE NOCASE, TRY(x::INT), x IS NOT NULL, x BETWEEN 1 AND 2, #1 FROM lake.orders",
    "SELECT 'DROP TABLE x; COPY y TO z' AS text -- read_csv('/etc/passwd')",
]

HOSTILE = [
    ("", "none"),
    ("-- nothing", "none"),
    ("SELECT 1; SELECT 2", "has 2"),
    ("SELECT 1; DROP TABLE lake.orders", "has 2"),
    # what is no query
    ("CREATE TABLE x AS SELECT 1", "not CREATE"),
    ("CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')", "not "),
    ("CREATE MACRO f() AS TABLE SELECT * FROM read_text('/etc/passwd')", "not CREATE"),
    ("INSERT INTO lake.orders VALUES (1)", "not INSERT"),
    ("WITH x AS (SELECT 1) INSERT INTO lake.orders SELECT * FROM x", "not INSERT"),
    ("UPDATE lake.orders SET id = 1", "not UPDATE"),
    ("DELETE FROM lake.orders", "not DELETE"),
    ("MERGE INTO lake.orders o USING lake.lines l ON o.id = l.id WHEN MATCHED THEN DELETE", "not "),
    ("DROP VIEW lake.orders", "not DROP"),
    ("ALTER VIEW lake.orders RENAME TO x", "not ALTER"),
    ("COPY (SELECT 1) TO '/tmp/x.csv'", "not COPY"),
    ("COPY lake.orders FROM '/etc/passwd'", "not COPY"),
    ("EXPORT DATABASE '/tmp/x'", "not "),
    ("IMPORT DATABASE '/tmp/x'", "disabled by configuration"),
    ("ATTACH '/tmp/x.db'", "not ATTACH"),
    ("ATTACH 's3://b/t' AS t (TYPE delta)", "not ATTACH"),
    ("USE lake", "not "),
    ("SET memory_limit = '100GB'", "not "),
    ("RESET memory_limit", "not "),
    ("PRAGMA version", "command"),
    ("PRAGMA table_info('lake.orders')", "command"),
    ("PRAGMA json_execute_serialized_sql('x')", "does not parse"),
    ("CALL range(3)", "not CALL"),
    ("INSTALL httpfs", "not "),
    ("LOAD httpfs", "not LOAD"),
    ("CHECKPOINT", "not "),
    ("VACUUM", "not VACUUM"),
    ("BEGIN", "not TRANSACTION"),
    ("PREPARE p AS SELECT 1", "not PREPARE"),
    ("EXECUTE p", "not EXECUTE"),
    ("EXPLAIN ANALYZE SELECT 1", "not EXPLAIN"),
    ("SHOW TABLES", "only selects"),
    ("PIVOT lake.orders ON month USING sum(amount)", "has 2"),
    ("SELECT $1", "parameter"),
    ("SELECT ?", "parameter"),
    # what knows the engine's catalog, by any name
    ("SELECT * FROM (SHOW TABLES)", "only selects"),
    ("SELECT * FROM (SHOW ALL TABLES)", "only selects"),
    ("SELECT * FROM (SHOW DATABASES)", "only selects"),
    ("SELECT * FROM (DESCRIBE)", "only selects"),
    ("SELECT * FROM (DESCRIBE SELECT * FROM duckdb_views)", "duckdb_views, which is not an input"),
    ("SUMMARIZE pg_settings", "pg_settings, which is not an input"),
    ("SUMMARIZE '/etc/passwd'", "/etc/passwd, which is not an input"),
    ("SELECT * FROM (SUMMARIZE SELECT * FROM read_text('/etc/passwd'))", r"read_text\(…\)"),
    ("SELECT * FROM histogram_values(lake.orders, id)", r"histogram_values\(…\)"),
    ("SELECT * FROM summary((SELECT 1))", r"summary\(…\)"),
    ("SELECT __internal_decompress_string('x')", "not allowed"),
    ("SELECT stats(id) FROM lake.orders", "not allowed"),
    ("SELECT current_query()", "not allowed"),
    ("SELECT abss(1)", r"did you mean abs\(\)"),
    ("SELECT \"getenv\"('HOME')", r"getenv\(\)"),
    ("SELECT system.main.getenv('HOME')", r"getenv\(\)"),
    ("SELECT ['HOME'].list_transform(x -> getenv(x))", r"getenv\(\)"),
    ("SELECT 'HOME'.getenv()", r"getenv\(\)"),
    ("SELECT COLUMNS(c -> getvariable(c)) FROM lake.orders", r"getvariable\(\)"),
    ("SELECT * FROM lake.orders ORDER BY getvariable('x')", r"getvariable\(\)"),
    ("SELECT * FROM lake.orders USING SAMPLE (getvariable('x')) ROWS", "."),
    ("SELECT sum(1) OVER (ORDER BY getvariable('x'))", r"getvariable\(\)"),
    ("SELECT sum(1) FILTER (WHERE getvariable('x'))", r"getvariable\(\)"),
    ("SELECT * FROM range(getvariable('x'))", r"getvariable\(\)"),
    ("SELECT * FROM lake.orders GROUP BY getvariable('x')", r"getvariable\(\)"),
    ("SELECT * REPLACE (getvariable('x') AS id) FROM lake.orders", r"getvariable\(\)"),
    ("SELECT * FROM (PIVOT (FROM read_text('/x')) ON month IN (1) USING sum(size))", r"read_text\(…\)"),
    ("SELECT * FROM (PIVOT lake.orders ON month IN (1) USING max(getvariable('x')))", r"getvariable\(\)"),
    ("SELECT * FROM (UNPIVOT (FROM glob('/*')) ON file)", r"glob\(…\)"),
    ("SELECT * FROM lake.orders POSITIONAL JOIN (FROM '/etc/passwd')", "which is not an input"),
    ("SELECT * FROM lake.orders SEMI JOIN 'x.csv' ON true", "which is not an input"),
    ("SELECT * FROM '\u00c9'", "which is not an input"),
    ('WITH "\u00c9" AS (SELECT 1) SELECT * FROM "\u00e9"', "which is not an input"),
    ("FROM recurring.pg_settings", "which is not an input"),
    # files and addresses
    ("SELECT * FROM '/etc/passwd'", "/etc/passwd, which is not an input"),
    ("SELECT * FROM 'x.parquet'", "x.parquet, which is not an input"),
    ('SELECT * FROM "s3://other/x.parquet"', "which is not an input"),
    ("SELECT * FROM read_parquet(['/a', '/b'])", "one literal path"),
    ("SELECT * FROM read_parquet('/a', union_by_name = true)", "one literal path"),
    ("SELECT * FROM read_parquet('/a' || '/b')", "one literal path"),
    ("SELECT * FROM parquet_scan(getvariable('x'))", "one literal path"),
    ("SELECT * FROM READ_CSV('/etc/passwd')", r"read_csv\(…\)"),
    ("SELECT * FROM \"read_csv\"('/etc/passwd')", r"read_csv\(…\)"),
    ("SELECT * FROM main.read_text('/etc/passwd')", r"read_text\(…\)"),
    ("SELECT * FROM system.main.read_blob('/etc/passwd')", r"read_blob\(…\)"),
    ("SELECT * FROM read_json_auto('http://169.254.169.254/')", r"read_json_auto\(…\)"),
    ("SELECT * FROM delta_scan('http://169.254.169.254/')", r"delta_scan\(…\)"),
    ("SELECT * FROM delta_list_files('/x')", r"delta_list_files\(…\)"),
    ("SELECT * FROM glob('/**')", r"glob\(…\)"),
    ("SELECT * FROM parquet_metadata('/x')", r"parquet_metadata\(…\)"),
    ("SELECT * FROM sniff_csv('/x')", r"sniff_csv\(…\)"),
    ("SELECT (SELECT content FROM read_text('/etc/passwd'))", r"read_text\(…\)"),
    ("SELECT 1 WHERE EXISTS (SELECT 1 FROM read_text('/etc/passwd'))", r"read_text\(…\)"),
    ("WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT 1", r"read_text\(…\)"),
    ("SELECT 1 ORDER BY (SELECT count(*) FROM read_text('/etc/passwd'))", r"read_text\(…\)"),
    ("SELECT * FROM lake.orders LIMIT (SELECT count(*) FROM read_text('/x'))", r"read_text\(…\)"),
    ("SELECT list_transform([1], lambda x: (SELECT count(*) FROM read_text('/x')))", r"read_text\(…\)"),
    ("SELECT write_blob('/tmp/x', 'y'::BLOB)", r"write_blob\(\)"),
    ("SELECT 1 IN (SELECT write_blob('/tmp/x', 'y'::BLOB))", r"write_blob\(\)"),
    # what the engine knows
    ("SELECT * FROM query('SELECT 1')", r"query\(…\)"),
    ("SELECT * FROM query_table('x')", r"query_table\(…\)"),
    ("SELECT * FROM json_execute_serialized_sql('x')", r"json_execute_serialized_sql\(…\)"),
    ("SELECT * FROM duckdb_secrets()", r"duckdb_secrets\(…\)"),
    ("SELECT * FROM duckdb_settings()", r"duckdb_settings\(…\)"),
    ("SELECT * FROM which_secret('s3://x', 's3')", r"which_secret\(…\)"),
    ("SELECT current_setting('s3_secret_access_key')", r"current_setting\(\)"),
    ("SELECT main.Current_Setting('s3_secret_access_key')", r"current_setting\(\)"),
    ("SELECT getvariable('x')", r"getvariable\(\)"),
    ("SELECT pg_get_viewdef(1)", r"pg_get_viewdef\(\)"),
    ("SELECT write_log('x')", r"write_log\(\)"),
    ("SELECT sleep_ms(100000)", r"sleep_ms\(\)"),
    ("SELECT * FROM information_schema.tables", "information_schema.tables, which is not an input"),
    ("SELECT * FROM duckdb_views", "duckdb_views, which is not an input"),
    ("SELECT * FROM pg_catalog.pg_class", "which is not an input"),
    ("SELECT * FROM sqlite_master", "which is not an input"),
    ("SELECT * FROM orders", "orders, which is not an input"),
    ("SELECT * FROM lake.customers", "lake.customers, which is not an input"),
    ("SELECT * FROM memory.lake.orders", "which is not an input"),
    ("SELECT * FROM other.lake.orders", "which is not an input"),
    # names that WITH gives hold only where it stands, and not in what comes before them
    ("WITH pg_settings AS (SELECT * FROM pg_settings) SELECT * FROM pg_settings", "pg_settings, which is not an input"),
    ("WITH RECURSIVE duckdb_views AS (SELECT * FROM duckdb_views) SELECT 1", "duckdb_views, which is not an input"),
    (
        "WITH RECURSIVE pg_class AS (SELECT oid FROM pg_class UNION SELECT oid FROM pg_class) SELECT * FROM pg_class",
        "pg_class, which is not an input",
    ),
    (
        "WITH a AS (SELECT * FROM sqlite_master), sqlite_master AS (SELECT 1) SELECT * FROM a",
        "sqlite_master, which is not an input",
    ),
    ("WITH a AS (WITH b AS (SELECT * FROM pg_type) SELECT 1), pg_type AS (SELECT 1) SELECT 1", "pg_type, which is no"),
    ("SELECT (WITH hidden AS (SELECT 1 AS n) SELECT n FROM hidden) FROM hidden", "hidden, which is not an input"),
    # what a parser chokes on
    ("SELECT " + "NOT " * 30_000 + "true", "."),
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_a_query_over_the_inputs_is_allowed(sql: str) -> None:
    check(sql, ["orders", "lines"])


LONG = [
    f"SELECT * FROM lake.orders WHERE id IN ({', '.join(map(str, range(30_000)))})",
    "SELECT 1 WHERE " + " AND ".join(["true"] * 5_000),
    " UNION ALL ".join(["SELECT 1 AS n"] * 5_000),
]


@pytest.mark.parametrize("sql", LONG, ids=["IN", "AND", "UNION"])
def test_long_sql_is_judged_by_all_its_parts(sql: str) -> None:
    assert len(sql) > 40_000
    check(sql, ["orders", "lines"])
    with pytest.raises(Permanent, match=r"getenv\(\)"):
        check(sql + " UNION ALL SELECT getenv('HOME')::INT", ["orders", "lines"])


@pytest.mark.parametrize(("sql", "words"), HOSTILE)
def test_anything_else_is_refused_with_its_reason(sql: str, words: str) -> None:
    with pytest.raises(Permanent, match=words) as caught:
        check(sql, ["orders", "lines"])
    assert caught.value.code == ErrorCode.DATA_ERROR


@pytest.mark.parametrize(
    ("sql", "path", "left"),
    [
        ("SELECT * FROM read_parquet('s3://l/o/x') r", "s3://l/o/x", "SELECT * FROM <view> r"),
        ("SELECT * FROM READ_PARQUET ( 'it''s' )", "it's", "SELECT * FROM <view>"),
        ("SELECT /* /* */ ' */ * FROM read_parquet('x') -- '", "x", "SELECT /* /* */ ' */ * FROM <view> -- '"),
        (
            "SELECT 'ü' FROM parquet_scan('x') JOIN lake.a USING (b)",
            "x",
            "SELECT 'ü' FROM <view> JOIN lake.a USING (b)",
        ),
    ],
)
def test_a_literal_path_becomes_a_view(sql: str, path: str, left: str) -> None:
    seen: list[str] = []

    def view(found: str) -> str:
        seen.append(found)
        return "<view>"

    assert expose_literal_paths(sql, view) == left
    assert seen == [path]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'read_parquet(''x'')'",
        "SELECT 1 -- read_parquet('x')",
        "SELECT read_parquet",
        "SELECT /* /* */ read_parquet('x') */ 1",
        "SELECT $é$ read_parquet('x') $é$",
        "FROM my_read_parquet('x')",
        "FROM read_parquet(E'x')",
        "FROM read_parquet('x', 'y')",
        "FROM read_parquet(/* */ 'x')",
    ],
)
def test_text_that_only_looks_like_a_literal_path_stays(sql: str) -> None:
    assert expose_literal_paths(sql, lambda path: "<view>") == sql


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1;", "SELECT 1"),
        ("SELECT ';' ;; -- done;", "SELECT ';'"),
        ("SELECT 1 /* a; */ -- b", "SELECT 1"),
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),
        ("-- only", "-- only"),
    ],
)
def test_semicolons_and_comments_at_the_end_go(sql: str, left: str) -> None:
    assert without_end(sql) == left


REFUSED = """
    can_cast_implicitly cast_to_type col_description combine constant_or_null create_sort_key current_connection_id
    current_query current_query_id current_schemas current_setting current_transaction_id currval finalize
    format_pg_type get_block_size get_type getvariable has_any_column_privilege has_column_privilege
    has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
    has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
    in_search_path inet_client_addr inet_client_port inet_server_addr inet_server_port json_deserialize_sql
    json_serialize_plan json_serialize_sql make_type map_to_pg_oid nextval obj_description parse_duckdb_log_message
    pg_collation_is_visible pg_conf_load_time pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef
    pg_get_expr pg_get_viewdef pg_has_role pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible
    pg_operator_is_visible pg_opfamily_is_visible pg_postmaster_start_time pg_sleep pg_table_is_visible
    pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
    pg_type_is_visible remap_struct replace_type shobj_description sleep_ms stats timetz_byte_comparable
    txid_current variant_bytes_to_variant variant_extract variant_normalize variant_to_parquet_variant
    variant_typeof vector_type version write_log
"""


def test_every_function_of_this_duckdb_has_been_judged() -> None:
    """A later DuckDB has more: put each into functions.txt if it reads nothing but its arguments, else here."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate', 'macro')"
        ).fetchall()
    known = {name for (name,) in found if not name.startswith(("icu_collate_", "__internal_"))}
    assert known - set(REFUSED.split()) == safety._FUNCTIONS

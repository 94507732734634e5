"""PIVOT without IN gives what plain DuckDB gives."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from vai_common.errors import Permanent
from vai_transform_worker.query.pivots import with_values

ROWS = [
    {"id": 1, "month": 1, "kind": "a", "amount": 5},
    {"id": 1, "month": 2, "kind": "it's", "amount": 6},
    {"id": 2, "month": 10, "kind": "a", "amount": 7},
    {"id": 2, "month": None, "kind": "b", "amount": 8},
]
PIVOTS = [
    "PIVOT {t} ON month USING sum(amount) GROUP BY id",
    "PIVOT {t} ON kind USING sum(amount) GROUP BY id ORDER BY id",
    "PIVOT {t} ON month, kind USING count(*) GROUP BY id",
    "PIVOT {t} ON month IN (1, 2), kind USING count(*) GROUP BY id",
    "PIVOT (SELECT * FROM {t} WHERE amount > 5) ON kind || '-' || month USING sum(amount) GROUP BY id",
    "SELECT p.*, o.kind FROM (PIVOT {t} ON month USING sum(amount) GROUP BY id) p JOIN {t} o ON o.id = p.id",
    "WITH m AS (SELECT * FROM {t}) PIVOT m ON month USING sum(amount) GROUP BY id",
    "WITH m AS (SELECT * FROM {t}) SELECT * FROM (PIVOT m ON month USING sum(amount) GROUP BY id)",
    "WITH m AS (SELECT * FROM {t}), p AS (PIVOT m ON kind USING sum(amount) GROUP BY id) SELECT * FROM p",
    "SELECT 'PIVOT t ON x' AS t -- PIVOT t ON x",
    "SELECT * FROM {t} PIVOT (sum(amount) FOR month IN (1, 2) GROUP BY id)",
]


@pytest.mark.parametrize("sql", PIVOTS)
def test_the_values_of_a_pivot_are_found(workshop: Any, sql: str) -> None:
    orders = workshop.bronze("shop.orders", ROWS)
    workshop.run(sql.format(t="{{ bronze_orders }}"), *([orders] if "{t}" in sql else []), merge_keys=[])
    with duckdb.connect() as connection:
        connection.register("orders", pa.Table.from_pylist(ROWS))
        plain = connection.sql(sql.format(t="orders"))
        names, rows = plain.columns, sorted(map(str, plain.fetchall()))
    assert workshop.table().schema().to_arrow().names == names
    assert sorted(map(str, workshop.rows("SELECT * FROM out"))) == rows


FORMS = [
    "PIVOT t ON CASE WHEN m IN ('jan') THEN 'a' ELSE 'z' END USING count(*) GROUP BY id",
    "PIVOT t ON CASE m WHEN 'jan' THEN 'j' END, kind USING count(*) GROUP BY id",
    "PIVOT t ON (m IN ('jan')) USING count(*) GROUP BY id",
    "PIVOT t JOIN (SELECT 1 AS id, 5 AS k) o USING (id) ON n USING count(*) GROUP BY id",
    "PIVOT t LEFT JOIN q ON t.id = q.id AND q.id IN (1) ON n USING count(*) GROUP BY k",
    "PIVOT t JOIN q USING (id) JOIN (SELECT 1 AS id, 2 AS y) r USING (id) ON n, m USING count(*) GROUP BY id",
    "PIVOT t NATURAL LEFT JOIN q ON m USING count(*) GROUP BY id",
    "PIVOT t SEMI JOIN q USING (id) ON m USING count(*) GROUP BY id",
    "PIVOT t ASOF JOIN (SELECT 1 AS amount, 2 AS y) r ON t.amount >= r.amount ON m USING count(*) GROUP BY id",
    "pivot_wider t on m using count(*) group by id",
    "FROM (PIVOT_WIDER t ON m USING count(*) GROUP BY id) SELECT id",
    "PIVOT t ON m IN (SELECT DISTINCT m FROM t ORDER BY m DESC) USING count(*) GROUP BY id",
    "PIVOT t ON month IN (SELECT DISTINCT month FROM t ORDER BY 1 DESC) USING count(*) GROUP BY id",
    "PIVOT t ON id IN (1), m IN (SELECT DISTINCT m FROM t ORDER BY m) USING count(*)",
    "PIVOT t ON m IN (WITH y AS (SELECT 'jan' AS z) SELECT z FROM y) USING count(*) GROUP BY id",
    "SELECT 1 AS id UNION ALL BY NAME PIVOT t ON m USING count(*) GROUP BY id",
    "WITH a AS (SELECT 1 AS id) FROM a UNION ALL BY NAME PIVOT t ON m USING count(*) GROUP BY id",
    "PIVOT t ON m USING count(*) GROUP BY id UNION ALL BY NAME SELECT 5 AS id",
    "WITH p AS (SELECT * FROM t) (PIVOT p ON m USING count(*) GROUP BY id)",
    "WITH p(id, mm) AS (SELECT id, m FROM t) SELECT * FROM (PIVOT p ON mm USING count(*) GROUP BY id)",
    "WITH p AS MATERIALIZED (PIVOT t ON m USING count(*) GROUP BY id) FROM p",
    "SELECT * FROM (WITH w AS (SELECT * FROM t WHERE id = 1) SELECT * FROM (PIVOT w ON m USING count(*) GROUP BY id))",
    "SELECT CASE WHEN true THEN (SELECT count(*) FROM (PIVOT t ON CASE n WHEN 1 THEN 'a' END USING count(*))) END AS c",
    "PIVOT (PIVOT t ON m USING sum(amount) GROUP BY id, kind) ON kind USING count(*) GROUP BY id",
    'PIVOT (SELECT *, m AS "group" FROM t) ON "group" USING count(*) GROUP BY id',
    "PIVOT t ON m USING sum(amount) AS s, max(amount) AS x GROUP BY id ORDER BY id LIMIT 1",
    "PIVOT t ON m, USING sum(amount) FILTER (WHERE id IN (1)) GROUP BY id",
    "PIVOT t ON m = 'jan' USING count(*) GROUP BY id",
    "PIVOT t ON (m, n) USING count(*) GROUP BY id",
    "PIVOT t ON m",
    "PIVOT t USING count(*) GROUP BY id",
]
SOME = "(1,1,'a',5,'jan',1), (1,2,'it''s',6,'feb',2), (2,10,'a',7,'jan',1), (2,NULL,'b',8,'mar',3)"
FEW = "(5,NULL,NULL,NULL,NULL,NULL), (6,NULL,'a',4,NULL,1)"
TABLES = {
    "some values": f"FROM (VALUES {SOME}) v(id, month, kind, amount, m, n)",
    "few values": f"FROM (VALUES {SOME}, {FEW}) v(id, month, kind, amount, m, n) WHERE id > 4",
    "no rows": f"FROM (VALUES {SOME}) v(id, month, kind, amount, m, n) WHERE false",
}


@pytest.mark.parametrize("table", TABLES)
def test_every_form_of_a_pivot_is_one_query_and_gives_what_duckdb_gives(table: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS {TABLES[table]}")
        connection.execute("CREATE TABLE q AS SELECT 1 AS id, 5 AS k")
        for sql in FORMS:
            plain = connection.sql(sql)
            ours = with_values(sql, lambda query: [row[0] for row in connection.sql(query).fetchall()])
            assert len(connection.extract_statements(ours)) == 1, ours
            found = connection.sql(ours)
            assert found.columns == plain.columns, ours
            assert sorted(map(str, found.fetchall())) == sorted(map(str, plain.fetchall())), ours


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("PIVOT (FROM read_text('/etc/passwd')) ON content", r"read_text\(…\)"),
        ("PIVOT {{ bronze_orders }} ON getvariable('x') USING sum(amount)", r"getvariable\(\)"),
        ("PIVOT {{ bronze_orders }} ON (SELECT max(name) FROM duckdb_views()) USING sum(amount)", "duckdb_views"),
        ("PIVOT '/etc/passwd' ON a USING sum(b)", "not an input"),
        ("PIVOT {{ bronze_orders }} ON kind IN (SELECT name FROM duckdb_views())", "duckdb_views"),
        ("PIVOT {{ bronze_orders }} ON kind IN (FROM read_text('/etc/passwd'))", "read_text"),
        ("PIVOT {{ bronze_orders }} o JOIN pg_settings p ON o.kind = p.name ON o.id USING count(*)", "pg_settings"),
        ("PIVOT_WIDER (FROM read_text('/etc/passwd')) ON content", "read_text"),
        ("PIVOT {{ bronze_orders }} ON kind IN (SELECT kind FROM {{ bronze_orders }}); SELECT 1", "one query"),
        ("PIVOT {{ bronze_orders }} ON 1); DROP VIEW x; --", "."),
    ],
)
def test_what_a_pivot_reads_is_judged(workshop: Any, sql: str, words: str) -> None:
    orders = workshop.bronze("shop.orders", ROWS)
    with pytest.raises(Permanent, match=words):
        workshop.run(sql, *([orders] if "bronze_orders" in sql else []))


def test_a_pivot_may_read_a_table_that_is_not_there_yet(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", ROWS)
    sql = (
        "PIVOT (SELECT id, kind FROM {{ bronze_orders }} UNION ALL SELECT id, NULL FROM {{ this }}) "
        "ON kind USING count(*) GROUP BY id"
    )
    for _ in range(2):
        workshop.run(sql, orders)
        assert workshop.table().schema().to_arrow().names == ["id", "a", "b", "it's"]


def test_very_many_pivots_are_not_looked_for(workshop: Any) -> None:
    with pytest.raises(Permanent):
        workshop.run("FROM " + "(PIVOT " * 9000 + "x" + " ON y IN (1))" * 9000)

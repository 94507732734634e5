"""PIVOT without IN gives what plain DuckDB gives."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from common.errors import Permanent

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


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("PIVOT (FROM read_text('/etc/passwd')) ON content", r"read_text\(…\)"),
        ("PIVOT {{ bronze_orders }} ON getvariable('x') USING sum(amount)", r"getvariable\(\)"),
        ("PIVOT {{ bronze_orders }} ON (SELECT max(name) FROM duckdb_views()) USING sum(amount)", "duckdb_views"),
        ("PIVOT '/etc/passwd' ON a USING sum(b)", "no input"),
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

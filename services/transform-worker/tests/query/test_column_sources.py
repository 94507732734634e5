"""Which columns of the inputs the columns of a query are made of, and what is said where nobody can tell."""

import threading

import duckdb
import pytest

from vai_transform_worker.query import column_thread
from vai_transform_worker.query.column_sources import (
    LONGEST_SQL,
    MOST_COLUMNS,
    MOST_PAIRS,
    ColumnSources,
    sources_of,
)
from vai_transform_worker.query.column_thread import Following

TABLES = """
CREATE SCHEMA lake;
CREATE TABLE lake.orders ("Id" INT, total INT, customer_id INT, s STRUCT(x STRUCT(y INT), z INT), l INT[]);
CREATE TABLE lake.customers (id INT, name VARCHAR, total INT);
CREATE TABLE lake."we""ird é" ("a b" INT, "Größe" INT);
"""


SIXTY = ", ".join(f"c{place}" for place in range(60))


def found(sql: str) -> ColumnSources:
    """What is found for SQL that DuckDB takes; the columns are those that it binds."""
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        return sources_of(sql, connection.sql(sql).columns, column_thread.columns_of(connection))


def told(sql: str) -> str:
    """Each column with its sources: `~` is an expression, `+` an aggregation, `?` is not known."""
    answer = found(sql)
    marks = {"identity": "", "transformation": "~", "aggregation": "+"}
    pairs: dict[str, set[str]] = {}
    for each in answer.sources:
        pairs.setdefault(each.output, set()).add(f"{marks[each.how]}{each.input}.{each.column}")
    pairs |= {name: {"?"} for name in answer.unknown}
    return " | ".join(f"{name}: {', '.join(sorted(of))}" for name, of in pairs.items())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM lake.customers", "id: customers.id | name: customers.name | total: customers.total"),
        ("FROM lake.customers SELECT name", "name: customers.name"),
        (
            "SELECT * EXCLUDE (name) REPLACE (total + 1 AS total) FROM lake.customers",
            "id: customers.id | total: ~customers.total",
        ),
        (
            "SELECT * RENAME (total AS t) FROM lake.customers",
            "id: customers.id | name: customers.name | t: customers.total",
        ),
        ("SELECT total AS x, x + 1 AS y FROM lake.orders", "x: orders.total | y: ~orders.total"),
        ("SELECT sum(total) FILTER (WHERE id > 3) AS s FROM lake.customers", "s: +customers.total"),
        (
            "SELECT sum(total) FILTER (WHERE id > 3) OVER (PARTITION BY name) AS s FROM lake.customers",
            "s: +customers.total, ~customers.name",
        ),
        ("SELECT ID FROM lake.orders", "Id: orders.Id"),
        ("SELECT sum(total) AS s, count(*) AS n, 1 AS one FROM lake.orders", "s: +orders.total"),
        ("SELECT sum(t) AS s FROM (SELECT total * 2 AS t FROM lake.orders)", "s: +orders.total"),
        (
            "SELECT CASE WHEN total > 1 THEN customer_id END AS c FROM lake.orders",
            "c: ~orders.customer_id, ~orders.total",
        ),
        (
            "SELECT c.name FROM lake.orders o JOIN lake.customers c ON c.id = o.customer_id WHERE o.total > 1",
            "name: customers.name",
        ),
        ("SELECT id FROM lake.orders JOIN lake.customers USING (id)", "Id: ~customers.id, ~orders.Id"),
        (
            "WITH a AS (SELECT total AS t FROM lake.orders), b AS (SELECT t AS u FROM a) SELECT u FROM b",
            "u: orders.total",
        ),
        ("WITH o AS (SELECT name FROM lake.customers) SELECT name AS total FROM o", "total: customers.name"),
        ("SELECT total FROM lake.orders UNION ALL SELECT id FROM lake.customers", "total: customers.id, orders.total"),
        (
            "SELECT id, total FROM lake.orders UNION ALL BY NAME SELECT total, id FROM lake.customers",
            "Id: customers.id, orders.Id | total: customers.total, orders.total",
        ),
        ("SELECT total FROM lake.orders EXCEPT SELECT total FROM lake.customers", "total: orders.total"),
        (
            "WITH RECURSIVE t(a, b) AS (SELECT id, total FROM lake.orders UNION ALL SELECT b, a FROM t) FROM t",
            "a: orders.Id, orders.total | b: orders.Id, orders.total",
        ),
        (
            "SELECT (SELECT max(name) FROM lake.customers c WHERE c.id = o.customer_id) AS n FROM lake.orders o",
            "n: +customers.name",
        ),
        ("SELECT u FROM lake.orders, unnest(l) AS t(u)", "u: ~orders.l"),
        ("SELECT v.a FROM lake.orders o, LATERAL (SELECT o.total + 1 AS a) v", "a: ~orders.total"),
        ("SELECT s.x.y FROM lake.orders", "y: ~orders.s"),
        ("SELECT list_transform(l, x -> x + total) AS m FROM lake.orders", "m: ~orders.l, ~orders.total"),
        ("SELECT [x + 1 FOR x IN l] AS m FROM lake.orders", "m: ~orders.l"),
        ('SELECT "a b" AS "c d", "Größe" FROM lake."we""ird é"', 'c d: we"ird é.a b | Größe: we"ird é.Größe'),
        ("SELECT i FROM range(10) r(i)", ""),
        (
            "SELECT total FROM lake.orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY id) = 1",
            "total: orders.total",
        ),
    ],
)
def test_the_sources_of_columns_are_found(sql: str, expected: str) -> None:
    assert told(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM (PIVOT lake.orders ON total IN (1, 2) USING sum(id) GROUP BY customer_id)",
        "UNPIVOT (SELECT id, total FROM lake.customers) ON id, total",
        "SELECT COLUMNS('to.*') FROM lake.orders",
        "SELECT unnest(s) FROM lake.orders",
        "SELECT #1 FROM lake.orders",
        "SELECT o FROM lake.orders o",
        "SELECT rowid FROM lake.orders",
        "SELECT id_1 FROM (SELECT * FROM lake.orders o JOIN lake.customers c ON o.id = c.id)",
        "DESCRIBE lake.orders",
        "SUMMARIZE lake.orders",
        "VALUES (1, 2)",
    ],
)
def test_what_cannot_be_told_is_said_and_not_guessed(sql: str) -> None:
    answer = found(sql)
    assert answer.sources == []
    assert answer.unknown


@pytest.mark.parametrize("sql", ["SELECT i FROM range(20) t(i)", "SELECT 1 AS a", "SELECT now() AS a, 2 AS b"])
def test_a_query_that_reads_no_table_is_made_of_nothing(sql: str) -> None:
    with duckdb.connect() as connection:
        answer = sources_of(sql, connection.sql(sql).columns, {})
    assert (answer.sources, answer.unknown, answer.reason) == ([], [], None)


def test_one_column_that_cannot_be_told_leaves_the_others() -> None:
    assert told("SELECT #2 AS odd, id FROM lake.orders") == "Id: orders.Id | odd: ?"


def test_names_that_differ_in_case_only_are_not_mixed_up() -> None:
    answer = sources_of('SELECT "é", "É" FROM lake.a', ["é", "É"], {"a": ["é", "É"]})
    assert (answer.sources, answer.unknown) == ([], ["é", "É"])
    assert answer.reason == "Two columns of a differ in upper and lower case only"


def test_long_sql_with_many_columns_is_followed() -> None:
    names = [f"c{place}" for place in range(MOST_COLUMNS)]
    listed = ", ".join(
        f"CASE WHEN {name} > 0 THEN upper(trim({name}::VARCHAR)) ELSE '' END AS {name}" for name in names
    )
    sql = f"SELECT {listed} FROM lake.a"
    assert 100_000 < len(sql) < LONGEST_SQL
    answer = sources_of(sql, names, {"a": names})
    assert [(each.output, each.column) for each in answer.sources] == [(name, name) for name in names]


@pytest.mark.parametrize(
    ("sql", "names", "reason"),
    [
        ("SELECT 1 AS a -- " + "x" * LONGEST_SQL, ["a"], "characters"),
        ("SELECT * FROM lake.a", [f"c{place}" for place in range(MOST_COLUMNS + 1)], "2,001 columns"),
        ("SELECT " + "abs(" * 3_000 + "c0" + ")" * 3_000 + " AS a FROM lake.a", ["a"], "too deeply"),
        ("SELECT FROM WHERE", ["a"], "cannot read"),
        (
            f"SELECT {', '.join(f'hash({SIXTY}) AS h{h}' for h in range(400))} FROM lake.a",
            [f"h{h}" for h in range(400)],
            f"{MOST_PAIRS:,}",
        ),
    ],
)
def test_there_are_bounds_and_they_are_said(sql: str, names: list[str], reason: str) -> None:
    answer = sources_of(sql, names, {"a": [f"c{place}" for place in range(100)]})
    assert answer.sources == []
    assert reason in (answer.reason or "")
    assert len(answer.unknown) == min(len(names), MOST_COLUMNS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of what collects garbage meanwhile
def test_what_takes_too_long_is_given_up_and_the_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_thread, "SECONDS", 0.2)
    doubling = ", ".join(f"x{n - 1} + x{n - 1} AS x{n}" for n in range(1, 60))
    work = Following(f"SELECT c0 AS x0, {doubling} FROM lake.a", [f"x{n}" for n in range(60)], {"a": ["c0"]})
    answer = work.found()
    assert answer.sources == []
    assert "took longer" in (answer.reason or "")
    work._thread.join(60)
    assert not work._thread.is_alive()


def test_a_thread_that_drops_what_is_thrown_into_it_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[BaseException] = []
    never = threading.Event()

    def drops_three(*_given: object) -> ColumnSources:
        while True:
            try:
                while True:
                    never.wait(0.001)
            except BaseException as late:
                if len(dropped) == 3:
                    raise
                dropped.append(late)

    monkeypatch.setattr(column_thread, "SECONDS", 0.0)
    monkeypatch.setattr(column_thread, "sources_of", drops_three)
    work = Following("SELECT 1 AS a", ["a"], {})
    assert work.found().unknown == ["a"]
    work._thread.join(60)
    assert not work._thread.is_alive()
    assert len(dropped) == 3

"""Whatever lies at the saved value of a cursor, and wherever slices are cut there: each row comes once."""

import sqlite3
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

VALUES = st.integers(0, 12)
"""Of the cursor: so few that many rows share one."""

ROWS = st.lists(st.tuples(VALUES, st.sampled_from("ab")), max_size=12)
TABLES = ("at INT, name TEXT", "id INTEGER PRIMARY KEY, at INT, name TEXT", "at INT, name TEXT, hidden TEXT")


@settings(max_examples=20)
@given(
    table=st.sampled_from(TABLES),
    runs=st.lists(ROWS, min_size=2, max_size=4),
    lag=st.sampled_from((None, 1, 5)),
    rows=st.integers(1, 5),
    is_chosen=st.booleans(),
)
def test_each_row_comes_once_wherever_slices_are_cut(
    new_bench: Any, table: str, runs: list[list[tuple[int, str]]], lag: int | None, rows: int, is_chosen: bool
) -> None:
    with TemporaryDirectory() as folder:
        bench = new_bench(Path(folder) / "lake", folder)
        shop = sqlite3.connect(Path(folder) / "shop.db", isolation_level=None)
        shop.execute(f"CREATE TABLE t ({table})")
        came, largest = Counter[tuple[int, str]](), 0
        resource = {"name": "t", "incremental": {"cursor_path": "at", "lag": lag}, "slices": {"rows": rows}}
        for number, given_rows in enumerate(runs):
            for at, name in given_rows:
                value = max(at + 4 * number, largest - (lag or 0))
                shop.execute("INSERT INTO t (at, name) VALUES (?, ?)", (value, name))
            bench.next_run()
            chosen = {"only_columns": ["at", "name"]} if is_chosen else {}
            bench.extract("sql_database", path="shop.db", resources=[resource | chosen])
            if any(commit["files"] for commit in bench.commits):
                came.update(zip(bench.column("t", "at"), bench.column("t", "name"), strict=True))
            (largest,) = shop.execute("SELECT coalesce(max(at), 0) FROM t").fetchone()
            assert came == Counter(shop.execute("SELECT at, name FROM t").fetchall())
        shop.close()


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize(
    ("first", "later", "resource"),
    [
        # a cut lies between the saved value less the lag and that value
        (
            "SELECT g, timestamp '2024-01-01 23:00' + g * interval '1 minute', 'x' FROM generate_series(1, 65) g",
            "SELECT g, timestamp '2024-01-02 10:00' + g * interval '1 minute', 'x' FROM generate_series(100, 165) g",
            {"incremental": {"cursor_path": "at", "lag": 600}, "slices": {"days": 1}},
        ),
        # more rows at the saved value than a slice has
        (
            "SELECT g, timestamp '2024-01-01', 'x' FROM generate_series(1, 50) g",
            "SELECT g, timestamp '2024-01-02' + g * interval '1 minute', 'x' FROM generate_series(100, 165) g",
            {"incremental": "at", "slices": {"rows": 20}},
        ),
        # a late row that says the same in the columns that were chosen
        (
            "SELECT 1, timestamp '2024-01-01', 'x'",
            "SELECT 2, timestamp '2024-01-01', 'x'",
            {"incremental": "at", "only_columns": ["at", "name"]},
        ),
    ],
)
def test_rows_at_the_saved_value_come_once(
    bench: Any, sql: Any, first: str, later: str, resource: dict[str, Any]
) -> None:
    sql("CREATE TABLE shop.t (id int PRIMARY KEY, at timestamp, name text)", f"INSERT INTO shop.t {first}")
    given_so = {"schema": "shop", "resources": [{"name": "t"} | resource]}
    rows = bench.extract("sql_database", **given_so)["recordsProcessed"]
    sql(f"INSERT INTO shop.t {later}", "CREATE VIEW shop.counted AS SELECT count(*) AS n FROM shop.t")
    bench.next_run()
    rows += bench.extract("sql_database", **given_so)["recordsProcessed"]
    bench.extract("sql_database", schema="shop", resources=["counted"])
    assert bench.column("counted", "n") == [rows]


def test_texts_with_a_nul_and_ids_far_apart_are_cut_and_told_apart(bench: Any, tmp_path: Path) -> None:
    bench.files_root = str(tmp_path)
    shop = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    shop.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT)")
    shop.executemany("INSERT INTO t VALUES (?, ?)", [(10**18 + 7 * n, f"x\0{n:03}") for n in range(100)])
    by_id, by_code = {"slices": {"rows": 10}}, {"incremental": "code", "slices": {"rows": 10}}
    for resource in (by_id, by_code):
        bench.next_run()
        bench.extract("sql_database", path="shop.db", resources=[{"name": "t"} | resource])
        assert sum(bool(commit["files"]) for commit in bench.commits) == 10
        assert sorted(bench.column("t", "code")) == [f"x\0{n:03}" for n in range(100)]
    shop.execute("INSERT INTO t VALUES (1, ?)", ["x\x00099"])
    bench.next_run()
    bench.extract("sql_database", path="shop.db", resources=[{"name": "t"} | by_code])
    assert bench.column("t", "id") == [1]

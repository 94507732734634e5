"""SQLite files: values as they are stored, slices, cursors, and what is no database."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_worker.children.link import Stop


@pytest.fixture
def shop(tmp_path: Path, bench: Any) -> sqlite3.Connection:
    folder = tmp_path / "files"
    folder.mkdir()
    bench.files_root = str(folder)
    return sqlite3.connect(folder / "shop.db", isolation_level=None)


def test_values_come_as_they_are_stored(bench: Any, shop: sqlite3.Connection) -> None:
    shop.executescript(
        """CREATE TABLE t (id INTEGER PRIMARY KEY, mixed, day date, "Odd ""n" text, n int);
        INSERT INTO t VALUES (1, 1, '2024-01-01', 'x', 9007199254740993), (2, 'a', NULL, '', 1),
            (3, 2.5, '2024-01-02', NULL, NULL), (4, x'00ff', '', 'y', -1), (5, CAST(x'fffe' AS TEXT), '', 'z', 0);
        CREATE TABLE keyless (a, b); CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
        INSERT INTO pairs VALUES (1, 2), (1, 3); CREATE VIEW v AS SELECT id FROM t;"""
    )
    result = bench.extract("sql_database", path="shop.db")
    assert result["per_resource_rows"] == {"keyless": 0, "pairs": 2, "t": 5}
    assert bench.column("t", "mixed") == ["1", "a", "2.5", "00ff", "fffe"]
    assert bench.column("t", "n") == [9007199254740993, 1, None, -1, 0]
    assert bench.column("t", 'Odd "n') == ["x", "", None, "y", "z"]
    types = {column["name"]: column["type"] for column in bench.commits[-1]["columns"]}
    assert (types["id"], types["n"]) == ("BIGINT", "BIGINT")


def test_slices_and_cursors(bench: Any, shop: sqlite3.Connection) -> None:
    shop.executescript(
        """CREATE TABLE big (k TEXT PRIMARY KEY, n INT, at TEXT);
        WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000)
        INSERT INTO big SELECT 'it''s ' || i, i, datetime('2024-01-01', i || ' minutes') FROM s;"""
    )

    def extract(**resource: Any) -> int:
        bench.next_run()
        return int(
            bench.extract("sql_database", path="shop.db", resources=[{"name": "big"} | resource])["recordsProcessed"]
        )

    assert (extract(slices={"rows": 1500}), len(bench.commits)) == (5000, 4)
    assert (extract(incremental="at", slices={"days": 1}), len(bench.commits)) == (5000, 5)
    shop.execute("INSERT INTO big VALUES ('late', 1, (SELECT max(at) FROM big)), ('never', 2, NULL)")
    assert extract(incremental="at") == 2
    assert extract(incremental="at") == 0
    bench.cursors.clear()
    assert extract(incremental={"cursor_path": "n", "initial_value": 4991}) == 10
    bench.cursors.clear()
    assert extract(incremental={"cursor_path": "n", "initial_value": 4991, "end_value": 4996, "lag": 2}) == 5


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("junk.db", "is no SQLite file"),
        ("nothing.db", "names 0 files"),
        ("*.db", "names 2 files"),
        ("../shop.db", "outside of the folder"),
        ("link.db", "names 0 files"),
        ("s3://bucket/shop.db", "read in place"),
    ],
)
def test_what_is_no_database_is_told(
    bench: Any, shop: sqlite3.Connection, tmp_path: Path, path: str, says: str
) -> None:
    shop.execute("CREATE TABLE t (a)")
    (tmp_path / "files/junk.db").write_bytes(b"this is text, and no database" * 100)
    (tmp_path / "outside.db").write_bytes(b"")
    if path == "link.db":
        (tmp_path / "files/link.db").symlink_to(tmp_path / "outside.db")
    with pytest.raises(Permanent, match=says):
        bench.extract("sql_database", path=path)


def test_a_view_that_never_ends_is_stopped(bench: Any, shop: sqlite3.Connection) -> None:
    shop.execute(
        "CREATE VIEW endless AS WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i FROM s) SELECT count(*) n FROM s"
    )
    looks = []

    def check() -> None:
        looks.append(1)
        if len(looks) > 20:
            raise Stop

    bench.answers["may_write"] = lambda payload: {}
    original = type(bench.link).check
    type(bench.link).check = lambda self: check()
    try:
        with pytest.raises(Stop):
            bench.extract("sql_database", path="shop.db", resources=["endless"])
    finally:
        type(bench.link).check = original


def test_a_view_on_what_is_gone_fails_alone(bench: Any, shop: sqlite3.Connection) -> None:
    shop.executescript("CREATE TABLE a (x); CREATE TABLE b (x); CREATE VIEW v AS SELECT * FROM b; DROP TABLE b;")
    result = bench.extract("sql_database", path="shop.db", resources=["v", "a"])
    assert result["failed_resources"] == ["v"]
    assert result["resource_errors"]["v"]["code"] == ErrorCode.DATA_ERROR
    with pytest.raises(RunError, match="schema main"):
        bench.extract("sql_database", path="shop.db", schema="public")

"""Servers that go away, runs that are stopped, and users who may not see everything."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Retryable
from vai_testkit.link import RecordingLink
from vai_worker.children.link import Stop
from vai_worker.sql import postgres as module

pytestmark = pytest.mark.usefixtures("postgres")

_OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"
_KILL = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS}"
_SLICES = {"schema": "shop", "resources": [{"name": "items", "slices": {"rows": 300}}], "retry": {"max_attempts": 3}}


@pytest.fixture
def items(sql: Any) -> Any:
    sql(
        "CREATE TABLE shop.items (id bigint PRIMARY KEY, label text)",
        "INSERT INTO shop.items SELECT g, repeat('x', 100) FROM generate_series(1, 1000) g",
    )
    return sql


def test_a_session_that_is_ended_is_told_and_the_next_attempt_goes_on(bench: Any, items: Any) -> None:
    real = bench._commit

    def ends_it(payload: dict[str, Any]) -> dict[str, Any]:
        if len(bench.commits) == 1:
            items(_KILL)
        found: dict[str, Any] = real(payload)
        return found

    bench.answers["commit_slice"] = ends_it
    with pytest.raises(Retryable, match="was lost") as lost:
        bench.extract("sql_database", **_SLICES)
    assert lost.value.code is ErrorCode.CONNECTION_ERROR
    bench.answers.clear()
    bench.extract("sql_database", **_SLICES)
    assert sorted(bench.column("items", "id")) == list(range(1, 1001))
    assert len({file["slice"] for commit in bench.commits for file in commit["files"]}) == 4


def test_it_ends_in_the_middle_of_the_rows(bench: Any, items: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 1024)
    items("INSERT INTO shop.items SELECT g, repeat('y', 10000) FROM generate_series(1001, 5000) g")
    real, seen = module.Postgres._parsed, []

    def ends_it(self: Any, block: bytes, question: Any) -> Any:
        seen.append(len(block))
        if len(seen) == 2:
            items(_KILL)
        return real(self, block, question)

    monkeypatch.setattr(module.Postgres, "_parsed", ends_it)
    with pytest.raises(Retryable, match="was lost"):
        bench.extract("sql_database", schema="shop", resources=["items"])
    assert bench.commits == []


def test_a_run_that_is_stopped_leaves_no_session_behind(
    bench: Any, items: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(self: RecordingLink) -> None:
        if bench.commits:
            raise Stop

    monkeypatch.setattr(RecordingLink, "check", stops)
    with pytest.raises(Stop):
        bench.extract("sql_database", **_SLICES)
    monkeypatch.undo()
    bench.extract("sql_database", **_SLICES)
    assert sorted(bench.column("items", "id")) == list(range(1, 1001))


def test_rights_that_are_missing_are_told(bench: Any, items: Any) -> None:
    items(
        "DROP ROLE IF EXISTS sql_reader",
        "CREATE ROLE sql_reader LOGIN PASSWORD 'only-reads'",
        "GRANT USAGE ON SCHEMA shop TO sql_reader",
        "CREATE TABLE shop.own (id int PRIMARY KEY, who text)",
        "INSERT INTO shop.own VALUES (1, 'sql_reader'), (2, 'another')",
        "GRANT SELECT ON shop.own TO sql_reader",
        "ALTER TABLE shop.own ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON shop.own USING (who = current_user)",
    )
    right = bench.connection
    known = {"username": "sql_reader", "password": "only-reads"}
    bench.connection = type(right)(right.id, right.slug, right.provider, right.config, known)
    result = bench.extract("sql_database", schema="shop")
    assert result["resource_errors"]["items"]["code"] == ErrorCode.AUTH_ERROR
    assert result["per_resource_rows"] == {"own": 1}
    assert any("row-level security of shop.own may hide rows" in message for _, message in bench.entries)
    items("DROP OWNED BY sql_reader", "DROP ROLE sql_reader")


def test_many_tables_come_in_one_run(bench: Any, sql: Any) -> None:
    sql(
        "DO $$ BEGIN FOR n IN 1..30 LOOP EXECUTE format('CREATE TABLE shop.t%s (id int PRIMARY KEY, n int)', n); "
        "EXECUTE format('INSERT INTO shop.t%s VALUES (1, %s)', n, n); END LOOP; END $$"
    )
    result = bench.extract("sql_database", schema="shop")
    assert (len(result["tables"]), result["recordsProcessed"]) == (30, 30)


def test_a_session_that_ends_between_two_tables_is_begun_anew(bench: Any, items: Any) -> None:
    items(*(f"CREATE TABLE shop.t{number} (id int)" for number in range(5)))
    real = bench._commit

    def ends_it(payload: dict[str, Any]) -> dict[str, Any]:
        if len(bench.commits) == 2:
            items(_KILL)
        found: dict[str, Any] = real(payload)
        return found

    bench.answers["commit_slice"] = ends_it
    result = bench.extract("sql_database", schema="shop")
    assert (len(result["tables"]), result["failed_resources"]) == (6, [])

"""Values, slices, cursors and faults of MariaDB."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from vai_api_gateway.catalogue import database_check
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.sql import table
from vai_records.connections.databases import Database
from vai_testkit.servers.mariadb import PASSWORD, USER, MariaDb
from vai_worker.children.job import ConnectionSecret

_MOMENT = datetime.fromisoformat("2024-03-31 02:30:00.123456")

_TYPES: list[tuple[str, list[str], str, list[Any]]] = [
    ("tinyint(1)", ["1", "5", "NULL"], "BIGINT", [1, 5, None]),
    ("bigint", ["-9223372036854775808"], "BIGINT", [-(2**63)]),
    ("bigint unsigned", ["18446744073709551615"], "UBIGINT", [2**64 - 1]),
    ("int(5) zerofill", ["42"], "BIGINT", [42]),
    ("decimal(12,2)", ["1.5", "NULL"], "DECIMAL(12,2)", [Decimal("1.50"), None]),
    ("decimal(20)", ["12345678901234567890"], "DECIMAL(20,0)", [Decimal("12345678901234567890")]),
    ("decimal(65,30)", ["1" * 30 + ".5"], "VARCHAR", ["1" * 30 + ".5" + "0" * 29]),
    ("float", ["0.1", "16777215"], "DOUBLE", [0.1, 16777215.0]),
    ("double", ["0.1", "1e308"], "DOUBLE", [0.1, 1e308]),
    ("date", ["'2024-02-29'", "NULL"], "DATE", [date(2024, 2, 29), None]),
    ("date", ["'2024-02-29'", "'0000-00-00'", "'2024-00-00'"], "VARCHAR", ["2024-02-29", "0000-00-00", "2024-00-00"]),
    ("datetime(6)", ["'2024-03-31 02:30:00.123456'"], "TIMESTAMP", [_MOMENT]),
    ("timestamp NULL", ["'2024-03-31 02:30'"], "TIMESTAMP WITH TIME ZONE", [datetime(2024, 3, 31, 2, 30, tzinfo=UTC)]),
    ("time", ["'-838:59:59'"], "VARCHAR", ["-838:59:59"]),
    ("year", ["2024"], "BIGINT", [2024]),
    ("varchar(10) CHARACTER SET latin1", ["'é'", "''", "NULL"], "VARCHAR", ["é", "", None]),
    ("text", ["'😀'", "'a\\nb\\\\'"], "VARCHAR", ["😀", "a\nb\\"]),
    ("binary(4)", ["'ab'"], "BLOB", [b"ab\0\0"]),
    ("blob", ["X'00ff'"], "BLOB", [b"\x00\xff"]),
    ("json", ["'{\"a\": 1.10}'"], "VARCHAR", ['{"a": 1.10}']),
    ("enum('x','y')", ["'y'"], "VARCHAR", ["y"]),
    ("bit(1)", ["b'1'"], "BIGINT", [1]),
    ("bit(64)", ["18446744073709551615"], "UBIGINT", [2**64 - 1]),
    ("uuid", ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"], "VARCHAR", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
]  # fmt: skip


def test_each_type_comes_as_it_is(bench: Any, shop: MariaDb) -> None:
    statements = ["USE shop", "SET sql_mode = '', time_zone = '+00:00'"]
    for number, (kind, values, *_) in enumerate(_TYPES):
        statements.append(f"CREATE TABLE t{number} (id int AUTO_INCREMENT PRIMARY KEY, v {kind})")
        statements += [f"INSERT INTO t{number} (v) VALUES ({value})" for value in values]
    shop.run(*statements)
    bench.extract("sql_database")
    for number, (kind, values, name, expected) in enumerate(_TYPES):
        last = [commit for commit in bench.commits if commit["table"] == f"t{number}"][-1]
        types = {column["name"]: column["type"] for column in last["columns"]}
        assert (kind, values, types["v"], bench.column(f"t{number}", "v")) == (kind, values, name, expected)
    bench.next_run()
    bench.extract("sql_database", resources=["t10"], unusual_dates="null")
    assert bench.column("t10", "v") == [date(2024, 2, 29), None, None]
    assert any("2 unusual dates of v became null" in message for _, message in bench.entries)


@pytest.fixture
def items(shop: MariaDb) -> MariaDb:
    shop.run(
        "USE shop",
        "CREATE TABLE items (id bigint PRIMARY KEY, label varchar(50), changed datetime(3))",
        "INSERT INTO items SELECT seq * seq, concat('row ', seq), '2024-01-01' + INTERVAL seq HOUR FROM seq_1_to_1000",
    )
    return shop


def test_slices_are_cut_by_the_key_and_finished_ones_stay(
    bench: Any, items: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = table.SqlTable.pages, []

    def dies_at_the_third(self: Any, part: Any, position: Any) -> Any:
        asked.append(part.first)
        if len(asked) == 3:
            raise Retryable(ErrorCode.CONNECTION_ERROR, "The cable is cut.", {})
        yield from real(self, part, position)

    monkeypatch.setattr(table.SqlTable, "pages", dies_at_the_third)
    given = {"resources": [{"name": "items", "slices": {"rows": 300}}], "retry": {"max_attempts": 2}}
    with pytest.raises(Retryable):
        bench.extract("sql_database", **given)
    bench.attempt = 2
    bench.extract("sql_database", **given)
    assert asked == [None, "90601", "361201", "361201", "811801"]
    assert sorted(bench.column("items", "id")) == [number * number for number in range(1, 1001)]


def test_only_what_is_new_comes(bench: Any, items: MariaDb) -> None:
    given = {"resources": [{"name": "items", "incremental": "changed"}]}
    assert bench.extract("sql_database", **given)["recordsProcessed"] == 1000
    items.run(
        "USE shop",
        "INSERT INTO items VALUES (-1, 'late', (SELECT max(changed) FROM items old)), (-2, 'never', NULL)",
        "INSERT INTO items VALUES (-3, 'too late', '2024-01-02')",
    )
    bench.next_run()
    bench.extract("sql_database", **given)
    assert sorted(bench.column("items", "id")) == [-2, -1]
    bench.next_run()
    assert bench.extract("sql_database", **given)["recordsProcessed"] == 0


def test_a_server_that_goes_away_is_told_and_the_next_attempt_goes_on(bench: Any, items: MariaDb) -> None:
    real = bench._commit

    def kills_the_session(payload: dict[str, Any]) -> dict[str, Any]:
        if len(bench.commits) == 1:
            for (session,) in items.run(f"SELECT id FROM information_schema.processlist WHERE user = '{USER}'"):
                items.run(f"KILL {session}")
        found: dict[str, Any] = real(payload)
        return found

    bench.answers["commit_slice"] = kills_the_session
    given = {"resources": [{"name": "items", "slices": {"rows": 300}}], "retry": {"max_attempts": 3}}
    with pytest.raises(Retryable, match="was lost"):
        bench.extract("sql_database", **given)
    bench.answers.clear()
    bench.extract("sql_database", **given)
    assert sorted(bench.column("items", "id")) == [number * number for number in range(1, 1001)]


def test_what_is_wrong_is_told(bench: Any, items: MariaDb) -> None:
    right = bench.connection

    def wrong(says: str, code: ErrorCode, resource: str = "items", **changes: Any) -> None:
        config = right.config | {name: value for name, value in changes.items() if name != "password"}
        known = right.credentials | ({"password": changes["password"]} if "password" in changes else {})
        bench.connection = ConnectionSecret(right.id, right.slug, "mysql", config, known)
        bench.addresses = changes.get("addresses", "loopback")
        with pytest.raises(RunError, match=says) as found:
            bench.extract("sql_database", resources=[resource])
        assert found.value.code is code
        assert "hunter2" not in str(found.value)

    wrong("refuses the user", ErrorCode.AUTH_ERROR, password="hunter2")
    wrong("has no database 'nothing'", ErrorCode.CONNECTION_ERROR, database="nothing")
    wrong("no schema is named", ErrorCode.DATA_ERROR, database=None)
    wrong("speaks no TLS", ErrorCode.CONNECTION_ERROR, sslmode="require")
    wrong("does not answer", ErrorCode.CONNECTION_ERROR, port=1)
    wrong("is refused: 127.0.0.1 is not public", ErrorCode.CONNECTION_ERROR, addresses="")
    wrong("There is items", ErrorCode.DATA_ERROR, resource="Items")


async def test_the_gateway_signs_in(shop: MariaDb) -> None:
    policy = Policy.parse("loopback")

    def at(password: str = PASSWORD, name: str | None = "shop", sslmode: str = "prefer") -> Database:
        return Database("mysql", "127.0.0.1", shop.port, name, USER, password, sslmode)

    assert await database_check.look(at(), policy, 5) == (f"127.0.0.1 accepted the user {USER}", True)
    for wrong, code in (
        (at("hunter2"), ErrorCode.AUTH_ERROR),
        (at(name="nothing"), ErrorCode.CONNECTION_ERROR),
        (at(sslmode="verify-full"), ErrorCode.CONNECTION_ERROR),
    ):
        with pytest.raises(Permanent) as found:
            await database_check.look(wrong, policy, 5)
        assert found.value.code is code
        assert "hunter2" not in str(found.value)

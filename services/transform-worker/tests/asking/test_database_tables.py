"""explain_schema of a connection's database: a real Postgres, read-only."""

import asyncio
from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_transform_worker.asking import database_tables
from vai_worker.sql.postgres import Postgres

Json = dict[str, Any]


def _columns(table: Json) -> dict[str, Json]:
    return {each["name"]: each for each in table["columns"]}


def test_a_table_tells_what_a_dataset_tells(explained: Any) -> None:
    [table] = explained("orders")["tables"]
    assert (table["dataset"], table["rows"], table["sampled"], table["is_view"]) == ("shop.orders", 200, False, False)
    assert (table["declared_key"], table["likely_keys"]) == (["order_no"], ["order_no", "at"])
    told = _columns(table)
    assert (told["note"]["null_share"], told["note"]["samples"]) == (0.75, ["gift"])
    assert (told["total"]["type"], told["total"]["min"], told["total"]["max"]) == ("numeric", "0.00", "37.25")
    assert told["at"]["type"] == "timestamp with time zone"
    assert told['odd "name']["distinct"] == 1


def test_joins_are_found_and_personal_data_is_hidden(explained: Any) -> None:
    result = explained("orders", "customers")
    [join] = result["joins"]
    assert join == {"from": {"dataset": "shop.orders", "column": "customer_id"},
                    "to": {"dataset": "shop.customers", "column": "id"}, "overlap": 1.0, "by_name": True}  # fmt: skip
    assert _columns(result["tables"][1])["email"]["masked"] == "personal data"
    assert "@example.com" not in str(result)


def test_without_names_all_are_described_tables_first(explained: Any) -> None:
    result = explained()
    assert [each["dataset"] for each in result["tables"]] == [
        "shop.customers",
        "shop.nothing",
        "shop.orders",
        "shop.large",
    ]
    nothing, large = result["tables"][1], result["tables"][3]
    assert (nothing["rows"], [each["name"] for each in nothing["columns"]]) == (0, ["a", "b"])
    assert (large["is_view"], large["declared_key"]) == (True, [])


def test_so_many_rows_and_bytes_are_read(explained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explained.execute(
        "CREATE TABLE shop.wide AS SELECT n, repeat('x', 10000) AS w FROM generate_series(1, 3000) n; ANALYZE shop.wide"
    )
    [table] = explained("wide", sample_rows=1_000)["tables"]
    assert (table["rows"], table["sampled"], table["rows_looked_at"]) == (3_000, True, 1_000)
    monkeypatch.setattr(database_tables, "LARGEST", 1 << 20)
    result = explained("wide", "customers")
    assert (result["tables"][0]["sampled"], result["tables"][0]["rows"]) == (True, 3_000)
    assert result["tables"][0]["rows_looked_at"] < 3_000
    assert result["tables"][1]["rows"] == 20, "the table behind one that was broken off is read by a new connection"


def test_a_table_that_is_broken_off_leaves_nothing_that_waits(explained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explained.execute("CREATE TABLE shop.wide AS SELECT n, repeat('x', 10000) AS w FROM generate_series(1, 3000) n")
    monkeypatch.setattr(database_tables, "LARGEST", 1 << 20)
    drop, left = Postgres._drop, []

    def dropped(database: Postgres) -> None:
        drop(database)
        left.append(asyncio.all_tasks(database._loop))

    monkeypatch.setattr(Postgres, "_drop", dropped)
    assert explained("wide", "customers")["tables"][1]["rows"] == 20
    assert left
    assert not any(left)


WRONG: list[tuple[Json, tuple[str, ...], ErrorCode, str]] = [
    ({}, ("ordres",), ErrorCode.DATA_ERROR, "There is orders"),
    ({"schema": "nowhere"}, (), ErrorCode.DATA_ERROR, "There are no tables at"),
    ({"addresses": ""}, ("orders",), ErrorCode.CONNECTION_ERROR, "127.0.0.1"),
    ({"provider": "tavily"}, ("orders",), ErrorCode.DATA_ERROR, "leads to no Postgres"),
]


@pytest.mark.parametrize(("given", "tables", "code", "words"), WRONG)
def test_what_cannot_be_read_is_told(
    explained: Any, given: Json, tables: tuple[str, ...], code: ErrorCode, words: str
) -> None:
    with pytest.raises(RunError, match=words) as refused:
        explained(*tables, **given)
    assert refused.value.code is code

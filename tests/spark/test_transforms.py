"""Whole transforms in Spark, into tables that DuckDB reads: what the definition says holds there, too."""

# ruff: noqa: E501 a query is read best in one line

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable

ORDERS = [
    {"id": 1, "customer": "ä", "amount": 5.5, "state": "open"},
    {"id": 2, "customer": "b", "amount": 2.5, "state": "paid"},
    {"id": 3, "customer": None, "amount": -1.0, "state": "odd"},
]
SQL = "SELECT customer, sum(amount) AS spent, count(*) AS n FROM {{ bronze_orders }} GROUP BY customer"


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_one_word_changes_and_the_table_is_the_same(workshop: Any, engine: str) -> None:
    workshop.bronze("shop.orders", ORDERS[:1], ORDERS[1:])
    result = workshop.run(SQL, {"bronze_dataset": "bronze.shop.orders"}, engine=engine)
    assert result["recordsProcessed"] == 3
    assert result["artifacts"][0]["size"] > 0
    assert workshop.rows() == [("b", 2.5, 1), ("ä", 5.5, 1), (None, -1.0, 1)]
    assert workshop.columns == [
        {"name": "customer", "type": "VARCHAR"},
        {"name": "spent", "type": "DOUBLE"},
        {"name": "n", "type": "BIGINT"},
    ]
    wrote = workshop.asked("wrote")[0]
    assert (wrote["rows"], wrote["row_count"], wrote["version"]) == (3, 3, 0)
    assert workshop.link.events[-1] == "transform_completed"
    assert [path.name for path in workshop.folder.rglob("*") if path.name.startswith((".", "_SUC", "_temp"))] == []


def test_engines_take_turns_on_one_table(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    for engine, amount in (("duckdb", 1), ("spark", 2), ("duckdb", 3), ("spark", 4)):
        workshop.run(
            f"SELECT id, amount + {amount} AS more, ts FROM (SELECT *, TIMESTAMP '2026-01-01' AS ts FROM {{{{ bronze_orders }}}})",
            source,
            engine=engine,
        )
        assert workshop.rows("SELECT id, more FROM out ORDER BY id")[0] == (1, 5.5 + amount)
    assert workshop.table().version() == 3


def test_the_table_reads_itself(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    sql = "SELECT id FROM {{ bronze_orders }} WHERE id > (SELECT coalesce(max(id), 1) FROM {{ this }}) UNION ALL SELECT id FROM {{ this }}"
    workshop.run(sql, source)
    assert workshop.rows() == [(2,), (3,)]
    workshop.bronze("shop.orders", [{"id": 7}])
    workshop.run(sql, source)
    assert workshop.rows() == [(2,), (3,), (7,)]


def test_a_merge_adds_and_updates(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    fields: dict[str, Any] = {"mode": "incremental_merge", "merge_keys": ["id"]}
    workshop.run("SELECT id, amount FROM {{ bronze_orders }}", source, **fields)
    workshop.bronze("shop.orders", [{"id": 9, "amount": 9.0}])
    workshop.run("SELECT id, amount FROM {{ bronze_orders }}", source, **fields)
    assert len(workshop.table().file_uris()) == 2  # added, nothing written again
    workshop.bronze("shop.orders", [{"id": 2, "amount": 0.5, "note": "n"}, {"id": 10, "amount": 1.0, "note": None}])
    result = workshop.run("SELECT id, amount, note FROM {{ bronze_orders }}", source, **fields)
    assert result["recordsProcessed"] == 2
    assert [each["change"] for each in result["schemaChanges"]] == ["added"]
    assert workshop.rows() == [(1, 5.5, None), (2, 0.5, "n"), (3, -1.0, None), (9, 9.0, None), (10, 1.0, None)]
    workshop.bronze("shop.orders", [{"id": 2, "amount": 7.0, "note": "m"}])
    workshop.run("SELECT id, amount, note FROM {{ bronze_orders }}", source, engine="duckdb", **fields)
    assert workshop.rows()[1] == (2, 7.0, "m")


def test_a_merge_replaces_the_files_that_have_the_keys_and_no_others(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", [{"id": 1, "amount": 1.0}, {"id": 2, "amount": 2.0}])
    fields: dict[str, Any] = {"mode": "incremental_merge", "merge_keys": ["id"]}
    sql = "SELECT id, amount FROM {{ bronze_orders }}"
    workshop.run(sql, source, **fields)
    (first,) = workshop.table().file_uris()
    workshop.bronze("shop.orders", [{"id": 3, "amount": 3.0}, {"id": 4, "amount": 4.0}])
    workshop.run(sql, source, **fields)
    (second,) = set(workshop.table().file_uris()) - {first}
    workshop.bronze("shop.orders", [{"id": 4, "amount": 4.5}, {"id": 5, "amount": 5.0}])
    result = workshop.run(sql, source, **fields)
    assert result["recordsProcessed"] == 2
    assert workshop.rows() == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.5), (5, 5.0)]
    files = set(workshop.table().file_uris())
    assert first in files
    assert second not in files
    assert workshop.asked("wrote")[0]["row_count"] == 5
    workshop.bronze("shop.orders", [{"id": 1, "amount": 1.5}])
    workshop.run(sql, source, engine="duckdb", **fields)
    assert workshop.rows()[0] == (1, 1.5)
    workshop.bronze("shop.orders", [{"id": 1, "amount": 0.5}, {"id": 3, "amount": 0.5}])
    workshop.run(f"{sql} WHERE id = 1", source, **fields)
    assert workshop.rows() == [(1, 0.5), (2, 2.0), (3, 3.0), (4, 4.5), (5, 5.0)]


def test_files_in_which_a_column_has_no_type(workshop: Any) -> None:
    """An extraction whose first page has no note writes a file in which the column is of parquet's NULL type."""
    nothing = [{"id": 1, "note": None, "other": None}]
    source = workshop.bronze("shop.orders", nothing, [{"id": 2, "note": "x", "other": None}], [{"id": 3}])
    workshop.run("SELECT id, note FROM {{ bronze_orders }}", source)
    assert workshop.rows() == [(1, None), (2, "x"), (3, None)]
    inside = workshop.bronze("shop.inside", [{"id": 1, "o": {"a": None, "b": 1}}])
    with pytest.raises(Permanent, match=r"bronze\.shop\.inside has NULLs without a type inside .*'a'"):
        workshop.run("SELECT id FROM {{ bronze_inside }}", inside)


def test_a_merge_with_a_key_twice_writes_nothing(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", [{"id": 1}, {"id": 1}])
    with pytest.raises(Permanent, match="2 rows with the same merge_keys"):
        workshop.run("SELECT id FROM {{ bronze_orders }}", source, mode="incremental_merge", merge_keys=["id"])
    assert list((workshop.folder / workshop.org_id).rglob("silver/out/**/*.parquet")) == []


CHECKS = [
    {"type": "not_null", "columns": ["customer"]},
    {"type": "unique", "columns": ["id"], "severity": "warn"},
    {"type": "accepted_values", "column": "state", "values": ["open", "paid"]},
    {"type": "relationships", "column": "customer", "to": "people", "field": "name"},
    {"type": "row_count", "min": 2},
    {"type": "sql", "name": "no_minus", "sql": "SELECT id, amount FROM {{ rows }} WHERE amount < 0"},
]


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_checks_stop_bad_rows_and_name_them(workshop: Any, engine: str) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    people = {**workshop.silver("people", [{"name": "ä"}]), "as": "people"}
    with pytest.raises(Permanent) as caught:
        workshop.run("SELECT * FROM {{ bronze_orders }}", source, people, checks=CHECKS, engine=engine)
    found = {each["name"]: each for each in caught.value.details["checks"]}
    assert {name: each["failedRows"] for name, each in found.items()} == {
        "not_null_customer": 1,
        "unique_id": 0,
        "accepted_values_state": 1,
        "relationships_customer": 1,
        "row_count": 0,
        "no_minus": 1,
    }
    assert found["no_minus"]["samples"] == [{"id": 3, "amount": -1.0}]
    assert found["accepted_values_state"]["samples"][0]["state"] == "odd"
    assert list((workshop.folder / workshop.org_id / "silver/out").rglob("*.parquet")) == []


def test_checks_that_pass(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", [{"id": 1, "at": "2999-01-01"}])
    checks = [
        {"type": "unique", "columns": ["id"]},
        {"type": "freshness", "column": "at", "max_age_seconds": 3e9},
        {"type": "sql", "name": "lost", "sql": "SELECT id FROM {{ this }} EXCEPT SELECT id FROM {{ rows }}"},
    ]
    sql = "SELECT id, TIMESTAMP '2026-01-01 00:00:00' AS at FROM {{ bronze_orders }}"
    result = workshop.run(sql, source, checks=checks)
    assert [each["passed"] for each in result["checks"]] == [True] * 3


def test_a_dry_run_draws_the_plan_of_spark(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    planned = workshop.planned(workshop.job(SQL, source, dry_run=True))
    assert "Physical Plan" in planned["plan"]
    assert planned["inputs"] == [{"dataset": "bronze.shop.orders", "rows": 3}]
    assert [each["type"] for each in planned["columns"]] == ["VARCHAR", "DOUBLE", "BIGINT"]
    assert not (workshop.folder / workshop.org_id / "silver").exists()


def test_an_earlier_version_is_read(workshop: Any) -> None:
    workshop.silver("people", [{"name": "old"}])
    there = workshop.silver("people", [{"name": "new"}])
    workshop.inputs["people"]["version"] = 0
    workshop.run("SELECT * FROM {{ people }}", {**there, "version": 0})
    assert workshop.rows() == [("old",)]


def test_inputs_without_rows_are_empty_tables(workshop: Any) -> None:
    workshop.inputs["bronze.shop.none"] = {"files": [], "columns": []}
    workshop.run("SELECT id::BIGINT AS id, note FROM {{ bronze_none }}", {"bronze_dataset": "bronze.shop.none"})
    assert workshop.asked("wrote")[0]["row_count"] == 0


def test_types_come_out_as_duckdb_has_them(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", ORDERS)
    sql = """SELECT id, id::UTINYINT AS small, sum(id) OVER () AS total, 1.50::DECIMAL(9,2) AS price, [id, NULL] AS listed,
        {'a': id, 'b': 'x'} AS both, MAP {'k': id} AS kv, DATE '2026-01-01' AS day, NULL AS nothing,
        TIMESTAMPTZ '2026-01-01 00:00:00+01' AS tz, TIMESTAMP '2026-01-01 00:00:00' AS ts, true AS yes FROM {{ bronze_orders }}"""
    workshop.run(sql, source, engine="duckdb")
    ours, rows = workshop.columns, workshop.rows()
    workshop.run(sql, source)
    assert workshop.columns == ours
    assert workshop.rows() == rows


def test_values_that_do_not_fit_are_an_error_and_not_shown(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", [{"s": "secret"}])
    with pytest.raises(Permanent) as caught:
        workshop.run("SELECT CAST(s AS INTEGER) AS n FROM {{ bronze_orders }}", source)
    assert caught.value.code is ErrorCode.DATA_ERROR
    assert "secret" not in str(caught.value)


def test_a_cluster_that_is_away_is_tried_again(workshop: Any) -> None:
    job = workshop.job("SELECT 1 AS n")
    job.prepared["spark"] = {"url": "sc://127.0.0.1:9", "token": ""}
    with pytest.raises(Retryable) as caught:
        workshop.perform(job)
    assert caught.value.code is ErrorCode.CONNECTION_ERROR
    assert "VAI_SPARK_URL" in caught.value.message


def test_too_large_an_output_is_refused_and_removed(workshop: Any) -> None:
    job = workshop.job(
        "SELECT sha256(n::VARCHAR) AS m FROM (WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 90) SELECT a.n * 8100 + b.n * 90 + c.n AS n FROM r a, r b, r c)"
    )
    job.prepared["bounds"] = {"seconds": 100, "most_seconds": 100, "spill_mb": 100, "output_mb": 1}
    with pytest.raises(Permanent, match="more than 1 MB"):
        workshop.perform(job)
    assert list(workshop.folder.rglob("*.parquet")) == []

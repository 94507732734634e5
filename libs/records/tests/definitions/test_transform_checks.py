"""What a transform's checks may say, and what is refused before anything runs."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.automations.saved_steps import _check
from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_records.definitions.transform_checks import labels
from vai_records.refused import Refused

ORDERS = {"bronze_dataset": "bronze.shop.orders"}


def transform(*checks: Any, sql: str = "SELECT * FROM {{ bronze_orders }}", **fields: Any) -> DuckdbTransform:
    definition = {"transform_name": "out", "sql": sql, "inputs": [ORDERS], "checks": list(checks)}
    return DuckdbTransform.model_validate(definition | fields)


@pytest.mark.parametrize(
    ("check", "place"),
    [
        ({"type": "not_null"}, "columns"),
        ({"type": "not_null", "columns": []}, "columns"),
        ({"type": "not_null", "columns": ["id"], "severity": "fatal"}, "severity"),
        ({"type": "not_null", "columns": ["id"], "samples": 21}, "samples"),
        ({"type": "unique", "column": "id"}, "columns"),
        ({"type": "accepted_values", "column": "a", "values": [None]}, "values"),
        ({"type": "accepted_values", "column": "a", "values": [float("inf")]}, "values"),
        ({"type": "relationships", "column": "a", "to": "customers"}, "to"),
        ({"type": "row_count"}, "row_count"),
        ({"type": "row_count", "min": 2, "max": 1}, "row_count"),
        ({"type": "row_count", "min": "1"}, "min"),
        ({"type": "freshness", "column": "a", "max_age_seconds": 0}, "max_age_seconds"),
        ({"type": "sql", "sql": "SELECT * FROM {{ customers }}"}, "sql"),
        ({"type": "sql", "sql": "SELECT * FROM {{ rows }} WHERE a = $/inputs/a"}, "sql"),
        ({"type": "sql", "sql": "SELECT 'a"}, "sql"),
        ({"type": "never_null", "columns": ["id"]}, 0),
        ("not_null", 0),
    ],
)
def test_a_wrong_check_is_refused_with_its_place(check: Any, place: str | int) -> None:
    with pytest.raises(ValidationError) as refusal:
        transform({"type": "row_count", "min": 1} if place != 0 else check, check)
    assert any(place in fault["loc"] for fault in refusal.value.errors())


def test_an_input_may_be_used_by_a_check_alone() -> None:
    check = {"type": "relationships", "column": "customer", "to": "CUSTOMERS", "field": "id"}
    inputs = [ORDERS, {"silver_dataset": "customers"}]
    assert transform(check, inputs=inputs).inputs[1].name == "customers"
    transform({"type": "sql", "sql": "FROM {{ customers }}"}, inputs=inputs)
    with pytest.raises(ValidationError, match="is not used"):
        transform(inputs=inputs)


def test_an_input_cannot_be_called_as_the_new_rows_are() -> None:
    inputs = [{**ORDERS, "as": "rows"}]
    with pytest.raises(ValidationError, match="another name"):
        transform({"type": "sql", "sql": "FROM {{ rows }}"}, sql="FROM {{ rows }}", inputs=inputs)
    transform({"type": "row_count", "min": 1}, sql="FROM {{ rows }}", inputs=inputs)


def test_the_table_itself_is_an_input_where_only_a_check_reads_it() -> None:
    found = transform({"type": "sql", "sql": "FROM {{ this }}"})
    assert (found.reads_itself(), found.is_made_of_itself()) == (True, False)
    assert transform({"type": "row_count", "min": 1}).reads_itself() is False


def test_every_check_has_a_name_of_its_own() -> None:
    unique = {"type": "unique", "columns": ["id"]}
    found = transform(unique, unique, {"type": "row_count", "min": 1, "name": "some"})
    assert labels(found.checks) == ["unique_id", "unique_id_2", "some"]


@pytest.mark.parametrize(
    "fields",
    [
        {"bronze_dataset": "bronze.shop.orders", "version": 1},
        {"silver_dataset": "orders", "version": 1, "timestamp": "2026-01-01T00:00:00Z"},
        {"silver_dataset": "orders", "version": -1},
        {"silver_dataset": "orders", "timestamp": "2026-01-01T00:00:00"},
        {"silver_dataset": "orders", "timestamp": "yesterday"},
        {"silver_dataset": "orders", "timestamp": 1},
    ],
)
def test_an_input_names_a_version_or_a_time_of_silver_or_gold(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        transform(inputs=[{**fields, "as": "o"}], sql="FROM {{ o }}")
    transform(inputs=[{"silver_dataset": "orders", "timestamp": "2026-01-01T00:00:00Z"}], sql="FROM {{ orders }}")


@pytest.mark.parametrize(
    "checks",
    [
        {"ref": "$/inputs/checks"},
        "$/inputs/checks",
        [{"kind": "reference", "ref": "$/inputs/check"}],
        [{"type": "sql", "sql": {"ref": "$/inputs/sql"}}],
        [{"type": "sql", "sql": "SELECT * FROM {{ rows }} WHERE $/inputs/condition"}],
    ],
)
def test_no_value_of_a_run_becomes_sql_of_a_check(checks: Any) -> None:
    definition = {"transform_name": "out", "sql": "SELECT 1", "checks": checks}
    with pytest.raises(Refused):
        _check("duckdb_transform", definition, ())

"""Checks of new rows: what breaks them never becomes visible, and is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vai_common import clock
from vai_common.errors import ErrorCode, Permanent

ROWS: list[dict[str, Any]] = [
    {"id": 1, "state": "paid", "amount": 5.0, "customer": 1, "at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"id": 2, "state": "open", "amount": -3.0, "customer": 2, "at": datetime(2026, 1, 2, tzinfo=UTC)},
    {"id": 2, "state": "lost", "amount": None, "customer": 9, "at": clock.now()},
]
SQL = "SELECT * FROM {{ bronze_orders }}"


def orders(workshop: Any, *rows: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = workshop.bronze("shop.orders", list(rows or ROWS))
    return found


BROKEN: list[tuple[dict[str, Any], int, str]] = [
    ({"type": "not_null", "columns": ["id", "amount"]}, 1, "not_null_id_amount"),
    ({"type": "unique", "columns": ["id"]}, 2, "unique_id"),
    ({"type": "accepted_values", "column": "state", "values": ["paid", "open"]}, 1, "accepted_values_state"),
    ({"type": "accepted_values", "column": "id", "values": [1, 3]}, 2, "accepted_values_id"),
    ({"type": "relationships", "column": "customer", "to": "customers", "field": "id"}, 1, "relationships_customer"),
    ({"type": "row_count", "min": 4}, 0, "row_count"),
    ({"type": "row_count", "max": 2}, 0, "row_count"),
    ({"type": "sql", "name": "no_debts", "sql": "SELECT id FROM {{ rows }} WHERE amount < 0"}, 1, "no_debts"),
    (
        {"type": "sql", "sql": "SELECT r.id FROM {{ rows }} r ANTI JOIN {{ customers }} c ON r.customer = c.id"},
        1,
        "sql",
    ),
]


MERGE: dict[str, Any] = {"mode": "incremental_merge", "merge_keys": ["at"]}


@pytest.mark.parametrize(
    ("check", "rows", "name", "mode"), [*((*each, {}) for each in BROKEN), (*BROKEN[1], MERGE), (*BROKEN[7], MERGE)]
)
def test_rows_that_break_a_check_are_named_and_never_seen(
    workshop: Any, check: dict[str, Any], rows: int, name: str, mode: dict[str, Any]
) -> None:
    inputs = [orders(workshop)]
    if "customers" in str(check):
        inputs.append(workshop.silver("customers", [{"id": 1}, {"id": 2}]))
    with pytest.raises(Permanent) as failure:
        workshop.run(SQL, *inputs, checks=[check], **mode)
    error = failure.value
    assert (error.code, error.details["check"]) == (ErrorCode.DATA_ERROR, name)
    assert name in error.message
    [found] = error.details["checks"]
    assert (found["failedRows"], found["passed"], len(found.get("samples", []))) == (rows, False, rows)
    assert "permit_commit" not in [asked for asked, _ in workshop.link.asked]
    assert workshop.asked("unlock")


def test_good_rows_pass_every_check_and_the_result_tells(workshop: Any) -> None:
    now = clock.now()
    rows = [{"id": n, "state": "paid", "customer": 1, "at": now - timedelta(seconds=n)} for n in range(3)]
    checks = [
        {"type": "not_null", "columns": ["id", "at"]},
        {"type": "unique", "columns": ["id", "state"]},
        {"type": "accepted_values", "column": "state", "values": ["paid"]},
        {"type": "relationships", "column": "customer", "to": "customers", "field": "id"},
        {"type": "row_count", "min": 3, "max": 3},
        {"type": "freshness", "column": "at", "max_age_seconds": 600},
        {"type": "sql", "sql": "SELECT * FROM {{ rows }} EXCEPT SELECT * FROM {{ rows }};"},
    ]
    customers = workshop.silver("customers", [{"id": 1}])
    result = workshop.run(SQL, orders(workshop, *rows), customers, checks=checks)
    assert [each["passed"] for each in result["checks"]] == [True] * len(checks)
    assert len(workshop.rows()) == 3
    assert [each["name"] for each in workshop.asked("wrote")[0]["checks"]][-2:] == ["freshness_at", "sql"]


def test_a_check_that_only_warns_lets_the_rows_in_and_tells_of_them(workshop: Any) -> None:
    check = {"type": "not_null", "columns": ["amount"], "severity": "warn", "samples": 1}
    result = workshop.run(SQL, orders(workshop), checks=[check])
    [found] = result["checks"]
    assert (found["passed"], found["failedRows"], found["samples"][0]["id"]) == (False, 1, 2)
    assert workshop.link.warnings == ["check_broken"]
    assert len(workshop.rows()) == 3


def test_old_rows_are_not_fresh(workshop: Any) -> None:
    check = {"type": "freshness", "column": "at", "max_age_seconds": 60}
    with pytest.raises(Permanent, match="the newest at is"):
        workshop.run(SQL, orders(workshop, ROWS[0]), checks=[check])
    with pytest.raises(Permanent, match="no row has a value in at"):
        workshop.run(f"{SQL} WHERE id > 9", orders(workshop), checks=[check])


SELECTED = "SELECT x FROM (VALUES {values}) t(x), {{{{ customers }}}} LIMIT {rows}"


@pytest.mark.parametrize(
    ("values", "check", "broken"),
    [
        (["'1'", "'01'", "'x'", "'true'"], {"type": "accepted_values", "values": [1, True]}, ["01", "x"]),
        (["'a'", "'1'", "'b'"], {"type": "accepted_values", "values": ["a", 1]}, ["b"]),
        (["1", "2", "3"], {"type": "accepted_values", "values": ["1", 2.0]}, [3]),
        (["'7'", "'007'", "'x'", "NULL"], {"type": "relationships", "to": "customers", "field": "id"}, ["007", "x"]),
        (["7", "8"], {"type": "relationships", "to": "customers", "field": "name"}, [8]),
    ],
)
def test_a_text_is_no_number(workshop: Any, values: list[str], check: dict[str, Any], broken: list[Any]) -> None:
    customers = workshop.silver("customers", [{"id": 7, "name": "7"}])
    listed = ", ".join(f"({value})" for value in values)
    sql = SELECTED.format(values=listed, rows=len(values))
    with pytest.raises(Permanent) as failure:
        workshop.run(sql, customers, checks=[check | {"column": "x"}])
    [found] = failure.value.details["checks"]
    assert [row["x"] for row in found["samples"]] == broken


def test_a_value_of_the_future_makes_no_table_fresh(workshop: Any) -> None:
    check = {"type": "freshness", "column": "at", "max_age_seconds": 60}
    ahead = 'UNION ALL SELECT * REPLACE ({} AS "at") FROM {{{{ bronze_orders }}}}'
    for moment in ("TIMESTAMPTZ '2999-01-01'", "'infinity'::TIMESTAMPTZ"):
        with pytest.raises(Permanent, match="the newest at is"):
            workshop.run(f"{SQL} {ahead.format(moment)}", orders(workshop, ROWS[0]), checks=[check])


def test_no_two_checks_have_one_name(workshop: Any) -> None:
    checks = [{"type": "row_count", "min": 0, "name": name} for name in ("a", "a", "a_2", "a", "a_2")]
    result = workshop.run(SQL, orders(workshop), checks=checks)
    assert [found["name"] for found in result["checks"]] == ["a", "a_3", "a_2", "a_4", "a_2_2"]


def test_the_table_keeps_what_it_had_where_a_check_is_broken(workshop: Any) -> None:
    check = {"type": "row_count", "min": 1}
    workshop.run(SQL, orders(workshop), checks=[check])
    with pytest.raises(Permanent):
        workshop.run(f"{SQL} WHERE false", orders(workshop), checks=[check])
    assert (workshop.table().version(), len(workshop.rows())) == (0, 3)


def test_a_check_of_the_table_before_its_first_run_sees_no_rows(workshop: Any) -> None:
    sql = "SELECT id FROM {{ this }} EXCEPT SELECT id FROM {{ rows }}"
    check = {"type": "sql", "name": "no_row_is_lost", "sql": sql}
    workshop.run(SQL, orders(workshop), checks=[check])
    with pytest.raises(Permanent, match="no_row_is_lost: 1 row breaks it"):
        workshop.run(f"{SQL} WHERE id = 1", orders(workshop), checks=[check])


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"type": "not_null", "columns": ["nothing"]}, "check not_null_nothing cannot run"),
        ({"type": "freshness", "column": "state", "max_age_seconds": 1}, "check freshness_state cannot run"),
        ({"type": "sql", "sql": "SELECT * FROM read_csv('/etc/passwd')"}, "may not be read from"),
        ({"type": "sql", "sql": "DROP TABLE staged_rows"}, "must be a query"),
        ({"type": "sql", "sql": "SELECT * FROM staged_rows"}, "not an input"),
        ({"type": "sql", "sql": "SELECT getenv('HOME') FROM {{ rows }}"}, "unknown, or is not allowed"),
        ({"type": "sql", "sql": "SELECT nothing FROM {{ rows }}"}, "check sql cannot run"),
        ({"type": "sql", "sql": "SELECT 1) UNION (SELECT 2"}, "check sql cannot run"),
    ],
)
def test_a_check_that_cannot_run_ends_the_run_and_is_named(workshop: Any, check: dict[str, Any], said: str) -> None:
    with pytest.raises(Permanent, match="cannot run") as failure:
        workshop.run(SQL, orders(workshop), checks=[{"type": "row_count", "min": 0}, check])
    assert said in failure.value.message
    assert failure.value.code == ErrorCode.DATA_ERROR


def test_a_column_that_is_null_throughout_can_be_checked(workshop: Any) -> None:
    with pytest.raises(Permanent, match="not_null_note: 3 rows break it"):
        workshop.run(
            "SELECT id, NULL AS note FROM {{ bronze_orders }}",
            orders(workshop),
            checks=[{"type": "not_null", "columns": ["note"]}],
        )


def test_columns_that_change_are_told_and_may_be_refused(workshop: Any) -> None:
    workshop.run("SELECT id, state, amount FROM {{ bronze_orders }}", orders(workshop))
    sql = "SELECT id::VARCHAR AS id, state, customer FROM {{ bronze_orders }}"
    with pytest.raises(Permanent, match="id BIGINT to VARCHAR, customer added, amount dropped"):
        workshop.run(sql, orders(workshop), on_schema_change="fail")
    result = workshop.run(sql, orders(workshop))
    assert [each["change"] for each in result["schemaChanges"]] == ["retyped", "added", "dropped"]
    assert "schemaChanges" not in workshop.run(sql, orders(workshop), on_schema_change="fail")
    merge = {"mode": "incremental_merge", "merge_keys": ["state"], "on_schema_change": "fail"}
    workshop.run("SELECT state, customer FROM {{ bronze_orders }}", orders(workshop), **merge)
    with pytest.raises(Permanent, match="amount added"):
        workshop.run("SELECT state, amount FROM {{ bronze_orders }}", orders(workshop), **merge)


def test_a_dry_run_plans_and_writes_nothing(workshop: Any) -> None:
    check = {"type": "sql", "sql": "SELECT * FROM {{ rows }} WHERE id < 0"}
    job = workshop.job(SQL, orders(workshop), dry_run=True, checks=[check])
    result = workshop.planned(job)
    assert result["columns"][0] == {"name": "id", "type": "BIGINT"}
    assert (result["dryRun"], result["inputs"]) == (True, [{"dataset": "bronze.shop.orders", "rows": 3}])
    assert result["plan"]
    assert workshop.link.asked == []
    bad = workshop.job(SQL, orders(workshop), dry_run=True, checks=[{"type": "sql", "sql": "SELECT * FROM secrets"}])
    with pytest.raises(Permanent, match="not an input"):
        workshop.planned(bad)


def test_an_input_can_be_read_as_it_was(workshop: Any) -> None:
    workshop.silver("orders", [{"id": 1}])
    source = workshop.silver("orders", [{"id": 1}, {"id": 2}])
    workshop.inputs["orders"]["version"] = 0
    workshop.run("SELECT * FROM {{ orders }}", source)
    assert workshop.rows() == [(1,)]


def test_a_version_whose_files_are_gone_is_told_and_not_tried_again(workshop: Any) -> None:
    source = workshop.silver("orders", [{"id": 1}])
    old = workshop.table("orders").file_uris()
    workshop.silver("orders", [{"id": 2}])
    for uri in old:
        Path(uri).unlink()
    workshop.inputs["orders"]["version"] = 0
    with pytest.raises(Permanent, match="version 0 of orders are gone"):
        workshop.run("SELECT * FROM {{ orders }}", source)

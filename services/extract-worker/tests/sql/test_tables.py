"""Tables, views, slices and cursors of Postgres."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sql import table as sql_table
from vai_records.definitions.dlt_extract import DltExtract

pytestmark = pytest.mark.usefixtures("postgres")


@pytest.fixture
def items(sql: Any) -> Any:
    """shop.items: 1,000 rows with gaps in their ids."""
    sql(
        "CREATE TABLE shop.items (id bigint PRIMARY KEY, label text, changed timestamptz)",
        "INSERT INTO shop.items SELECT g * g, 'row ' || g, timestamptz '2024-01-01' + g * interval '1 hour' "
        "FROM generate_series(1, 1000) g",
    )
    return sql


def items_of(**fields: Any) -> dict[str, Any]:
    return {"schema": "shop", "resources": [{"name": "items"} | fields]}


def test_without_resources_every_table_of_the_schema_comes_the_smallest_first(bench: Any, items: Any) -> None:
    items(
        'CREATE TABLE shop."Odd ""Name""" ("ID" int, "id" int, "order by" text)',
        'INSERT INTO shop."Odd ""Name""" VALUES (NULL, 1, \'x\'), (2, NULL, \'y\')',
        "CREATE TABLE shop.nothing (a int, b numeric(4,1))",
        "CREATE TABLE shop.parted (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE shop.parted_1 PARTITION OF shop.parted FOR VALUES FROM (0) TO (10)",
        "INSERT INTO shop.parted VALUES (1), (2)",
        "CREATE VIEW shop.seen AS SELECT label FROM shop.items",
        "CREATE TABLE shop.tmp_1 (id int)",
    )
    result = bench.extract("sql_database", schema="shop", exclude=["tmp_*"])
    assert result["per_resource_rows"] == {"nothing": 0, 'Odd "Name"': 2, "parted": 2, "items": 1000}
    assert list(result["per_resource_rows"])[-1] == "items"
    odd = bench.table("odd_name")
    assert odd.drop_columns(["_connection_id", "_extracted_at"]).to_pylist() == [
        {"ID": None, "id_2": 1, "order by": "x"},
        {"ID": 2, "id_2": None, "order by": "y"},
    ]
    nothing = next(commit for commit in bench.commits if commit["table"] == "nothing")
    assert {"name": "b", "type": "DECIMAL(4,1)"} in nothing["columns"]
    bench.next_run()
    result = bench.extract("sql_database", schema="shop", include_views=True, exclude=["tmp_*", "Odd*", "items"])
    assert list(result["per_resource_rows"])[-1] == "seen"


def test_a_table_is_cut_by_its_key_whatever_gaps_it_has(bench: Any, items: Any) -> None:
    result = bench.extract("sql_database", **items_of(slices={"rows": 300}))
    assert sorted(bench.column("items", "id")) == [number * number for number in range(1, 1001)]
    assert [sum(file["rows"] for file in commit["files"]) for commit in bench.commits] == [300, 300, 300, 100]
    assert result["per_resource_rows"] == {"items": 1000}


def test_keys_of_text_cut_too(bench: Any, sql: Any) -> None:
    sql(
        "CREATE TABLE shop.codes (code char(3), n int, PRIMARY KEY (code, n))",
        "INSERT INTO shop.codes SELECT chr(97 + g % 26) || chr(97 + g % 7), g FROM generate_series(1, 500) g",
        "CREATE TABLE shop.uuids (id uuid PRIMARY KEY)",
        "INSERT INTO shop.uuids SELECT gen_random_uuid() FROM generate_series(1, 100)",
    )
    resources = [{"name": "codes", "slices": {"rows": 100}}, {"name": "uuids", "slices": {"rows": 30}}]
    bench.extract("sql_database", schema="shop", resources=resources)
    assert sorted(bench.column("codes", "n")) == list(range(1, 501))
    assert len(set(bench.column("uuids", "id"))) == 100
    assert [sum(file["rows"] for file in commit["files"]) for commit in bench.commits[-4:]] == [30, 30, 30, 10]
    bench.next_run()
    bench.extract("sql_database", schema="shop", resources=[{"name": "uuids", "incremental": "id"}])
    assert len(bench.column("uuids", "id")) == 100


def test_a_cursor_of_another_table_is_refused(bench: Any, items: Any) -> None:
    bench.extract("sql_database", **items_of(incremental="changed"))
    items("CREATE TABLE shop.others AS SELECT * FROM shop.items")
    bench.next_run()
    with pytest.raises(Permanent, match="names of their own"):
        bench.extract("sql_database", **items_of(incremental="changed", source_table="others"))


def test_finished_slices_are_never_fetched_again(bench: Any, items: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = sql_table.SqlTable.pages, []

    def dies_at_the_third(self: Any, part: Any, position: Any) -> Any:
        asked.append(part)
        if len(asked) == 3:
            raise Retryable(ErrorCode.CONNECTION_ERROR, "The cable is cut.", {})
        yield from real(self, part, position)

    monkeypatch.setattr(sql_table.SqlTable, "pages", dies_at_the_third)
    with pytest.raises(Retryable):
        bench.extract("sql_database", **items_of(slices={"rows": 250}), retry={"max_attempts": 3})
    items("INSERT INTO shop.items VALUES (0, 'behind', now()), (1000001, 'before us', now())")
    bench.attempt = 2
    bench.extract("sql_database", **items_of(slices={"rows": 250}), retry={"max_attempts": 3})
    assert [part.first for part in asked[2:]] == [asked[2].first, asked[2].first, asked[4].first]
    ids = bench.column("items", "id")
    assert len(ids) == len(set(ids)) == 1001
    assert 1000001 in ids


def test_a_view_is_cut_by_days_and_rows_without_a_time_are_in_it(bench: Any, items: Any) -> None:
    items(
        "INSERT INTO shop.items VALUES (-1, 'never', NULL)",
        "CREATE VIEW shop.v AS SELECT * FROM shop.items",
    )
    slices = {"column": "changed", "days": 10}
    bench.extract("sql_database", schema="shop", resources=[{"name": "v", "slices": slices}])
    assert sorted(bench.column("v", "id")) == [-1, *(number * number for number in range(1, 1001))]
    assert len(bench.commits) == 5


def test_only_what_is_new_comes_and_rows_at_the_edge_neither_twice_nor_never(bench: Any, items: Any) -> None:
    given = items_of(incremental="changed", slices={"rows": 400})
    bench.extract("sql_database", **given)
    assert [commit["visible"] for commit in bench.commits] == [True] * 4  # those without a time are the last
    assert len(bench.column("items", "id")) == 1000
    items(
        "INSERT INTO shop.items VALUES (-5, 'late, at the same moment', (SELECT max(changed) FROM shop.items))",
        "INSERT INTO shop.items VALUES (-6, 'too late', '2024-01-05'), (-7, 'new', '2024-06-01')",
        "UPDATE shop.items SET changed = '2024-06-01' WHERE id = 4",
    )
    bench.next_run()
    bench.extract("sql_database", **given)
    assert sorted(bench.column("items", "id")) == [-7, -5, 4]
    bench.next_run()
    assert bench.extract("sql_database", **given)["recordsProcessed"] == 0
    items("UPDATE shop.items SET label = 'changed at the edge' WHERE id = 4")
    bench.next_run()
    bench.extract("sql_database", **given)
    assert bench.column("items", "label") == ["changed at the edge"]


def test_a_lag_finds_what_was_committed_late(bench: Any, items: Any) -> None:
    given = items_of(incremental={"cursor_path": "changed", "lag": 7200}, slices={"rows": 1})
    given["resources"][0]["slices"] = {"rows": 100}
    bench.extract("sql_database", **given)
    items("INSERT INTO shop.items VALUES (-1, 'late', (SELECT max(changed) FROM shop.items) - interval '90 minutes')")
    bench.next_run()
    bench.extract("sql_database", **given)
    assert bench.column("items", "id") == [-1]


def test_a_run_that_is_given_up_within_the_lag_leaves_its_rows_known(
    bench: Any, items: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = items_of(incremental={"cursor_path": "changed", "lag": 36_000}, slices={"rows": 400})
    bench.extract("sql_database", **given)
    items("INSERT INTO shop.items SELECT -g, 'new', timestamptz '2024-02-11 17:00+00' FROM generate_series(1, 9) g")
    given["resources"][0]["slices"] = {"rows": 4}
    real, asked = sql_table.SqlTable.pages, []

    def dies_at_the_second(self: Any, part: Any, position: Any) -> Any:
        asked.append(part)
        if len(asked) == 2:
            raise Permanent(ErrorCode.DATA_ERROR, "It is given up.", {})
        yield from real(self, part, position)

    monkeypatch.setattr(sql_table.SqlTable, "pages", dies_at_the_second)
    bench.next_run()
    with pytest.raises(Permanent):
        bench.extract("sql_database", **given)
    came = [file["rows"] for commit in bench.commits for file in commit["files"]]
    bench.next_run()
    bench.extract("sql_database", **given)
    assert (sum(came), sorted(bench.column("items", "id"))) == (0, list(range(-9, 0)))


def test_rows_without_a_cursor_or_of_the_future_come_once_and_move_nothing(bench: Any, items: Any) -> None:
    given = items_of(incremental="changed")
    items("INSERT INTO shop.items VALUES (-1, 'never', NULL), (-2, 'one day', '2999-01-01')")
    bench.extract("sql_database", **given)
    assert len(bench.column("items", "id")) == 1002
    items("INSERT INTO shop.items VALUES (-4, 'never, too', NULL), (-5, 'new', '2024-07-01')")
    bench.next_run()
    bench.extract("sql_database", **given)
    assert sorted(bench.column("items", "id")) == [-5, -4]


@pytest.mark.parametrize(("missing", "rows"), [("exclude", 1000), ("raise", None)])
def test_rows_without_a_cursor_are_left_out_or_an_error(bench: Any, items: Any, missing: str, rows: int | None) -> None:
    items("INSERT INTO shop.items VALUES (-1, 'never', NULL)")
    given = items_of(incremental={"cursor_path": "changed", "on_cursor_value_missing": missing})
    if rows is None:
        with pytest.raises(Permanent, match="have no changed"):
            bench.extract("sql_database", **given)
        return
    assert bench.extract("sql_database", **given)["recordsProcessed"] == rows
    assert any("1 rows without a usual changed were left out" in message for _, message in bench.entries)


def test_a_key_is_a_cursor_and_a_start_date_where_the_first_run_begins(bench: Any, items: Any) -> None:
    by_id = items_of(incremental={"cursor_path": "id", "initial_value": 900 * 900}, table="by_id")
    bench.extract("sql_database", **by_id)
    assert len(bench.column("by_id", "id")) == 101
    items("INSERT INTO shop.items VALUES (2000000, 'next', NULL)")
    bench.next_run()
    bench.extract("sql_database", **by_id)
    assert bench.column("by_id", "id") == [2000000]
    bench.next_run()
    bench.cursors.clear()
    bench.extract("sql_database", start_date="2024-02-01", **items_of(incremental="changed"))
    assert len(bench.column("items", "id")) == 1000 - 31 * 24 + 1 + 1


def test_an_end_value_closes_it_and_another_cursor_is_refused(bench: Any, items: Any) -> None:
    given = {"cursor_path": "changed", "end_value": "2024-01-02 00:00:00+00"}
    assert bench.extract("sql_database", **items_of(incremental=given))["recordsProcessed"] == 23
    bench.next_run()
    with pytest.raises(Permanent, match="cursor was saved of changed"):
        bench.extract("sql_database", **items_of(incremental="id"))


def test_columns_can_be_chosen_and_declared_and_a_trial_is_short(bench: Any, items: Any) -> None:
    bench.extract("sql_database", **items_of(only_columns=["label", "id"], columns={"id": "text"}), limit_rows=3)
    table = bench.table("items__trial")
    assert table.column_names[:2] == ["label", "id"]
    assert table["id"].to_pylist() == ["1", "4", "9"]


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"name": "Items"}, ErrorCode.DATA_ERROR, "There is items"),
        ({"name": "nothing"}, ErrorCode.DATA_ERROR, "no table or view shop.nothing"),
        ({"name": "items", "incremental": "chnged"}, ErrorCode.DATA_ERROR, "no column chnged. There is changed"),
        ({"name": "items", "only_columns": ["ID"]}, ErrorCode.DATA_ERROR, "There is id"),
        ({"name": "j", "incremental": "v"}, ErrorCode.DATA_ERROR, "by which rows cannot be sorted"),
        ({"name": "j", "slices": {"rows": 5}}, ErrorCode.DATA_ERROR, "no key to cut it by"),
        ({"name": "broken"}, ErrorCode.DATA_ERROR, "22012: division by zero"),
        ({"name": "empty"}, ErrorCode.DATA_ERROR, "has no columns"),
    ],
)
def test_what_cannot_be_read_is_told(
    bench: Any, items: Any, fields: dict[str, Any], error: ErrorCode, says: str
) -> None:
    items(
        "CREATE TABLE shop.j (v json)",
        "CREATE TABLE shop.empty ()",
        "CREATE VIEW shop.broken AS SELECT 1 / (id - 1) AS n FROM shop.items",
    )
    with pytest.raises(Permanent, match=says) as found:
        bench.extract("sql_database", schema="shop", resources=[fields])
    assert found.value.code is error


def test_one_table_that_fails_stops_no_other(bench: Any, items: Any) -> None:
    items(
        "CREATE VIEW shop.broken AS SELECT 1 / (id - 1) AS n FROM shop.items",
        "CREATE TABLE shop.closed (id int)",
        "CREATE TABLE shop.small (id int)",
    )
    result = bench.extract("sql_database", schema="shop", resources=["broken", "gone", "small", "items"])
    assert result["per_resource_rows"] == {"small": 0, "items": 1000}
    assert result["failed_resources"] == ["broken", "gone"]


def test_a_table_that_is_dropped_between_two_attempts_is_told_and_nothing_is_lost(bench: Any, items: Any) -> None:
    items("CREATE TABLE shop.other (id int PRIMARY KEY)", "INSERT INTO shop.other VALUES (1)")
    bench.extract("sql_database", schema="shop", resources=["other"])
    items("DROP TABLE shop.items")
    result = bench.extract("sql_database", schema="shop", resources=["other", "items"])
    assert (result["tables"], result["failed_resources"]) == (["other"], ["items"])


def test_a_column_that_changes_its_type_between_two_runs_keeps_both_values(bench: Any, items: Any) -> None:
    given = items_of(incremental="changed")
    bench.extract("sql_database", **given)
    items(
        "ALTER TABLE shop.items ALTER COLUMN id TYPE text",
        "INSERT INTO shop.items VALUES ('a-1', 'text now', '2024-08-01')",
    )
    bench.next_run()
    bench.extract("sql_database", **given)
    assert bench.column("items", "id") == ["a-1"]


def test_wrong_credentials_addresses_and_databases_are_told(bench: Any, items: Any) -> None:
    right = bench.connection

    def wrong(says: str, code: ErrorCode, provider: str = "postgres", **changes: Any) -> None:
        config = right.config | {name: value for name, value in changes.items() if name in ("host", "port", "database")}
        config |= {name: value for name, value in changes.items() if name in ("sslmode", "ca_certificate")}
        known = right.credentials | {name: value for name, value in changes.items() if name in ("username", "password")}
        bench.connection = type(right)(right.id, right.slug, provider, config, known)
        bench.addresses = changes.get("addresses", "loopback")
        with pytest.raises((Permanent, Retryable), match=says) as found:
            bench.extract("sql_database", **items_of())
        assert found.value.code is code
        assert "s3cret" not in str(found.value)

    wrong("refuses the user", ErrorCode.AUTH_ERROR, username="nobody", password="s3cret")
    wrong("has no database 'nothing'", ErrorCode.CONNECTION_ERROR, database="nothing")
    wrong("does not answer", ErrorCode.CONNECTION_ERROR, port=1)
    wrong("is refused: 127.0.0.1 is not public", ErrorCode.CONNECTION_ERROR, addresses="")
    wrong("speaks no TLS", ErrorCode.CONNECTION_ERROR, sslmode="verify-full")
    wrong("leads to no Postgres", ErrorCode.DATA_ERROR, provider="mssql")
    wrong("it is one of disable", ErrorCode.DATA_ERROR, sslmode="strict")
    bench.connection = None
    with pytest.raises(Permanent, match="needs a connection"):
        bench.extract("sql_database", **items_of())


def test_a_definition_is_held_against_what_it_can_mean() -> None:
    for resource, says in (
        ({"name": "t", "slices": {}}, "give rows, or days"),
        ({"name": "t", "incremental": "a", "slices": {"column": "b", "rows": 1}}, "cut by its cursor"),
        ({"name": "t", "incremental": "a", "only_columns": ["b"]}, "leaves a out"),
        ({"name": "t", "write_disposition": "merge"}, "needs a primary_key"),
    ):
        with pytest.raises(ValueError, match=says):
            DltExtract.model_validate({"source": "sql_database", "resources": [resource]})

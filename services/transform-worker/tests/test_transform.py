"""Transforms on a real DuckDB and real Delta tables, in a folder."""

import threading
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_transform_worker.transform import transform
from vai_worker.children.link import Stop

CUSTOMERS = [{"id": 1, "email": "a@x", "updated_at": 1}, {"id": 2, "email": "b@x", "updated_at": 1}]
NEWER = [{"id": 1, "email": "new@x", "updated_at": 2, "phone": "123"}]


def test_the_silver_example_of_document_000_keeps_the_newest_row_of_each_customer(workshop: Any) -> None:
    customers = workshop.bronze("shopify.customers", CUSTOMERS, NEWER)
    result = workshop.run(
        "SELECT id AS customer_id, email, phone FROM {{ bronze_customers }} "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY updated_at DESC) = 1",
        customers,
    )
    assert workshop.rows() == [(1, "new@x", "123"), (2, "b@x", None)]
    assert result["recordsProcessed"] == 2
    assert result["tables"] == ["out"]
    assert result["artifacts"][0]["name"] == "silver.out"
    assert result["artifacts"][0]["size"] > 0
    assert result["destination_path"] == f"{workshop.url}/{workshop.org_id}/silver/out"


def test_a_gold_table_joins_silver_tables(workshop: Any) -> None:
    orders = workshop.silver("orders", [{"id": 1, "customer": 7}, {"id": 2, "customer": 8}])
    lines = workshop.silver("lines", [{"order_id": 1, "price": 5}, {"order_id": 1, "price": 6}])
    workshop.run(
        "SELECT customer, sum(price) AS spent FROM {{ lines }} l JOIN {{ orders }} o ON o.id = l.order_id GROUP BY 1",
        orders,
        lines,
        output_layer="gold",
    )
    assert workshop.rows(layer="gold") == [(7, 11)]


def test_a_run_says_what_it_does_and_what_it_made(workshop: Any) -> None:
    workshop.run("SELECT unnest([1, 2, 3]) AS n")
    assert workshop.link.events == ["transform_started", "transform_completed"]
    assert workshop.link.logs[1][1] == "Completed out: 3 rows"
    assert workshop.link.logs[1][2]["rows"] == 3
    assert workshop.link.logs[1][2]["duration_seconds"] > 0
    assert workshop.link.progresses[0]["in_progress_resource"] == "out"
    assert workshop.link.progresses[-1] == {
        "schema_version": 2,
        "resources_order": ["out"],
        "completed_resources": ["out"],
        "failed_resources": [],
        "in_progress_resource": None,
        "resource_cursors": {},
    }


def test_the_worker_is_asked_for_the_lock_then_for_the_commit_and_told_what_was_written(workshop: Any) -> None:
    workshop.run("SELECT 1 AS n, 'x' AS t")
    assert [question for question, _ in workshop.link.asked] == ["lock", "permit_commit", "wrote"]
    assert workshop.asked("permit_commit") == [{"write_epoch": 1, "table_epoch": None}]
    (wrote,) = workshop.asked("wrote")
    assert wrote["row_count"] == 1
    assert wrote["columns"] == [{"name": "n", "type": "INTEGER"}, {"name": "t", "type": "VARCHAR"}]
    assert wrote["version"] == 0
    assert wrote["bytes"] > 0


def test_full_refresh_replaces_the_table_and_its_columns(workshop: Any) -> None:
    workshop.run("SELECT 1 AS n, 'old' AS t")
    workshop.run("SELECT 'text' AS n")
    assert workshop.rows() == [("text",)]


def test_a_query_without_rows_leaves_an_empty_table_with_its_columns(workshop: Any) -> None:
    workshop.run("SELECT 1 AS n WHERE false")
    assert workshop.rows() == []
    assert workshop.asked("wrote")[0]["columns"] == [{"name": "n", "type": "INTEGER"}]


def test_a_table_that_was_extracted_without_rows_is_read_as_an_empty_one(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders")
    workshop.inputs["bronze.shop.orders"]["columns"] = [{"name": "id", "type": "BIGINT"}, {"name": "x", "type": "NULL"}]
    workshop.run("SELECT id, x FROM {{ bronze_orders }}", orders)
    assert workshop.rows() == []


def test_the_folders_of_bronze_are_no_columns(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"id": 1}])
    workshop.run("SELECT * FROM {{ bronze_shop_orders }}", orders)
    assert workshop.table().schema().to_arrow().names == ["id"]


def test_a_common_table_may_be_called_like_an_input(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"id": 1}, {"id": 2}])
    workshop.run(
        "WITH bronze_orders AS (SELECT * FROM {{ bronze_orders }} WHERE id > 1) SELECT * FROM bronze_orders",
        orders,
    )
    assert workshop.rows() == [(2,)]


def test_sql_may_end_in_a_semicolon_and_a_comment(workshop: Any) -> None:
    workshop.run("SELECT sum(n) AS n FROM range(3) r(n); -- done")
    assert workshop.rows() == [(3,)]


# The table itself

NEW_ROWS = [{"id": 1, "seen": datetime(2024, 1, 1), "v": "a"}, {"id": 2, "seen": datetime(2024, 1, 2), "v": "b"}]  # noqa: DTZ001


@pytest.mark.parametrize(
    "where",
    [
        "WHERE seen > (SELECT max(seen) FROM {{ this }}) OR (SELECT max(seen) FROM {{ this }}) IS NULL",
        "WHERE seen > (SELECT coalesce(max(t.seen), TIMESTAMP '1970-01-01') FROM {{ this }} t)",
        "WHERE seen > coalesce((SELECT max(seen) - INTERVAL 1 HOUR FROM {{ this }}), TIMESTAMP '1970-01-01')",
        "o WHERE NOT EXISTS (SELECT 1 FROM {{ this }} t WHERE t.id = o.id AND t.v = o.v)",
        "o ANTI JOIN {{ this }} USING (id)",
    ],
)
def test_a_transform_reads_its_own_table_which_is_empty_at_first(workshop: Any, where: str) -> None:
    orders = workshop.bronze("shop.orders", NEW_ROWS)
    merge = {"mode": "incremental_merge", "merge_keys": ["id"]}
    for _ in range(2):
        workshop.run(f"SELECT id, seen, v FROM {{{{ bronze_orders }}}} {where}", orders, **merge)
    assert workshop.rows("SELECT id, v FROM out ORDER BY id") == [(1, "a"), (2, "b")]


def test_an_empty_extraction_whose_columns_nobody_knows_has_those_that_are_asked_for(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders")
    workshop.run("SELECT o.id::BIGINT AS id, upper(name) AS name FROM {{ bronze_orders }} o WHERE total > 5", orders)
    assert workshop.rows() == []
    assert workshop.asked("wrote")[0]["columns"][0] == {"name": "id", "type": "BIGINT"}


NOBODY_KNOWS = ["SELECT * FROM {{ bronze_orders }}", "SELECT id, v FROM {{ bronze_orders }}"]


@pytest.mark.parametrize("sql", NOBODY_KNOWS)
@pytest.mark.parametrize("mode", ["full_refresh", "incremental_merge"])
def test_of_nothing_comes_an_empty_table_that_is_remembered_or_stays_what_it_was(
    workshop: Any, sql: str, mode: str
) -> None:
    fields = {"mode": mode, "merge_keys": ["id"] if mode == "incremental_merge" else []}
    nothing = workshop.bronze("shop.orders")
    result = workshop.run(sql, nothing, **fields)
    assert (result["recordsProcessed"], result["artifacts"][0]["size"]) == (0, 0)
    names = ["id", "v"] if "id" in sql else []
    wrote = workshop.asked("wrote")[0]
    assert (wrote["row_count"], wrote["columns"]) == (0, [{"name": name, "type": "NULL"} for name in names])
    orders = workshop.bronze("shop.orders", [{"id": 1, "v": "x"}])
    workshop.run(sql, orders, **fields)
    workshop.run(sql, workshop.bronze("shop.orders"), **fields)
    assert workshop.rows() == ([(1, "x")] if mode == "incremental_merge" else [])
    there = [{"name": "id", "type": "BIGINT"}, {"name": "v", "type": "VARCHAR"}]
    assert workshop.asked("wrote")[0]["columns"] == there


def test_a_key_that_is_null_in_all_rows_has_the_type_of_the_table(workshop: Any) -> None:
    fields = {"mode": "incremental_merge", "merge_keys": ["a", "b"]}
    sql = "SELECT * FROM {{ bronze_lines }}"
    workshop.run(
        sql, workshop.bronze("shop.lines", [{"a": 1, "b": "x", "v": 1}, {"a": None, "b": "x", "v": 2}]), **fields
    )
    today = workshop.bronze("shop.lines", [{"A": None, "b": "x", "v": 3}, {"A": None, "b": "y", "v": 4}])
    workshop.inputs["bronze.shop.lines"]["columns"] = [{"name": "A", "type": "NULL"}]
    workshop.run(sql, today, **fields)
    assert workshop.rows("FROM out ORDER BY v") == [(1, "x", 1), (None, "x", 3), (None, "y", 4)]


# Types


def test_every_type_of_duckdb_that_delta_knows_comes_back_as_it_was(workshop: Any) -> None:
    workshop.run(
        "SELECT 1::BIGINT AS a, 1.5::DECIMAL(38,3) AS b, DATE '2020-01-02' AS c, TIMESTAMP '2020-01-02 03:04:05' AS d, "
        "'x'::BLOB AS e, true AS f, 1.5::DOUBLE AS g, [1, 2] AS h, {'k': 'v'} AS i, MAP {'k': 1} AS j"
    )
    assert workshop.rows() == [
        (
            *(1, Decimal("1.500"), date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5), b"x"),  # noqa: DTZ001 - has none
            *(True, 1.5, [1, 2], {"k": "v"}, {"k": 1}),
        )
    ]


def test_types_that_delta_does_not_know_are_widened_or_become_text(workshop: Any) -> None:
    workshop.run(
        "SELECT sum(n) AS total, 4000000000::UINTEGER AS u, 200::UTINYINT AS small, 'e'::ENUM('e') AS e, "
        "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS id, {'h': [sum(n)]} AS nested, '{\"a\": 1}'::JSON AS j "
        "FROM range(4) r(n)"
    )
    assert workshop.rows() == [
        (6, 4_000_000_000, 200, "e", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", {"h": [6]}, '{"a": 1}')
    ]
    assert workshop.asked("wrote")[0]["columns"][0] == {"name": "total", "type": "BIGINT"}
    assert workshop.asked("wrote")[0]["columns"][5] == {"name": "nested", "type": 'STRUCT("h" BIGINT[])'}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT TIME '10:00' AS opens", "'opens' is TIME"),
        ("SELECT INTERVAL 1 DAY AS age", "'age' is INTERVAL"),
        ("SELECT {'a': [TIME '10:00']} AS deep", "'deep' is TIME"),
        ("SELECT '1'::BIT AS b", "'b' is BIT"),
        ("SELECT 1 AS a, 2 AS A", "Two columns are called 'a'"),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT AS big", "can't be cast|out of range"),
        ("SELECT 'x'::INTEGER AS n", "Could not convert string 'x'"),
        ("SELECT n FROM range(300000) r(m), (SELECT 'x'::INTEGER AS n)", "Could not convert"),
        ("SELECT nothing FROM range(1)", "nothing"),
        ("SELECT frobnicate(1)", "frobnicate"),
        ("SELEC 1", "does not parse"),
    ],
)
def test_rows_that_cannot_be_stored_are_a_data_error_that_says_why(workshop: Any, sql: str, words: str) -> None:
    with pytest.raises(Permanent, match=words) as caught:
        workshop.run(sql)
    assert caught.value.code == ErrorCode.DATA_ERROR
    assert "wrote" not in [question for question, _ in workshop.link.asked]


def test_a_null_without_a_type_is_pointed_out_and_becomes_a_column_when_it_has_a_type(workshop: Any) -> None:
    workshop.run("SELECT 1 AS n, NULL AS later")
    assert "column_untyped" in workshop.link.events
    assert workshop.rows() == [(1,)]
    columns = [{"name": "n", "type": "INTEGER"}, {"name": "later", "type": "NULL"}]
    assert workshop.asked("wrote")[0]["columns"] == columns


# Merging

MERGED = {"mode": "incremental_merge", "merge_keys": ["id"]}


def test_a_merge_updates_what_is_there_and_inserts_what_is_new(workshop: Any) -> None:
    workshop.run("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(id, t)", **MERGED)
    result = workshop.run("SELECT * FROM (VALUES (2, 'B'), (3, 'c')) v(id, t)", **MERGED)
    assert workshop.rows() == [(1, "a"), (2, "B"), (3, "c")]
    assert result["recordsProcessed"] == 2
    assert workshop.asked("wrote")[0]["row_count"] == 3


def test_a_merge_twice_is_a_merge_once_also_for_keys_that_are_null(workshop: Any) -> None:
    sql = "SELECT * FROM (VALUES (1, NULL, 'x'), (1, 'k', 'y'), (NULL, NULL, 'z')) v(id, \"Second Key\", t)"
    for _ in range(2):
        workshop.run(sql, mode="incremental_merge", merge_keys=["id", "Second Key"])
    assert sorted(row[2] for row in workshop.rows()) == ["x", "y", "z"]


def test_a_merge_adds_new_columns_and_keeps_those_that_are_no_longer_given(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, 'a' AS t", **MERGED)
    workshop.run("SELECT 2 AS id, TIMESTAMP '2020-01-01' AS happened", **MERGED)
    assert workshop.rows("SELECT id, t, year(happened) FROM out ORDER BY id") == [(1, "a", None), (2, None, 2020)]


def test_a_merge_refuses_two_rows_of_one_key_and_writes_nothing(workshop: Any) -> None:
    with pytest.raises(Permanent, match=r'2 rows with the same merge_keys \("id"\).*QUALIFY'):
        workshop.run("SELECT 1 AS id, unnest(['a', 'b']) AS t", **MERGED)
    assert [question for question, _ in workshop.link.asked] == ["lock", "unlock"]


def test_a_merge_key_that_the_sql_does_not_give_is_named(workshop: Any) -> None:
    with pytest.raises(Permanent, match="merge_keys names 'id', which the SQL does not give; it gives a, b"):
        workshop.run("SELECT 1 AS a, 2 AS b", **MERGED)


def test_a_merge_key_that_the_table_does_not_have_is_named(workshop: Any) -> None:
    workshop.run("SELECT 1 AS a")
    with pytest.raises(Permanent, match="no column 'id' to merge on: run it as full_refresh"):
        workshop.run("SELECT 1 AS id", **MERGED)


def test_rows_that_do_not_fit_into_the_table_are_a_data_error(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, 5 AS n", **MERGED)
    with pytest.raises(Permanent, match=r"do not fit into silver\.out"):
        workshop.run("SELECT 2 AS id, 'text' AS n", **MERGED)


def test_column_names_may_be_anything(workshop: Any) -> None:
    sql = 'SELECT 1 AS "Order Id", 2 AS "a.b", 3 AS "we""ird", 4 AS "sélect"'
    for _ in range(2):
        workshop.run(sql, mode="incremental_merge", merge_keys=["Order Id", "a.b", 'we"ird'])
    assert workshop.rows() == [(1, 2, 3, 4)]


# Stopping


def test_a_long_query_stops_when_the_run_must_stop(workshop: Any) -> None:
    job = workshop.job("SELECT count(*) AS n FROM range(10000000000) a, range(1000) b")

    def stop_later(payload: dict[str, Any]) -> dict[str, Any]:
        threading.Timer(0.3, lambda: setattr(workshop.link, "stopping", True)).start()
        return {"write_epoch": 1}

    with pytest.raises(Stop):
        workshop.perform(job, lock=stop_later)


def test_a_long_stream_of_rows_stops_when_the_run_must_stop(workshop: Any) -> None:
    job = workshop.job("SELECT n FROM range(100000000000) r(n)")

    def stop_later(payload: dict[str, Any]) -> dict[str, Any]:
        threading.Timer(0.5, lambda: setattr(workshop.link, "stopping", True)).start()
        return {"write_epoch": 1}

    with pytest.raises(Stop):
        workshop.perform(job, lock=stop_later)


def test_a_query_beyond_the_runs_own_limit_is_a_time_out(workshop: Any) -> None:
    with pytest.raises(Permanent, match="timeout_seconds") as caught:
        workshop.run("SELECT count(*) AS n FROM range(10000000000) a, range(1000) b", timeout_seconds=0.5)
    assert caught.value.code == ErrorCode.TIMEOUT


def test_a_query_that_needs_too_much_memory_says_so(workshop: Any) -> None:
    job = workshop.job("SELECT list(n) AS l FROM range(50000000) r(n)", memory_mb=128)
    with pytest.raises(Permanent, match=r"128 MB.*VAI_CHILD_MEMORY_MB"):
        workshop.perform(job)


def test_a_file_that_has_gone_is_tried_again(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"id": 1}])
    workshop.inputs["bronze.shop.orders"]["files"] = ["gone.parquet"]
    with pytest.raises(Retryable, match=r"gone\.parquet"):
        workshop.run("SELECT * FROM {{ bronze_orders }}", orders)


# Paths in SQL


def test_a_literal_path_of_the_lake_is_read_as_the_worker_resolves_it(workshop: Any) -> None:
    workshop.bronze("shop.orders", [{"id": 1}], [{"id": 2}])
    files = workshop.inputs["bronze.shop.orders"]["files"]
    path = f"{workshop.url}/o/bronze/shop/it's"
    job = workshop.job(f"SELECT * FROM read_parquet('{path.replace(chr(39), chr(39) * 2)}') r WHERE r.id > 0")
    workshop.perform(job, files=lambda payload: {"files": files})
    assert workshop.asked("files") == [{"path": path}] * 2  # once more with the lock
    assert workshop.rows() == [(1,), (2,)]


def test_text_in_literals_stays_as_it_is_whatever_quotes_stand_in_comments(workshop: Any) -> None:
    """DuckDB makes spaces of these outside of quotes, and is misled by those in comments."""
    workshop.run("SELECT /* it's */ 'a\u00a0b\u3000' AS\u00a0text, E'\\'\u00a0' AS more -- isn't it")
    assert workshop.rows() == [("a\u00a0b\u3000", "'\u00a0")]


def test_a_literal_path_beside_an_input_of_any_name_is_another_table(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"id": 1}]) | {"as": "path_1"}
    workshop.bronze("shop.lines", [{"id": 7}])
    files = workshop.inputs["bronze.shop.lines"]["files"]
    job = workshop.job("SELECT * FROM {{ path_1 }} UNION ALL SELECT * FROM read_parquet('x')", orders)
    workshop.perform(job, files=lambda payload: {"files": files})
    assert workshop.rows() == [(1,), (7,)]


def test_a_path_that_the_worker_refuses_fails_the_run_before_anything_is_written(workshop: Any) -> None:
    def refuse(payload: dict[str, Any]) -> dict[str, Any]:
        raise Permanent(ErrorCode.DATA_ERROR, "outside")

    with pytest.raises(Permanent, match="outside"):
        workshop.perform(workshop.job("SELECT * FROM read_parquet('/etc/passwd')"), files=refuse)
    assert [question for question, _ in workshop.link.asked] == ["files"]


def test_the_entry_is_what_the_kind_names(workshop: Any) -> None:
    from vai_transform_worker.duckdb_transform import DuckdbTransform

    assert DuckdbTransform.entry == f"{transform.__module__}:{transform.__name__}"

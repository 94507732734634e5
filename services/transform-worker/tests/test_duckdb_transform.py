"""The worker's side: inputs found in the manifest, the output's lock, what is recorded. On a real Postgres."""

import asyncio
import threading
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.definitions import duckdb_transform as definitions
from vai_records.definitions import sql_text
from vai_transform_worker import duckdb_transform as module
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_transform_worker.query.bounds import Bounds
from vai_worker.children.link import Stop
from vai_worker.owned import LostRun, Owned

KIND = DuckdbTransform(child_memory_mb=2048)
CUSTOMERS = {"bronze_dataset": "bronze.shopify.customers"}
WROTE: dict[str, Any] = {"row_count": 7, "rows": 7, "columns": [], "bytes": 9, "version": 0}
WROTE |= {"inputs": [], "reads_itself": False, "changes": [], "checks": []}


async def ask(run: Owned, question: str, **payload: Any) -> dict[str, Any]:
    return await KIND.answer(run, question, payload)


# Inputs


async def test_a_bronze_input_is_the_files_that_the_manifest_shows(bench: Any) -> None:
    columns = [{"name": "id", "type": "BIGINT"}]
    await bench.bronze("shopify.customers", "a.parquet", "b.parquet", columns=columns)
    run = await bench.run("SELECT * FROM {{ bronze_customers }}", CUSTOMERS)
    prepared = await KIND.prepare(run)
    folder = f"{bench.org_id}/bronze/shopify/customers"
    assert [each.pop("ids") for each in prepared["inputs"]] == [[await bench.id_of("bronze", "shopify.customers")]]
    assert prepared["inputs"] == [
        {
            "name": "bronze_shopify_customers",
            "dataset": "bronze.shopify.customers",
            "files": [f"{folder}/a.parquet", f"{folder}/b.parquet"],
            "columns": columns,
        }
    ]
    assert prepared["output"] == {"location": f"{bench.org_id}/silver/out", "columns": []}
    assert prepared["memory_mb"] == 1024


async def test_silver_comes_before_gold_and_gold_is_readable_as_silver(bench: Any) -> None:
    await bench.delta("silver", "orders")
    await bench.delta("gold", "orders")
    await bench.delta("gold", "facts")
    inputs = [{"silver_dataset": "orders"}, {"silver_dataset": "facts"}]
    run = await bench.run("SELECT * FROM {{ orders }}, {{ facts }}", *inputs)
    prepared = await KIND.prepare(run)
    locations = [each["location"] for each in prepared["inputs"]]
    assert locations == [f"{bench.org_id}/silver/orders", f"{bench.org_id}/gold/facts"]


async def test_of_two_tables_of_one_name_each_is_read_by_its_layer(bench: Any) -> None:
    await bench.delta("silver", "orders")
    await bench.delta("gold", "orders")
    names = ["silver.orders", "gold.orders", "orders"]
    sql = "SELECT * FROM {{ silver_orders }}, {{ gold_orders }}, {{ orders }}"
    prepared = await KIND.prepare(await bench.run(sql, *({"silver_dataset": name} for name in names)))
    locations = [each["location"].removeprefix(f"{bench.org_id}/") for each in prepared["inputs"]]
    assert locations == ["silver/orders", "gold/orders", "silver/orders"]
    run = await bench.run("SELECT * FROM {{ x }}", {"silver_dataset": "nothing", "as": "x"})
    with pytest.raises(Permanent, match=r"There are: gold\.orders, silver\.orders$"):
        await KIND.prepare(run)


@pytest.mark.parametrize("own", ["silver.out", "out"])
async def test_the_own_table_may_be_named_with_its_layer(bench: Any, own: str) -> None:
    await bench.delta("gold", "other")
    run = await bench.run("SELECT * FROM {{ x }}", {"silver_dataset": own, "as": "x"})
    assert (await KIND.prepare(run))["inputs"] == [{"name": "x", "dataset": own, "is_own": True}]
    run = await bench.run("SELECT * FROM {{ x }}", {"silver_dataset": "gold.out", "as": "x"})
    with pytest.raises(Permanent, match=r"gold\.out does not exist"):
        await KIND.prepare(run)


@pytest.mark.parametrize("name", ["ORDERS", "orders"])
async def test_names_of_tables_differ_in_more_than_their_case(bench: Any, name: str) -> None:
    """SQL knows no case in names, and some file systems do not either."""
    await bench.delta("silver", "Orders")
    with pytest.raises(Permanent, match=r"silver\.Orders is there.*write transform_name Orders") as caught:
        await KIND.prepare(await bench.run(transform_name=name))
    assert caught.value.code == ErrorCode.DATA_ERROR
    assert await KIND.prepare(await bench.run(transform_name="Orders"))
    assert await KIND.prepare(await bench.run(transform_name=name, output_layer="gold"))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"bronze_dataset": "bronze.shopify.orders"},
            r"bronze\.shopify\.orders does not exist.*shop\.customers",
        ),
        ({"silver_dataset": "nothing"}, "nothing does not exist. There are: facts, stg_orders$"),
        ({"silver_dataset": "unwritten"}, "unwritten does not exist"),
        ({"silver_dataset": "stg_order"}, r"does not exist; did you mean stg_orders\? There are"),
        ({"silver_dataset": "gold.fact"}, r"did you mean gold\.facts\? There are: gold\.facts$"),
        ({"bronze_dataset": "bronze.shop.customer"}, r"did you mean bronze\.shop\.customers\?"),
    ],
)
async def test_an_unknown_input_is_a_data_error_that_names_those_there_are(
    bench: Any, wanted: dict[str, str], words: str
) -> None:
    await bench.bronze("shop.customers", "a.parquet")
    await bench.bronze("shop.empty")
    await bench.delta("silver", "stg_orders")
    await bench.delta("gold", "facts")
    await bench.delta("silver", "unwritten", rows=None)
    run = await bench.run("SELECT * FROM {{ x }}", wanted | {"as": "x"})
    with pytest.raises(Permanent, match=words) as caught:
        await KIND.prepare(run)
    assert caught.value.code == ErrorCode.DATA_ERROR


async def test_another_organisations_tables_are_not_there(bench: Any) -> None:
    await type(bench)(bench.pool).delta("silver", "theirs")
    run = await bench.run("SELECT * FROM {{ theirs }}", {"silver_dataset": "theirs"})
    with pytest.raises(Permanent, match="There are: none"):
        await KIND.prepare(run)


async def test_a_definition_that_is_not_valid_is_a_data_error_that_names_the_field(bench: Any) -> None:
    run = await bench.run("SELECT * FROM {{ x }}")
    with pytest.raises(Permanent, match=r"sql: \{\{ x \}\} is none of the inputs"):
        await KIND.prepare(run)


async def test_an_extraction_without_rows_is_an_empty_table(bench: Any) -> None:
    await bench.bronze("shop.empty")
    run = await bench.run("SELECT * FROM {{ x }}", {"bronze_dataset": "bronze.shop.empty", "as": "x"})
    (found,) = (await KIND.prepare(run))["inputs"]
    assert (found["files"], found["columns"]) == ([], [])


@pytest.mark.parametrize("inputs", [[], [{"silver_dataset": "out"}]])
async def test_the_transforms_own_table_is_an_input_before_and_after_its_first_run(
    bench: Any, inputs: list[dict[str, str]]
) -> None:
    sql = "SELECT * FROM {{ out }}" if inputs else "SELECT * FROM {{ this }}"
    (found,) = (await KIND.prepare(await bench.run(sql, *inputs)))["inputs"]
    assert (found["is_own"], found.get("location")) == (True, None)
    await bench.delta("silver", "out")
    (found,) = (await KIND.prepare(await bench.run(sql, *inputs)))["inputs"]
    assert (found["is_own"], found["location"]) == (True, f"{bench.org_id}/silver/out")


# Literal paths


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("file:///lake/{org}/bronze/shop/*", ["a.parquet", "b.parquet", "c.parquet"]),
        ("/lake/{org}/bronze/shop/orders/", ["a.parquet", "b.parquet"]),
        ("{org}/bronze/shop/orders/a.parquet", ["a.parquet"]),
        ("{org}/bronze/**/[b-c]*.parquet", []),
        ("{org}/bronze/**/*.parquet", ["a.parquet", "b.parquet", "c.parquet"]),
    ],
)
async def test_a_literal_path_means_visible_files_of_the_manifest(bench: Any, path: str, files: list[str]) -> None:
    await bench.bronze("shop.orders", "a.parquet", "b.parquet")
    await bench.bronze("shop.lines", "c.parquet")
    run, path = await bench.run(), path.format(org=bench.org_id)
    if not files:
        with pytest.raises(Permanent, match="finds nothing"):
            await ask(run, "files", path=path)
        return
    answer = await ask(run, "files", path=path)
    assert sorted(each.rpartition("/")[2] for each in answer["files"]) == files


async def test_a_folder_that_means_several_tables_is_a_data_error_that_names_them(bench: Any) -> None:
    await bench.bronze("shop.orders", "a.parquet")
    await bench.bronze("shop.lines", "c.parquet")
    await bench.bronze("other.lines", "d.parquet")
    path = f"/lake/{bench.org_id}/bronze/shop"
    with pytest.raises(Permanent, match=r"means 2 tables: bronze\.shop\.lines, bronze\.shop\.orders\.") as caught:
        await ask(await bench.run(), "files", path=path)
    assert caught.value.code == ErrorCode.DATA_ERROR


async def test_a_glob_over_several_tables_reads_them_and_says_so(bench: Any) -> None:
    await bench.bronze("shop.orders", "a.parquet")
    await bench.bronze("shop.lines", "c.parquet")
    await ask(await bench.run(), "files", path=f"/lake/{bench.org_id}/bronze/shop/**")
    assert bench.reports.events == ["path_means_several"]


async def test_a_hostile_glob_is_a_data_error_and_holds_neither_the_loop_nor_the_runs_row(bench: Any) -> None:
    await bench.bronze("shop.orders", "a" * 200 + ".parquet")
    run = await bench.run()
    for glob in ("**" * 14 + "zzz", "*a" * 40, "**/" * 31 + "zzz"):
        with pytest.raises(Permanent) as caught:
            await ask(run, "files", path=f"/lake/{bench.org_id}/bronze/{glob}")
        assert caught.value.code == ErrorCode.DATA_ERROR


async def test_a_path_is_matched_beside_the_loop_and_while_the_runs_row_is_free(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = threading.Event(), threading.Event()
    matched = module._matched

    def slow(pattern: Any, found: Any) -> Any:
        began.set()
        assert go.wait(30)
        return matched(pattern, found)

    monkeypatch.setattr(module, "_matched", slow)
    await bench.bronze("shop.orders", "a.parquet")
    run = await bench.run()
    asked = asyncio.create_task(ask(run, "files", path=f"/lake/{bench.org_id}/bronze/shop/orders/*.parquet"))
    assert await asyncio.to_thread(began.wait, 30)
    assert await bench.pool.fetchval("SELECT id FROM runs WHERE id = $1 FOR UPDATE NOWAIT", run.id) == run.id
    go.set()
    assert len((await asked)["files"]) == 1


async def test_the_sql_is_judged_once_whatever_the_child_asks(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    look = sql_text.look
    monkeypatch.setattr(definitions, "look", lambda sql: judged.append(sql) or look(sql))
    run = await bench.run("SELECT 1 AS n -- by no other test")
    await KIND.prepare(run)
    await ask(run, "lock")
    await ask(run, "permit_commit", write_epoch=1, table_epoch=None)
    await ask(run, "wrote", **WROTE | {"row_count": 1, "columns": []})
    assert len(judged) == 1


async def test_a_literal_path_into_a_delta_table_means_the_table(bench: Any) -> None:
    await bench.delta("silver", "orders")
    answer = await ask(await bench.run(), "files", path=f"file:///lake/{bench.org_id}/silver/orders/*.parquet")
    assert answer == {"location": f"{bench.org_id}/silver/orders", "ids": [await bench.id_of("silver", "orders")]}


@pytest.mark.parametrize("path", ["/etc/passwd", "s3://lake/x", "/lake/00000000-0000-0000-0000-000000000000/bronze"])
async def test_a_literal_path_outside_the_organisations_lake_is_refused(bench: Any, path: str) -> None:
    with pytest.raises(Permanent, match="leaves your own lake"):
        await ask(await bench.run(), "files", path=path)


# The time limit


@pytest.mark.parametrize(("named", "limit"), [(None, 60), (5, 5), (500, 100), (2.5, 2.5)])
async def test_every_transform_has_a_time_limit(bench: Any, named: float | None, limit: float) -> None:
    run = await bench.run(**({} if named is None else {"timeout_seconds": named}))
    prepared = await DuckdbTransform(bounds=Bounds(seconds=60, most_seconds=100)).prepare(run)
    assert prepared["bounds"]["seconds"] == limit
    assert run.deadline == run.claimed + limit


async def test_a_table_that_is_only_remembered_is_an_input_without_files(bench: Any) -> None:
    run = await bench.run()
    await KIND.prepare(run)
    await ask(run, "lock")
    columns = [{"name": "id", "type": "NULL"}]
    await ask(run, "wrote", **WROTE | {"row_count": 0, "rows": 0, "columns": columns, "bytes": 0, "version": -1})
    own, other = "SELECT * FROM {{ this }}", "SELECT * FROM {{ out }}"
    for sql, inputs in ((own, []), (other, [{"silver_dataset": "out"}])):
        (found,) = (await KIND.prepare(await bench.run(sql, *inputs)))["inputs"]
        assert "location" not in found
        assert found["columns"] == [{"name": "id", "type": "NULL"}]


# The lock, the permit, the record


async def test_a_run_locks_writes_and_gives_back(bench: Any) -> None:
    run = await bench.run()
    await KIND.prepare(run)
    locked = await ask(run, "lock")
    assert locked["write_epoch"] == 1
    await ask(run, "permit_commit", write_epoch=1, table_epoch=None)
    columns = [{"name": "n", "type": "INTEGER"}]
    await ask(run, "wrote", **WROTE | {"row_count": 7, "columns": columns})
    assert ((await bench.output()).row_count, (await bench.output()).columns) == (7, columns)
    assert (await ask(await bench.run(), "lock"))["write_epoch"] == 2


async def test_a_failed_run_gives_the_lock_back(bench: Any) -> None:
    run = await bench.run()
    await ask(run, "lock")
    await ask(run, "unlock")
    assert (await ask(await bench.run(), "lock"))["write_epoch"] == 2


async def test_a_run_waits_while_another_live_run_writes_the_table(bench: Any) -> None:
    first, second = await bench.run(), await bench.run()
    await ask(first, "lock")
    waiting = asyncio.create_task(ask(second, "lock"))
    await bench.reports.logged.wait()
    assert not waiting.done()
    await ask(first, "unlock")
    assert (await waiting)["write_epoch"] == 2
    assert bench.reports.events == ["transform_waiting"]


async def test_runs_that_wait_have_the_lock_in_the_order_in_which_they_came(bench: Any) -> None:
    runs = [await bench.run() for _ in range(4)]
    served: list[int] = []

    async def write(number: int) -> None:
        await ask(runs[number], "lock")
        served.append(number)
        await ask(runs[number], "unlock")

    await ask(runs[0], "lock")
    waiting = []
    for number in (2, 1, 3):
        bench.reports.logged.clear()
        waiting.append(asyncio.create_task(write(number)))
        await bench.reports.logged.wait()
    await ask(runs[0], "unlock")
    await asyncio.gather(*waiting)
    assert served == [2, 1, 3]


async def test_the_time_limit_bounds_the_wait_for_the_lock(bench: Any) -> None:
    first, second = await bench.run(), await bench.run(timeout_seconds=0.3)
    await ask(first, "lock")
    await KIND.prepare(second)
    with pytest.raises(Permanent, match=f"waited for silver.out, which run {first.id} writes") as failed:
        await ask(second, "lock")
    assert failed.value.code == ErrorCode.TIMEOUT


async def test_a_run_that_must_stop_does_not_wait_for_the_lock(bench: Any) -> None:
    first, second = await bench.run(), await bench.run()
    await ask(first, "lock")
    waiting = asyncio.create_task(ask(second, "lock"))
    await bench.reports.logged.wait()
    second.ask_to_stop("cancel")
    with pytest.raises(Stop):
        await waiting


async def test_the_lock_is_given_with_the_tables_as_they_are_then(bench: Any) -> None:
    sql, orders = "SELECT * FROM {{ this }}, {{ bronze_orders }}", {"bronze_dataset": "bronze.shop.orders"}
    await bench.bronze("shop.orders", "a.parquet")
    first, second = await bench.run(sql, orders), await bench.run(sql, orders)
    for run in (first, second):
        prepared = await KIND.prepare(run)
    locked = await ask(first, "lock")
    assert {name: prepared[name] for name in ("inputs", "output")} == {n: locked[n] for n in ("inputs", "output")}
    await bench.bronze("shop.orders", "b.parquet")
    await ask(first, "wrote", **WROTE | {"row_count": 7, "columns": []})
    bronze, own = (await ask(second, "lock"))["inputs"]
    assert len(bronze["files"]) == 2
    assert own["location"] == prepared["output"]["location"]


async def test_a_worker_that_lost_its_run_gets_no_permit_and_records_nothing(bench: Any) -> None:
    frozen = await bench.run()
    await ask(frozen, "lock")
    await bench.taken_over(frozen)
    for question, payload in (
        ("permit_commit", {"write_epoch": 1, "table_epoch": None}),
        ("wrote", WROTE),
        ("unlock", {}),
        ("lock", {}),
    ):
        with pytest.raises(LostRun):
            await KIND.answer(frozen, question, payload)
    assert (await bench.output()).row_count is None


async def test_the_run_in_its_new_workers_hands_takes_the_lock_with_a_higher_write_epoch(bench: Any) -> None:
    frozen = await bench.run()
    assert (await ask(frozen, "lock"))["write_epoch"] == 1
    again = await bench.taken_over(frozen)
    assert (await ask(again, "lock"))["write_epoch"] == 2
    await ask(again, "permit_commit", write_epoch=2, table_epoch=1)


async def test_there_is_no_permit_for_a_write_epoch_that_is_not_the_last(bench: Any) -> None:
    run = await bench.run()
    await ask(run, "lock")
    await ask(run, "lock")
    with pytest.raises(Retryable, match="another writer"):
        await ask(run, "permit_commit", write_epoch=1, table_epoch=None)

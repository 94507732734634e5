"""The manifest, cursors, checkpoints, locks and garbage of the lake, on a real Postgres."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from vai_common import db
from vai_records.lake import cursors, garbage, table_locks
from vai_records.lake import manifest as lake
from vai_records.lake.bronze_types import met
from vai_records.lake.cursors import Cursor
from vai_records.runs import checkpoints, statements
from vai_records.runs.new_run import NewRun
from vai_testkit.services import OtherServices

ORG = uuid4()
CONNECTION = uuid4()
AT_ONCE = timedelta(0)


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Any]:
    connection = await db.connect(database_url, "extract-worker")
    yield connection
    await connection.close()


@pytest.fixture
async def orders(raw: Any) -> lake.Dataset:
    return await lake.ensure_dataset(raw, ORG, "bronze", "shop.orders", f"{ORG}/bronze/shop/orders")


async def new_run(raw: Any, retry_of: UUID | None = None) -> UUID:
    run = NewRun(ORG, "dlt_extract", {"source": "noop"}, "api", retry_of=retry_of)
    await statements.create(raw, [run])
    return run.id


def load(dataset: lake.Dataset, run_id: UUID, connection: UUID | None = CONNECTION, resource: str = "o") -> lake.Load:
    return lake.Load(ORG, dataset.id, connection, run_id, 1, resource)


def files(dataset: lake.Dataset, *names: str, rows: int = 10) -> list[lake.NewFile]:
    return [lake.NewFile(f"{dataset.location}/{name}", "1", rows, 100) for name in names]


async def seen(raw: Any, dataset: lake.Dataset) -> list[str]:
    return [file.path.rpartition("/")[2] for file in await lake.visible_files(raw, dataset.id)]


async def rows_of(raw: Any, dataset: lake.Dataset) -> int | None:
    found = await lake.dataset(raw, ORG, dataset.layer, dataset.name)
    return found.row_count if found else None


# Datasets


async def test_a_dataset_is_made_once(raw: Any, orders: lake.Dataset) -> None:
    again = await lake.ensure_dataset(raw, ORG, "bronze", "shop.orders", "elsewhere")
    assert again == orders
    assert await lake.datasets(raw, ORG) == [orders]
    assert await lake.dataset(raw, uuid4(), "bronze", "shop.orders") is None


async def test_columns_whose_types_differ_meet_where_no_value_is_lost(raw: Any, orders: lake.Dataset) -> None:
    def columns(**types: str) -> lake.Columns:
        return [{"name": name, "type": kind} for name, kind in types.items()]

    known = columns(a="BIGINT", b="NULL", c="BOOLEAN", d="DATE")
    found = columns(a="DOUBLE", b="VARCHAR", c="BIGINT", d="NULL", e="NULL")
    merged = columns(a="DOUBLE", b="VARCHAR", c="VARCHAR", d="DATE", e="NULL")
    assert lake.merge_columns(known, found) == merged
    here, other = load(orders, uuid4()), load(orders, uuid4(), connection=None)
    await lake.save_columns(raw, here, known, replaced=False)
    await lake.save_columns(raw, here, found, replaced=False)
    assert (await lake.datasets(raw, ORG))[0].columns == merged
    await lake.add_files(raw, here, files(orders, "ours"), visible=True)
    await lake.save_columns(raw, here, columns(z="DATE"), replaced=True)
    assert (await lake.datasets(raw, ORG))[0].columns == columns(z="DATE")
    await lake.add_files(raw, other, files(orders, "theirs"), visible=True)
    await lake.save_columns(raw, here, columns(y="DATE"), replaced=True)
    assert (await lake.datasets(raw, ORG))[0].columns == columns(z="DATE", y="DATE")


async def test_a_table_that_was_replaced_by_nothing_keeps_its_columns(raw: Any, orders: lake.Dataset) -> None:
    run = load(orders, await new_run(raw))
    await lake.add_files(raw, run, files(orders, "a"), visible=True)
    await lake.save_columns(raw, run, [{"name": "id", "type": "BIGINT"}], replaced=True)
    empty = load(orders, await new_run(raw))
    await lake.publish_resource(raw, empty, replace=True)
    await lake.save_columns(raw, empty, lake.ADDED, replaced=True)
    found = (await lake.datasets(raw, ORG))[0]
    assert (found.columns, found.row_count) == ([{"name": "id", "type": "BIGINT"}, *lake.ADDED], 0)


def test_names_of_columns_know_no_case() -> None:
    merged = lake.merge_columns([{"name": "Id", "type": "BIGINT"}], [{"name": "ID", "type": "VARCHAR"}])
    assert merged == [{"name": "Id", "type": "VARCHAR"}]


@pytest.mark.parametrize(
    ("known", "found", "both"),
    [
        ("BOOLEAN", "BIGINT", "VARCHAR"),
        ("BIGINT", "DECIMAL(3,2)", "DECIMAL(21,2)"),
        ("DECIMAL(3,2)", "DECIMAL(9,4)", "DECIMAL(9,4)"),
        ("DECIMAL(38,0)", "DECIMAL(9,4)", "VARCHAR"),
        ("DECIMAL(3,2)", "DOUBLE", "DOUBLE"),
        ("DOUBLE", "DECIMAL(18,2)", "VARCHAR"),
        ("BIGINT", "UBIGINT", "VARCHAR"),
        ("DOUBLE", "UBIGINT", "VARCHAR"),
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"),
        ("DATE", "TIMESTAMP", "VARCHAR"),
        ("BLOB", "VARCHAR", "BLOB"),
        ("VARCHAR", "BLOB", "VARCHAR"),
        ("NULL", "DATE", "DATE"),
    ],
)
def test_types_meet_in_one_that_changes_no_value(known: str, found: str, both: str) -> None:
    assert met(known, found) == both


def test_whole_numbers_that_no_double_holds_meet_fractions_as_text() -> None:
    wide, fraction = {"name": "n", "type": "BIGINT", lake.WIDE: "true"}, {"name": "n", "type": "DOUBLE"}
    assert lake.merge_columns([wide], [fraction]) == [{"name": "n", "type": "VARCHAR"}]
    assert lake.merge_columns([{"name": "n", "type": "BIGINT"}], [wide]) == [wide]


# The manifest


async def test_a_file_is_in_the_table_from_the_moment_that_it_is_visible(raw: Any, orders: lake.Dataset) -> None:
    run = load(orders, await new_run(raw))
    await lake.add_files(raw, run, files(orders, "a", "b"), visible=False)
    assert (await seen(raw, orders), await rows_of(raw, orders)) == ([], None)
    assert await lake.publish_resource(raw, run, replace=False) == 20
    assert (await seen(raw, orders), await rows_of(raw, orders)) == (["a", "b"], 20)
    await lake.add_files(raw, run, files(orders, "c", rows=5), visible=True)
    assert (await seen(raw, orders), await rows_of(raw, orders)) == (["a", "b", "c"], 25)


async def test_a_full_extraction_takes_the_place_of_what_its_connection_had(raw: Any, orders: lake.Dataset) -> None:
    first, second, busy = [load(orders, await new_run(raw)) for _ in range(3)]
    theirs = load(orders, await new_run(raw), connection=None)
    await lake.add_files(raw, theirs, files(orders, "theirs"), visible=True)
    await lake.add_files(raw, first, files(orders, "old"), visible=True)
    await lake.add_files(raw, busy, files(orders, "busy"), visible=False)
    await lake.add_files(raw, second, files(orders, "new", rows=3), visible=False)
    assert await lake.publish_resource(raw, second, replace=True) == 3
    assert (await seen(raw, orders), await rows_of(raw, orders)) == (["new", "theirs"], 13)
    assert await lake.publish_resource(raw, busy, replace=True) == 10
    assert await seen(raw, orders) == ["busy", "theirs"]


async def test_a_full_extraction_that_found_nothing_empties_the_table(raw: Any, orders: lake.Dataset) -> None:
    first, second = [load(orders, await new_run(raw)) for _ in range(2)]
    await lake.add_files(raw, first, files(orders, "old"), visible=True)
    assert await lake.publish_resource(raw, second, replace=True) == 0
    assert (await seen(raw, orders), await rows_of(raw, orders)) == ([], 0)


async def test_a_retry_publishes_what_the_failed_run_had_extracted(raw: Any, orders: lake.Dataset) -> None:
    failed = await new_run(raw)
    retry = await new_run(raw, retry_of=failed)
    await lake.add_files(raw, load(orders, failed), files(orders, "half"), visible=False)
    await lake.add_files(raw, load(orders, failed, resource="other"), files(orders, "other"), visible=False)
    await lake.add_files(raw, load(orders, retry), files(orders, "rest"), visible=False)
    await lake.publish_resource(raw, load(orders, retry), replace=True)
    assert await seen(raw, orders) == ["half", "rest"]


# Checkpoints and cursors


async def test_a_run_goes_on_from_its_own_checkpoint_or_from_that_of_the_run_it_retries(raw: Any) -> None:
    first = await new_run(raw)
    second = await new_run(raw, retry_of=first)
    third = await new_run(raw, retry_of=second)
    assert await checkpoints.load(raw, third) is None
    await checkpoints.save(raw, first, {"at": 1})
    assert await checkpoints.load(raw, third) == {"at": 1}
    await checkpoints.save(raw, second, {"at": 2})
    await checkpoints.save(raw, second, {"at": 3})
    assert [await checkpoints.load(raw, run) for run in (first, second, third)] == [{"at": 1}, {"at": 3}, {"at": 3}]


async def test_a_checkpoint_forgets_the_lost_workers(raw: Any) -> None:
    run = await new_run(raw)
    await raw.execute("UPDATE runs SET losses = 2 WHERE id = $1", run)
    await checkpoints.save(raw, run, {})
    assert await raw.fetchval("SELECT losses FROM runs WHERE id = $1", run) == 0


async def test_a_cursor_moves_on_only_from_where_its_run_began(raw: Any) -> None:
    async def save(run: UUID, value: int, after: UUID | None) -> bool:
        return await cursors.save_cursor(raw, ORG, CONNECTION, "shop", "orders", Cursor({"at": value}, run), after)

    first, second = await new_run(raw), await new_run(raw)
    retry = await new_run(raw, retry_of=second)
    assert await save(first, 1, None)
    assert await save(first, 2, None)
    assert not await save(second, 3, None)
    assert await cursors.cursor(raw, ORG, CONNECTION, "shop", "orders") == Cursor({"at": 2}, first)
    assert await save(second, 4, first)
    assert not await save(first, 5, first)
    assert await save(retry, 6, None)
    assert await cursors.cursors(raw, ORG, CONNECTION, "shop") == {"orders": Cursor({"at": 6}, retry)}
    assert await cursors.cursors(raw, ORG, uuid4(), "shop") == {}


# The lock of a Delta table


async def locked(raw: Any, table: UUID, run: UUID, epoch: int) -> int | None:
    return (await table_locks.lock_for_write(raw, table, run, epoch)).write_epoch


async def test_a_table_has_one_writer_at_a_time(raw: Any, worker: Any) -> None:
    table = await lake.ensure_dataset(raw, ORG, "silver", "orders", f"{ORG}/silver/orders")
    first, second = await new_run(raw), await new_run(raw)
    owner = uuid4()
    await statements.claim(worker, owner, ["dlt_extract"], [first, second], 2, "w")
    assert await locked(raw, table.id, first, 1) == 1
    assert await locked(raw, table.id, second, 1) is None
    assert await locked(raw, table.id, first, 1) == 2
    await table_locks.unlock(raw, table.id, second, 1)
    assert await locked(raw, table.id, second, 1) is None
    await table_locks.unlock(raw, table.id, first, 1)
    assert await locked(raw, table.id, second, 1) == 3
    await lake.wrote(raw, table.id, 7, [{"name": "id", "type": "BIGINT"}], 3)
    assert await rows_of(raw, table) == 7


async def test_the_lock_of_a_run_that_nobody_holds_is_free(raw: Any, worker: Any, database_url: str) -> None:
    table = await lake.ensure_dataset(raw, ORG, "silver", "orders", f"{ORG}/silver/orders")
    dead, live = await new_run(raw), await new_run(raw)
    await statements.claim(worker, uuid4(), ["dlt_extract"], [dead], 1, "w")
    assert await locked(raw, table.id, dead, 1) == 1
    watchdog = await db.connect(database_url, "watchdog")
    await watchdog.execute("UPDATE runs SET phase = 'queued', lease_owner = NULL, due_at = NULL WHERE id = $1", dead)
    await watchdog.close()
    assert await locked(raw, table.id, live, 1) == 2


async def test_the_lock_goes_to_the_run_that_has_waited_longest(raw: Any, worker: Any, database_url: str) -> None:
    table = await lake.ensure_dataset(raw, ORG, "silver", "orders", f"{ORG}/silver/orders")
    runs = [await new_run(raw) for _ in range(5)]
    await statements.claim(worker, uuid4(), ["dlt_extract"], runs, 5, "w")
    holder, first, lost, second, third = runs
    assert await locked(raw, table.id, holder, 1) == 1
    for place, run in enumerate((first, lost, second)):
        for _ in range(2):  # who asks again keeps its place
            assert await table_locks.lock_for_write(raw, table.id, run, 1) == table_locks.Turn(None, place, holder)
    watchdog = await db.connect(database_url, "watchdog")
    await watchdog.execute("UPDATE runs SET phase = 'queued', lease_owner = NULL, due_at = NULL WHERE id = $1", lost)
    await watchdog.close()
    await table_locks.unlock(raw, table.id, holder, 1)
    assert await locked(raw, table.id, third, 1) is None
    assert await locked(raw, table.id, second, 1) is None
    assert await locked(raw, table.id, first, 1) == 2
    assert await locked(raw, table.id, first, 1) == 3  # its own, whoever waits
    await table_locks.unlock(raw, table.id, first, 1)
    assert await locked(raw, table.id, third, 1) is None
    assert await locked(raw, table.id, second, 1) == 4
    await table_locks.unlock(raw, table.id, second, 1)
    assert await locked(raw, table.id, third, 1) == 5
    assert await raw.fetchval("SELECT lock_queue FROM datasets WHERE id = $1", table.id) == []


# Garbage


async def test_a_replaced_file_is_deleted_after_its_last_reader_has_gone(raw: Any, orders: lake.Dataset) -> None:
    first, second = [load(orders, await new_run(raw)) for _ in range(2)]
    await lake.add_files(raw, first, files(orders, "old"), visible=True)
    await lake.publish_resource(raw, second, replace=True)
    assert await garbage.removed(raw) == []
    gone = await garbage.removed(raw, AT_ONCE)
    assert [file.path for file in gone] == [f"{orders.location}/old"]
    await garbage.forget(raw, gone)
    assert await garbage.removed(raw, AT_ONCE) == []


async def test_a_file_that_no_manifest_names_is_unknown(raw: Any, orders: lake.Dataset) -> None:
    await lake.add_files(raw, load(orders, await new_run(raw)), files(orders, "there"), visible=False)
    strange = f"{ORG}/bronze/nowhere/x/1.parquet"
    paths = [f"{orders.location}/{name}" for name in ("there", "lost")]
    assert await garbage.unknown(raw, [*paths, strange]) == [paths[1], strange]


async def test_what_an_ended_run_left_unpublished_goes_with_its_checkpoint(
    raw: Any, orders: lake.Dataset, database_url: str
) -> None:
    failed, running = await new_run(raw), await new_run(raw)
    for run in (failed, running):
        await lake.add_files(raw, load(orders, run), files(orders, str(run)), visible=False)
        await checkpoints.save(raw, run, {"at": 1})
    await OtherServices(database_url).end(str(failed), "failed", error={"code": "DATA_ERROR"})
    assert await garbage.abandon(raw) == 0
    assert await garbage.abandon(raw, AT_ONCE) == 1
    assert await checkpoints.load(raw, failed) is None
    assert await checkpoints.load(raw, running) == {"at": 1}
    assert [file.path for file in await garbage.removed(raw, AT_ONCE)] == [f"{orders.location}/{failed}"]


async def test_what_a_live_retry_goes_on_from_stays(raw: Any, orders: lake.Dataset, database_url: str) -> None:
    failed = await new_run(raw)
    await lake.add_files(raw, load(orders, failed), files(orders, "half"), visible=False)
    await OtherServices(database_url).end(str(failed), "failed", error={"code": "DATA_ERROR"})
    await new_run(raw, retry_of=failed)
    assert await garbage.abandon(raw, AT_ONCE) == 0

"""The worker's side and the child's entry together: a real Postgres, real files, a real source."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from vai_common.egress.addresses import Policy
from vai_common.errors import Permanent
from vai_extract_worker.dlt_extract import DltExtract
from vai_extract_worker.files import csv_records
from vai_extract_worker.loading import parts
from vai_extract_worker.loading.sweep import sweep
from vai_extract_worker.wiring import PRELOADED
from vai_records.lake import cursors
from vai_records.lake import manifest as lake
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_worker.children.forks import Forks
from vai_worker.children.link import Stop
from vai_worker.owned import Owned

ORDERS = {"name": "orders", "incremental": {"cursor_path": "id", "param": "after"}}


def numbers(api: FakeApi, count: int) -> Callable[[Ask], Any]:
    return lambda ask: [{"id": n} for n in range(1, count + 1) if n >= int(ask.query.get("after", 0))]


async def test_a_full_extraction_is_seen_whole_and_replaces_the_last_one(floor: Any) -> None:
    run = await floor.run(source="sample", resources=["a"], rows=100, slices=4)
    result = await floor.extract(run)
    assert result["recordsProcessed"] == 100
    assert await floor.rows("sample.a", "SELECT count(*), count(DISTINCT id) FROM {t}") == [(100, 100)]
    dataset = await floor.dataset("sample.a")
    assert (dataset.row_count, dataset.location) == (100, f"{floor.org_id}/bronze/sample/a")
    assert result["destination_path"].endswith(dataset.location), "one table is meant, and not its whole source"
    assert dataset.columns[0] == {"name": "id", "type": "BIGINT"}
    assert floor.reports.last_progress["completed_resources"] == ["a"]
    assert floor.reports.events.count("slice_completed") == 4
    await floor.extract(await floor.run(source="sample", resources=["a"], rows=7))
    assert await floor.rows("sample.a", "SELECT count(*) FROM {t}") == [(7,)]
    assert (await floor.dataset("sample.a")).row_count == 7


async def test_nothing_of_a_full_extraction_is_seen_before_its_end_and_a_retry_ends_it(floor: Any) -> None:
    failing = [{"name": "a", "rows": 40, "slices": 4, "fail": {"after_slices": 2}}]
    first = await floor.run(source="sample", resources=failing)
    with pytest.raises(Permanent):
        await floor.extract(first)
    assert await floor.rows("sample.a", "SELECT 1 FROM {t}") == []
    retry = await floor.run(retry_of=first.id, source="sample", resources=[{"name": "a", "rows": 40, "slices": 4}])
    result = await floor.extract(retry)
    assert result["recordsProcessed"] == 40
    assert await floor.rows("sample.a", "SELECT count(*), count(DISTINCT id) FROM {t}") == [(40, 40)]


async def test_a_worker_that_lost_the_run_commits_nothing_and_the_next_one_goes_on(floor: Any) -> None:
    definition = {"source": "sample", "resources": [{"name": "a", "rows": 40, "slices": 4}]}
    run = await floor.run(**definition)
    checkpoints: list[Any] = []
    commit, floor.kind._commit = floor.kind._commit, None  # type: ignore[method-assign,assignment]

    async def twice_then_lost(held: Owned, payload: dict[str, Any]) -> dict[str, Any]:
        if len(checkpoints) == 2:
            checkpoints.append(await floor.taken_over(run))
        else:
            checkpoints.append(payload["checkpoint"])
        return await commit(held, payload)

    floor.kind._commit = twice_then_lost  # type: ignore[method-assign]
    with pytest.raises(Stop):
        await floor.extract(run)
    floor.kind._commit = commit  # type: ignore[method-assign]
    result = await floor.extract(checkpoints[2])
    assert result["recordsProcessed"] == 40
    assert await floor.rows("sample.a", "SELECT count(*), count(DISTINCT id) FROM {t}") == [(40, 40)]
    assert len(list(floor.folder.rglob("slice=000003/*.parquet"))) == 2
    assert await sweep(floor.pool, floor.folder.as_uri(), timedelta(0)) == 1
    assert await floor.rows("sample.a", "SELECT count(*) FROM {t}") == [(40,)]


async def test_new_rows_and_the_cursor_come_in_one_moment(floor: Any, api: FakeApi) -> None:
    connection = await floor.connection()
    api.paths["/orders"] = numbers(api, 3)
    definition = {"source": "rest_api", "source_name": "shop", "base_url": api.url, "resources": [ORDERS]}
    await floor.extract(await floor.run(**definition), connection)
    api.paths["/orders"] = numbers(api, 5)
    result = await floor.extract(await floor.run(**definition), connection)
    assert result["recordsProcessed"] == 2
    ids = "SELECT list(id ORDER BY id), any_value(_connection_id) FROM {t}"
    assert await floor.rows("shop.orders", ids) == [([1, 2, 3, 4, 5], connection.id)]
    saved = await cursors.cursor(floor.pool, floor.org_id, UUID(connection.id), "shop", "orders")
    assert saved is not None
    assert saved.value["value"] == 5


async def test_two_runs_of_one_resource_at_once_add_its_rows_once(floor: Any, api: FakeApi) -> None:
    api.paths["/orders"] = numbers(api, 3)
    await floor.connection()
    definition = {"source": "rest_api", "base_url": api.url, "resources": [ORDERS], "retry": {"max_attempts": 1}}
    first, second = await floor.run(**definition), await floor.run(**definition)
    prepared = await floor.kind.prepare(second)
    await floor.extract(first)

    async def before(run: Owned) -> dict[str, Any]:
        return prepared

    floor.kind.prepare = before  # type: ignore[method-assign]
    with pytest.raises(Permanent, match=str(first.id)):
        await floor.extract(second)
    assert await floor.rows("rest_api.orders", "SELECT count(*) FROM {t}") == [(3,)]


async def test_data_available_is_told_once_for_all_that_is_there(floor: Any, api: FakeApi) -> None:
    connection = await floor.connection()
    api.paths["/a"] = lambda ask: [{"id": 1}, {"id": 2}]
    api.paths["/b"] = lambda ask: [{"id": 1}]
    api.paths["/empty"] = lambda ask: []
    definition = {"source": "rest_api", "base_url": api.url, "resources": ["a", "empty", "b"]}
    run = await floor.run(**definition)
    await floor.extract(run, connection)
    await floor.extract(run, connection)
    assert [(row["type"], row["data"]) for row in floor.told] == [
        (
            "connection.data_available",
            {
                "connectionId": connection.id,
                "runId": str(run.id),
                "source": "rest_api",
                "tables": ["a", "b"],
                "rows": 3,
            },
        )
    ]


async def test_a_part_that_failed_is_all_that_a_retry_extracts(floor: Any, api: FakeApi) -> None:
    connection = await floor.connection()
    api.paths["/a"] = lambda ask: [{"id": 1}]
    api.paths["/b"] = lambda ask: Say({}, 404)
    definition = {"source": "rest_api", "base_url": api.url, "resources": ["a", "b"]}
    first = await floor.run(**definition)
    assert (await floor.extract(first, connection))["failed_resources"] == ["b"]
    api.paths["/b"] = lambda ask: [{"id": 2}]
    result = await floor.extract(await floor.run(retry_of=first.id, **definition), connection)
    assert (result["tables"], result["failed_resources"]) == (["a", "b"], [])
    assert len(api.asked_for("/a")) == 1
    assert [row["data"]["tables"] for row in floor.told] == [["a"], ["b"]]


async def test_it_runs_in_a_child_process_and_stops_when_it_is_asked_to(floor: Any, api: FakeApi) -> None:
    await floor.connection()
    api.paths["/a"] = lambda ask: [{"id": 1}]
    api.paths["/b"] = lambda ask: Say({}, 404)
    forks = Forks(PRELOADED, 2048, floor.folder.as_uri())
    try:
        run = await floor.run(source="rest_api", base_url=api.url, resources=["a", "b"])
        result = await forks.perform(floor.kind, run)
        assert (result["per_resource_rows"], result["failed_resources"]) == ({"a": 1}, ["b"])
        slow = await floor.run(source="sample", resources=["s"], rows=1_000_000, rows_per_second=1000, slices=1000)
        working = asyncio.ensure_future(forks.perform(floor.kind, slow))
        while await slow.checkpoint() is None:
            await asyncio.wait([working], timeout=0.05)
        slow.ask_to_stop("interrupt")
        with pytest.raises(Stop):
            await working
    finally:
        await forks.stop()
    assert {"slice_completed", "resource_failed", "extraction_completed"} <= set(floor.reports.events)
    assert await floor.rows("sample.s", "SELECT 1 FROM {t}") == []


async def test_what_the_child_is_told(floor: Any) -> None:
    await floor.connection()
    prepared = await floor.kind.prepare(await floor.run(source="sample", source_name="klaviyo"))
    assert prepared == {
        "source": "klaviyo",
        "addresses": "127.0.0.0/8,::1/128",
        "files_root": f"/srv/{floor.org_id}/in",
        "cursors": {},
        "columns": {},
        "may_wait": True,
    }


async def test_a_file_outside_of_its_table_is_refused(floor: Any) -> None:
    run = await floor.run(source="sample", resources=["a"])
    file = {"path": f"{uuid4()}/bronze/sample/a/x.parquet", "slice": "1", "rows": 1, "bytes": 1}
    with pytest.raises(ValueError, match="not of"):
        await floor.kind.answer(run, "commit_slice", {"table": "a", "resource": "a", "files": [file]})
    with pytest.raises(LookupError):
        await floor.kind.answer(run, "anything", {})


async def test_noop_needs_no_child(floor: Any) -> None:
    run = await floor.run(source="noop")
    assert floor.kind.light(run.definition)
    assert not floor.kind.light({"source": "sample"})
    assert (await floor.kind.perform(run))["recordsProcessed"] == 0


async def test_the_sweep_leaves_what_is_young_or_in_the_lake(floor: Any) -> None:
    await floor.extract(await floor.run(source="sample", resources=["a"], rows=5))
    await floor.extract(await floor.run(source="sample", resources=["a"], rows=6))
    stray = floor.folder / str(floor.org_id) / "bronze" / "sample" / "a" / "stray.parquet"
    silver = floor.folder / str(floor.org_id) / "silver" / "t" / "part.parquet"
    for path in (stray, silver):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert await sweep(floor.pool, floor.folder.as_uri()) == 0
    assert await sweep(floor.pool, floor.folder.as_uri(), timedelta(0)) == 2
    assert silver.exists()
    assert await floor.rows("sample.a", "SELECT count(*) FROM {t}") == [(6,)]


async def extract_rows(floor: Any, api: FakeApi, rows: list[Any], **more: Any) -> dict[str, Any]:
    api.paths["/items"] = lambda ask: rows
    resource = {"name": "items", "paginator": "single_page"} | more
    return await floor.extract(await floor.run(source="rest_api", base_url=api.url, resources=[resource]))


async def test_an_extraction_of_nothing_is_an_empty_table_that_keeps_its_columns(floor: Any, api: FakeApi) -> None:
    await extract_rows(floor, api, [])
    assert ((await floor.dataset("rest_api.items")).columns, await floor.rows("rest_api.items", "")) == (lake.ADDED, [])
    await extract_rows(floor, api, [{"id": 1, "name": "x"}])
    await extract_rows(floor, api, [], columns={"since": "date"})
    dataset = await floor.dataset("rest_api.items")
    types = {column["name"]: column["type"] for column in dataset.columns}
    assert types | {"id": "BIGINT", "name": "VARCHAR", "since": "DATE"} == types
    assert dataset.row_count == 0


MIXED = [True, 7, 7.5, "x", 2**53 + 1, 2**64 - 1, {"a": 1}, "2026-01-01", None]


@pytest.mark.parametrize("first", [0, 1, 2, 4])
async def test_the_catalogue_says_what_a_reader_gets_whatever_kinds_meet(floor: Any, api: FakeApi, first: int) -> None:
    """A later run never changes how an earlier one's values read."""
    values = [MIXED[first], *MIXED]
    for number, value in enumerate(values):
        await extract_rows(floor, api, [{"n": number, "v": value}], write_disposition="append")
    columns = {column["name"]: column["type"] for column in (await floor.dataset("rest_api.items")).columns}
    found = await floor.rows("rest_api.items", "SELECT typeof(v), v FROM {t} ORDER BY n")
    texts = ["true", "7", "7.5", "x", str(2**53 + 1), str(2**64 - 1), '{"a":1}', "2026-01-01", None]
    assert {kind for kind, _ in found} == {columns["v"]} == {"VARCHAR"}
    assert [value for _, value in found] == [texts[first], *texts]


@pytest.fixture
def drop(floor: Any, tmp_path: Path) -> Path:
    """A folder that the source `filesystem` may read."""
    folder = tmp_path / "drop"
    folder.mkdir()
    floor.kind = DltExtract(str(folder), Policy.parse("loopback"))
    return folder


async def files_run(floor: Any, **resource: Any) -> Owned:
    return await floor.run(source="filesystem", resources=[{"name": "items"} | resource])


async def test_a_long_file_that_broke_leaves_nothing_and_the_others_are_seen(
    floor: Any, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed of it before is in no manifest that a reader reads, in this run and in its retry."""
    monkeypatch.setattr(parts, "PART_BYTES", 500)
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 500)
    rows = "".join(f"{number},x\n" for number in range(500))
    (drop / "a.csv").write_text(f"id,v\n{rows}1,ragged,row\n")
    (drop / "b.csv").write_text("id,v\n7000,x\n")
    os.utime(drop / "a.csv", (1000, 1000))
    first = await files_run(floor, path="*.csv", incremental=True)
    result = await floor.extract(first)
    assert (result["failed_resources"], result["recordsProcessed"]) == (["items"], 1)
    assert await floor.rows("filesystem.items", "SELECT id FROM {t}") == [(7000,)]
    (drop / "a.csv").write_text(f"id,v\n{rows}")
    retry = await floor.run(retry_of=first.id, source="filesystem", resources=first.definition.stored()["resources"])
    await floor.extract(retry)
    count = "SELECT count(*), count(DISTINCT id), max(id) FROM {t}"
    assert await floor.rows("filesystem.items", count) == [(501, 501, 7000)]
    assert (await floor.dataset("filesystem.items")).row_count == 501


async def test_rejects_are_a_table_beside_that_each_extraction_replaces(floor: Any, drop: Path) -> None:
    (drop / "a.csv").write_text("id,v\n1,x\n2\n")
    await floor.extract(await files_run(floor, path="*.csv", on_bad_row="reject"))
    rejected = "SELECT file, line, row FROM {t}"
    assert await floor.rows("filesystem.items_rejects", rejected) == [("a.csv", 3, "2")]
    assert "rows_rejected" in floor.reports.events
    (drop / "a.csv").write_text("id,v\n1,x\n")
    await floor.extract(await files_run(floor, path="*.csv", on_bad_row="reject"))
    assert await floor.rows("filesystem.items_rejects", rejected) == []
    assert (await floor.dataset("filesystem.items_rejects")).row_count == 0


async def test_the_sweep_leaves_what_a_living_run_has_written_and_not_committed(floor: Any) -> None:
    run = await floor.run(source="sample", resources=["a"])
    path = f"{floor.org_id}/bronze/sample/a/connection=none/run={run.id}/slice=000001/e{run.epoch}-0.parquet"
    for each in (path, path.replace(f"e{run.epoch}-", f"e{run.epoch + 1}-")):
        (floor.folder / each).parent.mkdir(parents=True, exist_ok=True)
        (floor.folder / each).write_bytes(b"x")
    assert await sweep(floor.pool, floor.folder.as_uri(), timedelta(0)) == 1
    assert (floor.folder / path).exists()

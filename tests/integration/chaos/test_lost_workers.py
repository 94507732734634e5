"""Workers die, are stopped, or freeze: their runs go on elsewhere, once, from where they were."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from tests.integration.figures import Figure
from tests.integration.holders import holder_of, standing_of, tree_of
from tests.integration.lake import assert_extracted_once, delta_table
from tests.integration.runs import all_ended, all_published, assert_told_once, journal, logged, sample, words
from vai_common.clock import steady_seconds
from vai_devstack.instance import Instance
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.apart

_ROWS, _SLICES = 2_000, 10
_HELD = 4
_LASTING = {"slices": _SLICES, "rows_per_second": 500}
_SQL = "SELECT count(*) AS n FROM range(100000) a, range(2500) b WHERE (a.range * b.range) % 7 = 3"


async def test_a_run_whose_worker_is_killed_is_finished_once_by_another(
    mended: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure
) -> None:
    run = await create_run(api, "dlt_extract", sample(_ROWS, **_LASTING, source_name="killed"))
    await logged(api, run["id"], "slice_completed", times=2)
    worker = await holder_of(mended, database, run["id"])
    killed = steady_seconds()
    await worker.kill()
    entries = await logged(api, run["id"], "lease_acquired", times=2)
    figure("seconds_until_taken_over", seconds := steady_seconds() - killed)
    assert seconds < 8
    assert "watchdog_fast_recovery" in words(entries)
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["retryCount"], ended["interruptCount"]) == ("completed", 0, 1)
    assert ended["result"]["recordsProcessed"] == _ROWS
    await assert_extracted_once(mended, database, run["id"], _ROWS, _SLICES)
    assert_told_once(await journal(database, [run["id"]]), [run["id"]])


async def test_a_run_whose_worker_is_told_to_stop_goes_on_elsewhere_from_its_checkpoint(
    mended: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure
) -> None:
    run = await create_run(api, "dlt_extract", sample(_ROWS, **_LASTING, source_name="stopped"))
    await logged(api, run["id"], "slice_completed", times=3)
    worker = await holder_of(mended, database, run["id"])
    stopped = steady_seconds()
    stopping = asyncio.create_task(worker.kill(signal.SIGTERM))
    await logged(api, run["id"], "lease_acquired", times=2)
    figure("seconds_until_taken_over", seconds := steady_seconds() - stopped)
    assert seconds < 6
    await stopping
    assert worker.process is not None
    assert not worker.process.failed, worker.process.ending
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["retryCount"], ended["interruptCount"]) == ("completed", 0, 1)
    entries = await logged(api, run["id"], "run_completed")
    assert words(entries).count("run_interrupted") == 1
    assert len({entry["workerId"] for entry in entries if entry["event"] == "lease_acquired"}) == 2
    slices = [entry["data"]["slice"] for entry in entries if entry["event"] == "slice_completed"]
    assert slices == list(range(1, _SLICES + 1))
    await assert_extracted_once(mended, database, run["id"], _ROWS, _SLICES)


async def test_a_call_that_may_not_be_repeated_fails_when_its_worker_is_killed_and_another_is_repeated(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    answered = asyncio.Event()
    web.replies = {"/post": Reply(wait=answered), "/get": lambda _: Reply(wait=None if answered.is_set() else answered)}
    post, get = [
        await create_run(api, "http_request", {"method": method, "url": f"{web.url}/{method.lower()}"})
        for method in ("POST", "GET")
    ]
    await wait_for(lambda: len(web.seen) == 2, what="both requests have come")
    worker = await holder_of(mended, database, post["id"])
    await worker.kill()
    answered.set()
    failed = await run_when(api, post["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "INTERNAL_ERROR")
    assert "may not be done twice" in failed["error"]["message"]
    await mended.start_service("agent-worker")
    repeated = await run_when(api, get["id"])
    assert (repeated["status"], repeated["interruptCount"]) == ("completed", 1)
    assert [seen.method for seen in web.seen].count("POST") == 1
    assert_told_once(await journal(database, [post["id"], get["id"]]), [post["id"], get["id"]])


@pytest.mark.timeout(150)
async def test_frozen_workers_that_wake_after_their_runs_were_taken_over_write_nothing(
    mended: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure
) -> None:
    # the extraction goes on for some seconds yet when the query, which a quick machine soon has, begins
    slow = sample(_ROWS, slices=_SLICES, rows_per_second=120, source_name="frozen")
    extract = await create_run(api, "dlt_extract", slow)
    await logged(api, extract["id"], "slice_completed", times=2)
    transform = await create_run(api, "duckdb_transform", {"transform_name": "frozen", "sql": _SQL})
    ids = [extract["id"], transform["id"]]
    await logged(api, transform["id"], "transform_started")
    frozen = [await holder_of(mended, database, run_id) for run_id in ids]
    trees = [tree_of(worker) for worker in frozen]
    try:
        _send_all(trees, signal.SIGSTOP)
        froze = steady_seconds()
        await asyncio.gather(*(logged(api, run_id, "lease_acquired", times=2, timeout=60) for run_id in ids))
        figure("seconds_until_taken_over", steady_seconds() - froze)
        await all_ended(database, ids)
        await all_published(database, ids)
        standing, version = await standing_of(database, ids), delta_table(mended, "frozen").version()
    finally:
        _send_all(trees, signal.SIGCONT)
    for worker, tree in zip(frozen, trees, strict=True):
        await wait_for(lambda: _is_registered(database, worker), 30, every=0.1, what=f"{worker.name} is back")
        await wait_for(lambda: _jobs_of(worker, tree) == 0, 30, every=0.1, what=f"{worker.name} has let go")
    assert await standing_of(database, ids) == standing
    assert delta_table(mended, "frozen").version() == version
    await assert_extracted_once(mended, database, extract["id"], _ROWS, _SLICES)
    assert_told_once(await journal(database, ids), ids)


@pytest.mark.timeout(150)
async def test_a_worker_that_is_killed_three_times_fails_none_of_those_that_it_held(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer, figure: Figure
) -> None:
    """In company twice; then each is claimed alone, and the third kill meets one that has lost two in company."""
    answered = asyncio.Event()
    web.replies = {"/get": lambda _: Reply(wait=None if answered.is_set() else answered)}
    made = [await create_run(api, "http_request", {"method": "GET", "url": f"{web.url}/get"}) for _ in range(_HELD)]
    began, seen = steady_seconds(), 0
    for together in (_HELD, _HELD, 1):
        await wait_for(lambda: len(web.seen) == seen + together, 45, what=f"{together} more requests have come")
        seen = len(web.seen)
        await mended.kill_service("agent-worker")
        await mended.start_service("agent-worker")
    answered.set()
    ended = [await run_when(api, run["id"], timeout=60) for run in made]
    figure("seconds", steady_seconds() - began)
    assert [(run["status"], run["error"]) for run in ended] == [("completed", None)] * _HELD
    assert sorted(run["interruptCount"] for run in ended) == [2] * (_HELD - 1) + [3]
    ids = [run["id"] for run in made]
    assert_told_once(await journal(database, ids), ids)


def _send_all(trees: list[list[int]], number: signal.Signals) -> None:
    """A worker that wakes may end its child, whose run is another's, before the child is woken."""
    for pid in (pid for tree in trees for pid in tree):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _is_registered(database: Any, worker: Instance) -> bool:
    assert worker.process is not None
    pid = worker.process.pid
    return bool(await database.fetchval("SELECT 1 FROM processes WHERE pid = $1", pid))


def _jobs_of(worker: Instance, tree: list[int]) -> int:
    """How many of the children that it had when it froze still live; the first two are itself and its fork server."""
    return len(set(tree[2:]) & set(tree_of(worker)))

"""Nobody alive is buried, and who stands still holds nobody (rules 6–8 and 24)."""

import asyncio
import signal
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from tests.integration.figures import Figure
from tests.integration.holders import holder_of
from tests.integration.runs import logged, sample
from vai_common.clock import steady_seconds
from vai_devstack.instance import Instance
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = [pytest.mark.apart, pytest.mark.any_broker]

_LOCK_OF = """
SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN processes p
  ON (l.classid::bigint << 32 | l.objid::bigint) = p.lock_key AND l.locktype = 'advisory' AND l.objsubid = 1
WHERE p.service = $1
"""
_IN_THE_MIDDLE = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity a JOIN processes p ON p.session = a.application_name
    WHERE p.pid = $1 AND a.state = 'idle in transaction'
)
"""
_LET_GO = "SELECT epoch > 1 OR phase <> 'leased' FROM runs WHERE id = $1"
_OLD = "UPDATE processes SET started_at = started_at - interval '1 h'"
_POSTS, _GETS = 3, 3


async def _calls(api: httpx2.AsyncClient, web: WebServer, answered: asyncio.Event) -> list[str]:
    """Calls that are at work: some may not be sent twice."""
    web.replies = {"/post": Reply(wait=answered), "/get": Reply(wait=answered)}
    methods = ["POST"] * _POSTS + ["GET"] * _GETS
    made = [
        await create_run(api, "http_request", {"method": method, "url": f"{web.url}/{method.lower()}"})
        for method in methods
    ]
    await wait_for(lambda: len(web.seen) == len(methods), 20, what="all requests have come")
    return [run["id"] for run in made]


async def _assert_each_was_sent_once(api: httpx2.AsyncClient, web: WebServer, runs: list[str]) -> None:
    ended = [await run_when(api, run_id) for run_id in runs]
    assert [(run["status"], run["error"], run["interruptCount"]) for run in ended] == [("completed", None, 0)] * len(
        runs
    )
    assert len(web.seen) == len(runs)


async def test_a_restart_of_postgres_buries_nobody_and_fails_no_call(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    """Two watchdogs look: each begins anew, and neither takes the other for dead."""
    assert len(mended.pids("watchdog")) == 2
    answered = asyncio.Event()
    await database.execute(_OLD)
    runs = await _calls(api, web, answered)
    await mended.restart_postgres(False)
    back = await asyncpg.connect(mended.database)
    beats = {row["id"]: row["counter"] for row in await back.fetch("SELECT id, counter FROM processes")}

    async def all_beat_again() -> bool:
        rows = {row["id"]: row["counter"] for row in await back.fetch("SELECT id, counter FROM processes")}
        return rows.keys() == beats.keys() and all(rows[process] > beats[process] + 1 for process in beats)

    await wait_for(all_beat_again, 40, every=0.2, what="all processes beat again, and the same")
    await back.close()
    answered.set()
    await _assert_each_was_sent_once(api, web, runs)


async def test_a_lock_connection_that_is_cut_is_taken_again_before_anybody_is_buried(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    answered = asyncio.Event()
    runs = await _calls(api, web, answered)
    keys = await database.fetch("SELECT id, lock_key FROM processes WHERE service = 'agent-worker'")
    assert await database.fetch(_LOCK_OF, "agent-worker")

    async def taken_again() -> bool:
        now = await database.fetch("SELECT id, lock_key FROM processes WHERE service = 'agent-worker'")
        return {row["id"] for row in now} == {row["id"] for row in keys} and not set(now) & set(keys)

    await wait_for(taken_again, 5, what="the lock is taken again")
    later = await create_run(api, "http_request", {"method": "POST", "url": f"{web.url}/post"})
    await wait_for(lambda: len(web.seen) == len(runs) + 1, 20, what="the worker goes on")
    answered.set()
    await _assert_each_was_sent_once(api, web, [*runs, later["id"]])


async def test_a_worker_that_stands_still_in_a_transaction_holds_neither_its_run_nor_the_gateway(
    mended: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure
) -> None:
    many = sample(200_000, slices=2_000, rows_per_second=50_000, source_name="still")
    run = await create_run(api, "dlt_extract", many)
    path = f"/api/v1/action-runs/{run['id']}"
    await logged(api, run["id"], "slice_completed", times=2)
    worker = await holder_of(mended, database, run["id"])
    await _freeze_in_a_transaction(worker, database)
    try:
        began = steady_seconds()
        cancels = [asyncio.create_task(api.post(f"{path}/pause")) for _ in range(10)]
        while not all(task.done() for task in cancels):
            other = await create_run(api, "dlt_extract", {"source": "noop"})
            await run_when(api, other["id"], "completed", timeout=10)
        assert steady_seconds() - began < 15
        assert {task.result().status_code for task in cancels} <= {200, 503}

        async def let_go() -> bool:
            return bool(
                await database.fetchval(
                    "SELECT epoch > 1 OR phase <> 'leased' FROM runs WHERE id = $1", UUID(run["id"])
                )
            )

        await wait_for(let_go, 45, every=0.2, what="its run is taken back")
        figure("seconds_until_let_go", steady_seconds() - began)
    finally:
        await worker.kill(signal.SIGCONT)
    await wait_for(lambda: _accepted(api, f"{path}/cancel"), 20, every=0.5, what="it is cancelled")
    await run_when(api, run["id"], "cancelled")


async def _accepted(api: httpx2.AsyncClient, path: str) -> bool:
    return (await api.post(path)).status_code == 200


async def _freeze_in_a_transaction(worker: Instance, database: Any) -> None:
    """Stops the process until it happens to be in the middle of one."""
    assert worker.process is not None
    pid = worker.process.pid

    async def frozen() -> bool:
        await worker.kill(signal.SIGSTOP)
        if await database.fetchval(_IN_THE_MIDDLE, pid):
            return True
        await worker.kill(signal.SIGCONT)
        return False

    await wait_for(frozen, 20, every=0.003, what="it stands still in a transaction")

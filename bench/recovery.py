"""How long a run waits when its worker dies, or is asked to stop."""

import asyncio
import signal
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import httpx2

from bench.measure import Figure
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

TRIES = 3
_SERVICE = "extract-worker"
_PEOPLE = {"name": "people", "rows": 1_000_000, "slices": 1000, "rows_per_second": 2000}
_LONG = {"source": "sample", "resources": [_PEOPLE]}
_HOLDER = """
SELECT r.epoch, p.pid FROM runs r JOIN processes p ON p.id = r.lease_owner
WHERE r.id = $1 AND r.phase = 'leased' AND r.epoch > $2
"""


async def measure(stack: Stack) -> list[Figure]:
    """Needs two extract-workers."""
    killed = median([await _gap(stack, signal.SIGKILL) for _ in range(TRIES)])
    stopped = median([await _gap(stack, signal.SIGTERM) for _ in range(TRIES)])
    return [
        Figure("kill -9 of the worker → its run goes on elsewhere, median", f"{killed:.2f} s", "≤ 3 s"),
        Figure("SIGTERM of the worker → its run goes on elsewhere, median", f"{stopped:.2f} s", "≤ 2 s"),
    ]


async def _gap(stack: Stack, number: signal.Signals) -> float:
    """Seconds from the signal to the next claim of the run, by the other worker."""
    database: Any = await asyncpg.connect(stack.database)
    async with client_of(stack) as api:
        run = await create_run(api, "dlt_extract", _LONG)
        path = f"/api/v1/action-runs/{run['id']}"
        first = await wait_for(lambda: database.fetchrow(_HOLDER, run["id"], 0), 20)
        await wait_for(lambda: _has_slices(api, path), 30)
        index = stack.pids(_SERVICE).index(first["pid"])
        start = perf_counter()
        dying = asyncio.create_task(stack.kill_service(_SERVICE, index, number))
        await wait_for(lambda: database.fetchrow(_HOLDER, run["id"], first["epoch"]), 60, every=0.01)
        gap = perf_counter() - start
        await dying
        await api.post(f"{path}/cancel")
        await run_when(api, run["id"])
        await stack.start_service(_SERVICE, index)
    await database.close()
    return gap


async def _has_slices(api: httpx2.AsyncClient, path: str) -> Any:
    """How many slices are committed: the run is in the middle of its work."""
    progress = (await api.get(path)).json()["progress"]
    return progress and progress["resource_cursors"].get("people", {}).get("slices_completed")

"""How long a run stands still when its worker dies, or is asked to stop."""

import signal
from time import perf_counter
from typing import Any

from bench.measure import Figure, percentile
from devstack.stack import Stack
from testkit.stack import client_of, create_run
from testkit.wait import wait_for

TRIES = 3
_SERVICE = "extract-worker"
_LONG = {"source": "sample", "resources": [{"name": "people", "rows": 1_000_000, "slices": 1000, "rows_per_second": 2000}]}
_HOLDER = """
SELECT r.epoch, p.pid FROM runs r JOIN processes p ON p.id = r.lease_owner WHERE r.id = $1 AND r.phase = 'leased'
"""


async def measure(stack: Stack) -> list[Figure]:
    """Needs two extract-workers."""
    killed = [await _gap(stack, signal.SIGKILL) for _ in range(TRIES)]
    stopped = [await _gap(stack, signal.SIGTERM) for _ in range(TRIES)]
    return [
        Figure("kill -9 of the worker → its run goes on elsewhere, median", f"{percentile(killed, 0.5):.2f} s", "≤ 3 s"),
        Figure("SIGTERM of the worker → its run goes on elsewhere, median", f"{percentile(stopped, 0.5):.2f} s", "≤ 2 s"),
    ]


async def _gap(stack: Stack, number: signal.Signals) -> float:
    import asyncpg

    database: Any = await asyncpg.connect(stack.database)
    async with client_of(stack) as api:
        run = await create_run(api, "dlt_extract", _LONG)
        first = await wait_for(lambda: database.fetchrow(_HOLDER, run["id"]), 20)
        index = stack.pids(_SERVICE).index(first["pid"])
        start = perf_counter()
        await stack.kill_service(_SERVICE, index, number)
        taken = await wait_for(lambda: _taken(database, run["id"], first["epoch"]), 60)
        gap = perf_counter() - start if taken else float("nan")
        await api.post(f"/api/v1/action-runs/{run['id']}/cancel")
        await stack.start_service(_SERVICE, index)
    await database.close()
    return gap


async def _taken(database: Any, run_id: str, epoch: int) -> bool:
    row = await database.fetchrow(_HOLDER, run_id)
    return row is not None and row["epoch"] > epoch

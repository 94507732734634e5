"""What a rollout and a scale-up cost, done as the chart does them: a new process is ready, then the old one is stopped.

All workers at once, as deployments roll; the same load without a rollout is what the slowest run is held against.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import httpx2

from bench.measure import Figure
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

WORKERS = ("extract-worker", "transform-worker", "agent-worker")
LONG_RUNS, SHORT_RUNS = 6, 40
TRIES = 3

_PATIENCE = 240.0  # seconds, on a machine that others use

_PEOPLE = {"name": "people", "rows": 16_000, "slices": 16, "rows_per_second": 2_000}
_LONG = {"source": "sample", "resources": [_PEOPLE]}
_SHORT = {"source": "noop"}
_ENDED = """
SELECT status, extract(epoch FROM completed_at - created_at)::float8 AS seconds, definition->>'source' AS source
FROM runs WHERE id = ANY($1::uuid[])
"""
_IS_HELD = "SELECT 1 FROM runs WHERE id = $1::uuid AND (phase = 'leased' OR started_at IS NOT NULL)"


async def measure(stack: Stack) -> list[Figure]:
    """Needs one process of each worker."""
    database: Any = await asyncpg.connect(stack.database)
    async with client_of(stack) as api:
        await run_when(api, (await create_run(api, "dlt_extract", _LONG))["id"], timeout=_PATIENCE)  # forks are ready
        calm = await _under_load(api, database, _nothing)
        rolled = await _under_load(api, database, lambda: _roll(stack))
        taken = [await _from_zero(stack, api, database) for _ in range(TRIES)]
    await database.close()
    lost = [row for row in rolled if row["status"] != "completed"]
    told = "rollout of all workers under load: runs that did not complete"
    figures = [Figure(told, f"{len(lost)} of {len(rolled)}", "0")]
    for source, what in (("sample", "long"), ("noop", "short")):
        before, after = (max(row["seconds"] for row in rows if row["source"] == source) for rows in (calm, rolled))
        told = f"the slowest {what} run, without and with the rollout, and what that added"
        figures.append(Figure(told, f"{before:.2f} s, {after:.2f} s, {after - before:+.2f} s", "≤ +2 s"))
    ready, claimed = (median(part) for part in zip(*taken, strict=True))
    figures.append(Figure("from zero: the process starts → it is ready, median", f"{ready:.2f} s"))
    figures.append(Figure("from zero: it is ready → it has taken the waiting run, median", f"{claimed:.2f} s", "≤ 5 s"))
    return figures


async def _nothing() -> None:
    """No rollout."""


async def _roll(stack: Stack) -> None:
    """The process of each worker gives way to another one: maxSurge 1, maxUnavailable 0."""
    await asyncio.gather(*(_replace(stack, worker) for worker in WORKERS))


async def _replace(stack: Stack, worker: str) -> None:
    await stack.start_service(worker, 1)
    await stack.kill_service(worker, 0, signal.SIGTERM)


async def _under_load(api: httpx2.AsyncClient, database: Any, meanwhile: Callable[[], Awaitable[None]]) -> list[Any]:
    """Long runs are in mid-work and short ones keep coming while something happens; how each of them ended."""
    made = [await create_run(api, "dlt_extract", _LONG) for _ in range(LONG_RUNS)]
    happening = asyncio.ensure_future(meanwhile())
    for _ in range(SHORT_RUNS):
        made.append(await create_run(api, "dlt_extract", _SHORT))
        await asyncio.sleep(0.25)
    await happening
    for run in made:
        await run_when(api, run["id"], timeout=_PATIENCE)
    rows: list[Any] = await database.fetch(_ENDED, [run["id"] for run in made])
    return rows


async def _from_zero(stack: Stack, api: httpx2.AsyncClient, database: Any) -> tuple[float, float]:
    """Seconds from the start of the only worker to ready, and from there until it holds the run that waited."""
    worker, index = WORKERS[0], 1  # the one that came with the rollout
    await stack.stop_service(worker, index)
    run = await create_run(api, "dlt_extract", _SHORT)
    began = perf_counter()
    await stack.start_service(worker, index)
    ready = perf_counter()
    await wait_for(lambda: database.fetchval(_IS_HELD, run["id"]), 30, every=0.01, what="the run is taken")
    taken = perf_counter()
    await run_when(api, run["id"], timeout=_PATIENCE)
    return ready - began, taken - ready

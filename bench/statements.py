"""The bare hot statements on the same Postgres: the ceiling, and whether a million finished runs weigh on it."""

from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.measure import Figure
from common.db import connect
from common.ids import uuid7
from devstack.stack import Stack
from records import hot
from records.hot import Ending, Entry
from records.new_run import NewRun

BATCH = 20
TURNS = 100
FINISHED = 1_000_000

_FILL = """
INSERT INTO runs (id, org_id, kind, status, phase, definition, trigger_method, started_at, completed_at, result)
SELECT gen_random_uuid(), $1, 'dlt_extract', 'completed', 'done', '{"source": "noop"}', 'api', now(), now(), '{}'
FROM generate_series(1, $2::int)
"""


async def bare_rate(url: str, org_id: str) -> float:
    """Runs a second through insert, claim and finish alone, in batches of 20 on one connection each.

    The runs are made by a gateway's session and moved by a worker's; the workers of the stack are not told of them.
    """
    making, working, owner = await connect(url, "api-gateway"), await connect(url, "agent-worker"), uuid7()
    start = perf_counter()
    for _ in range(TURNS):
        await _turn(making, working, UUID(org_id), owner)
    rate = TURNS * BATCH / (perf_counter() - start)
    await making.close()
    await working.close()
    return rate


async def measure(stack: Stack) -> list[Figure]:
    """The rate on a small table, and with a million finished runs in it."""
    before = await bare_rate(stack.database, stack.org_id)
    await _fill(stack)
    after = await bare_rate(stack.database, stack.org_id)
    return [
        Figure("bare insert, claim and finish", f"{before:.0f} runs/s"),
        Figure("the same with 1 M finished runs in the table", f"{after:.0f} runs/s"),
        Figure("ratio", f"{after / before:.2f}", "flat: about 1"),
    ]


async def _fill(stack: Stack) -> None:
    database: Any = await asyncpg.connect(stack.database)
    await database.execute("ALTER TABLE runs DISABLE TRIGGER USER")
    await database.execute(_FILL, UUID(stack.org_id), FINISHED, timeout=300)
    await database.execute("ALTER TABLE runs ENABLE TRIGGER USER")
    await database.execute("ANALYZE runs")
    await database.close()


async def _turn(making: Any, working: Any, org_id: UUID, owner: UUID) -> None:
    runs = [NewRun(org_id, "file_sync", {}, "api") for _ in range(BATCH)]
    await hot.create(making, runs)
    rows = await hot.claim(working, owner, ["file_sync"], [run.id for run in runs], BATCH, "bench")
    entry = Entry("run_completed", "Run completed", {})
    ends = [Ending(row["id"], row["epoch"], "completed", {}, None, None, entry, {}) for row in rows]
    await hot.finish(working, ends, owner, "bench")

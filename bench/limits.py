"""How fast work flows through a limit: `noop` runs of one organisation, from the POST to the end of the last one."""

import asyncio
import json
import os
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import asyncpg

from bench.load import Connection
from bench.measure import Figure
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

RUNS = int(os.environ.get("VAI_BENCH_RUNS", "6_000")) // 2
HELD = int(os.environ.get("VAI_BENCH_HELD", "20_000"))
CLIENTS = 16
_PATH = "/api/v1/action-runs"
_NOOP = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}}).encode()
_NONE_LEFT = "SELECT NOT EXISTS (SELECT FROM runs WHERE phase IN ('held', 'queued', 'leased', 'delayed'))"
_HOLD = """
INSERT INTO runs (id, org_id, kind, phase, held_for, definition, trigger_method, may_rerun)
SELECT uuidv7(make_interval(secs => -n)), $1, 'dlt_extract', 'held', 'limit', '{"source": "noop"}', 'api', true
FROM generate_series(1, $2::int) n
"""


async def measure(stack: Stack) -> list[Figure]:
    """Without a limit, under one of 20 and of 1, and when one is lifted."""
    async with Connection(stack.api_url, stack.api_key) as client:
        await _flow(stack, RUNS // 5)
        free = await _flow(stack, RUNS)
        await _limit(client, 20)
        twenty = await _flow(stack, RUNS)
        await _limit(client, 1)
        one = await _flow(stack, RUNS // 6)
        lifted = await _lifted(stack, client)
    return [
        Figure("without a limit", f"{free:.0f}/s"),
        Figure("20 at once", f"{twenty:.0f}/s", "≥ 800/s"),
        Figure("1 at once", f"{one:.0f}/s", "≥ 100/s"),
        Figure("20 at once beside no limit", f"{twenty / free:.2f}"),
        Figure(f"{HELD:,} that waited, the limit lifted", f"{lifted:.0f}/s"),
        Figure("the same beside no limit", f"{lifted / free:.2f}"),
    ]


async def _limit(client: Connection, most: int | None) -> None:
    body = json.dumps({"settings": {"maxRunning": most}}).encode()
    answer = await client.request("PATCH", "/api/v1/organisation", body)
    assert answer.status == 200, answer.body


async def _flow(stack: Stack, runs: int) -> float:
    """Runs a second, from the first POST to the last end."""
    start, left = perf_counter(), iter(range(runs))
    await asyncio.gather(*(_post(stack, left) for _ in range(CLIENTS)))
    await _over(stack)
    return runs / (perf_counter() - start)


async def _post(stack: Stack, left: Iterator[int]) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        for _ in left:
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "respond-async"})
            assert answer.status == 201, answer.body


async def _lifted(stack: Stack, client: Connection) -> float:
    database: Any = await asyncpg.connect(stack.database, server_settings={"vai.role": "api-gateway"})
    await database.execute(_HOLD, stack.org_id, HELD)
    await database.close()
    start = perf_counter()
    await _limit(client, None)
    await _over(stack)
    return HELD / (perf_counter() - start)


async def _over(stack: Stack) -> None:
    database: Any = await asyncpg.connect(stack.database)
    await wait_for(lambda: database.fetchval(_NONE_LEFT), 300, every=0.02)
    await database.close()

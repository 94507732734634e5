"""A flood stays its maker's: another organisation's runs, alone and beside 64 busy clients of one organisation."""

import asyncio
import json
import os
from time import perf_counter

from bench.load import Connection
from bench.measure import Figure, percentile
from common.db import engine
from devstack.stack import Stack
from records.people import Role
from testkit.team import make_team

CLIENTS = 64
TRIES = int(os.environ.get("VAI_BENCH_TRIES", "200"))
_PATH = "/api/v1/action-runs"
_NOOP = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}}).encode()
_PAUSE = 0.05


async def measure(stack: Stack) -> list[Figure]:
    """From the POST to the answer that says `completed` (`Prefer: wait`), 20 a second at the most."""
    database = engine(stack.database, "api-gateway", 1)
    team = await make_team(database, "modest")
    await database.dispose()
    key = team.keys[Role.OPERATOR].secret
    await _modest(stack, key, TRIES // 4)
    alone = await _modest(stack, key, TRIES)
    stop = asyncio.Event()
    made = [0]
    flood = [asyncio.create_task(_flood(stack, stop, made)) for _ in range(CLIENTS)]
    await asyncio.sleep(1)
    began, before = perf_counter(), made[0]
    beside = await _modest(stack, key, TRIES)
    rate = (made[0] - before) / (perf_counter() - began)
    stop.set()
    await asyncio.gather(*flood)
    ratio = percentile(beside, 0.95) / percentile(alone, 0.95)
    return [
        Figure("alone, p50 / p95", _spread(alone)),
        Figure(f"beside {CLIENTS} clients of another organisation ({rate:.0f} POSTs/s), p50 / p95", _spread(beside)),
        Figure("p95 beside p95 alone", f"{ratio:.1f}", "≤ 2"),
    ]


async def _modest(stack: Stack, key: str, tries: int) -> list[float]:
    taken = []
    async with Connection(stack.api_url, key) as client:
        for _ in range(tries):
            start = perf_counter()
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "wait=30"})
            taken.append(perf_counter() - start)
            assert answer.json().get("status") == "completed", answer.body
            await asyncio.sleep(_PAUSE)
    return taken


async def _flood(stack: Stack, stop: asyncio.Event, made: list[int]) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        while not stop.is_set():
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "respond-async"})
            assert answer.status in (201, 503), answer.body
            made[0] += 1


def _spread(seconds: list[float]) -> str:
    return f"{percentile(seconds, 0.5) * 1e3:.1f} / {percentile(seconds, 0.95) * 1e3:.1f} ms"

"""The empty path: POST, bell, claim, finish of a `noop` run, idle and under load, and what a SYNC run costs."""

import asyncio
import json
import os
from collections.abc import Iterator
from statistics import median
from time import perf_counter, process_time
from typing import Any

import asyncpg

from bench import bare
from bench.load import Connection
from bench.measure import Figure, cpu_seconds, percentile, spread
from bench.statements import bare_rate
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

RUNS = int(os.environ.get("VAI_BENCH_RUNS", "6_000"))
ROUNDS = 3
CLIENTS = 16
WARM_TRIES = 50
IDLE_TRIES = 300
_PATH = "/api/v1/action-runs"
_NONE_LIVE = "SELECT NOT EXISTS (SELECT FROM runs WHERE phase IN ('queued', 'leased'))"
_NOOP = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}}).encode()
_CONDITION = {"field": "n", "operator": "gt", "value": 3}
_SYNC = json.dumps(
    {"kind": "conditional_branch", "definition": {"input": {"n": 5}, "conditions": [_CONDITION]}}
).encode()


async def measure(stack: Stack) -> list[Figure]:
    """Idle, SYNC and under load."""
    async with Connection(stack.api_url, stack.api_key) as client:
        await _timed(client, _SYNC, {}, WARM_TRIES)
        sync = await _timed(client, _SYNC, {}, IDLE_TRIES)
    with bare.endpoint(stack.database, _PATH) as url:
        async with Connection(url, "") as client:
            await _timed(client, b"{}", {}, WARM_TRIES)
            alone = await _timed(client, b"{}", {}, IDLE_TRIES)
    over = percentile(sync, 0.5) - percentile(alone, 0.5)
    return [
        await _idle(stack, "≤ 10 / 25 ms"),
        Figure("SYNC run, idle, p50 / p99", spread(sync)),
        Figure("bare FastAPI endpoint that writes one row, p50 / p99", spread(alone)),
        Figure("SYNC overhead over it, p50", f"{over * 1e3:.1f} ms", "≤ 5 ms"),
        *await _under_load(stack),
    ]


async def measure_apache(stack: Stack) -> list[Figure]:
    """The same path where the bell is Kafka's."""
    return [await _idle(stack, "≤ 15 ms (p50)"), *await _under_load(stack)]


async def _idle(stack: Stack, aim: str) -> Figure:
    async with Connection(stack.api_url, stack.api_key) as client:
        await _timed(client, _NOOP, {"Prefer": "wait=10"}, WARM_TRIES)
        idle = await _timed(client, _NOOP, {"Prefer": "wait=10"}, IDLE_TRIES)
    bell = {"notify": "NOTIFY", "kafka": "Kafka"}[stack.broker.bell]
    return Figure(f"noop run, idle, POST to completed, bell by {bell}, p50 / p99", spread(idle), aim)


async def _timed(client: Connection, body: bytes, headers: dict[str, str], tries: int) -> list[float]:
    taken = []
    for _ in range(tries):
        start = perf_counter()
        answer = await client.request("POST", _PATH, body, headers)
        taken.append(perf_counter() - start)
        assert answer.json().get("status") == "completed", answer.body
    return taken


async def _under_load(stack: Stack) -> list[Figure]:
    await _burst(stack, RUNS // 10)
    cpu, own = cpu_seconds(stack), process_time()
    bursts = [await _burst(stack, RUNS // ROUNDS) for _ in range(ROUNDS)]
    spent = {name: seconds - cpu[name] for name, seconds in cpu_seconds(stack).items()}
    spent["load"] = process_time() - own
    rate = median(done for _, done in bursts)
    ceiling = await bare_rate(stack.database, stack.org_id)
    runs = RUNS // ROUNDS * ROUNDS
    each = ", ".join(f"{name} {seconds / runs * 1e6:.0f}" for name, seconds in spent.items() if seconds / runs > 2e-6)
    return [
        Figure(f"single POSTs from {CLIENTS} clients", f"{median(posted for posted, _ in bursts):.0f}/s"),
        Figure(f"runs to completed from {CLIENTS} clients", f"{rate:.0f}/s", "≥ 1,000/s"),
        Figure(f"share of what bare insert, claim and finish reach ({ceiling:.0f}/s)", f"{rate / ceiling:.2f}"),
        Figure("CPU per run over all processes, with the load", f"{sum(spent.values()) / runs * 1e6:.0f} µs"),
        Figure(f"   {each} µs", ""),
    ]


async def _burst(stack: Stack, runs: int) -> tuple[float, float]:
    """Runs a second: as they were answered, and as they were completed."""
    database: Any = await asyncpg.connect(stack.database)
    start, left = perf_counter(), iter(range(runs))
    await asyncio.gather(*(_post(stack, left) for _ in range(CLIENTS)))
    posted = perf_counter() - start
    await wait_for(lambda: database.fetchval(_NONE_LIVE), 120, every=0.01)
    done = perf_counter() - start
    await database.close()
    return runs / posted, runs / done


async def _post(stack: Stack, left: Iterator[int]) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        for _ in left:
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "respond-async"})
            assert answer.status == 201, answer.body

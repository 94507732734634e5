"""Webhooks that one gateway takes in: each verified, stored and rung for before it is answered."""

import asyncio
import json
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from bench.load import Connection
from bench.measure import Figure, cpu_seconds, spread
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_testkit.signing import standard
from vai_testkit.wait import wait_for

WEBHOOKS = 2_000
ROUNDS = 3
CLIENTS = 16
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
_ORDER = json.dumps(
    {"order": {"id": 1042, "lines": [{"sku": f"sku-{n}", "quantity": n} for n in range(20)]}, "total": 120.5}
).encode()
_AUTOMATION = {
    "trigger": {"type": "webhook", "path": "/bench", "secret": _SECRET},
    # The scheduler looks at each and has nothing more to do: what is measured is the taking in.
    "conditions": [{"field": "event.data.total", "operator": "gt", "value": 1_000}],
    "actions": [{"kind": "dlt_extract", "definition": {"source": "noop"}}],
}
_STORED = "SELECT count(*) FROM automation_runs WHERE triggered_by = 'webhook'"
_ENDED = "SELECT NOT EXISTS (SELECT FROM automation_runs WHERE status = 'running')"


async def measure(stack: Stack) -> list[Figure]:
    """From many clients; what each webhook costs the gateway; how long it takes until all have been looked at."""
    async with Connection(stack.api_url, stack.api_key) as client:
        body = json.dumps({"name": f"bench {uuid7().hex[-8:]}", **_AUTOMATION}).encode()
        saved = await client.request("POST", "/api/v1/automations", body)
        assert saved.status == 201, saved.body
    path = f"/webhooks/{stack.org_id}/bench"
    await _burst(stack, path, WEBHOOKS // 10)
    database: Any = await asyncpg.connect(stack.database)
    before, cpu = await database.fetchval(_STORED), cpu_seconds(stack)["api-gateway"]
    rates, taken, behind = [], [], []
    for _ in range(ROUNDS):
        seconds, each = await _burst(stack, path, WEBHOOKS)
        start = perf_counter()
        await wait_for(lambda: database.fetchval(_ENDED), 120, every=0.02)
        rates.append(WEBHOOKS / seconds)
        taken += each
        behind.append(perf_counter() - start)
    spent = cpu_seconds(stack)["api-gateway"] - cpu
    stored = await database.fetchval(_STORED) - before
    await database.close()
    return [
        Figure(f"verified webhooks, stored and answered, {CLIENTS} clients", f"{median(rates):.0f}/s", "≥ 500/s"),
        Figure("   from the request to the 202, p50 / p99", spread(taken)),
        Figure("   CPU of the gateway for each", f"{spent / stored * 1e6:.0f} µs"),
        Figure(f"   stored of {ROUNDS * WEBHOOKS:,} answered", f"{stored:,}"),
        Figure("   the scheduler has ended the last one after", f"{median(behind):.1f} s"),
    ]


async def _burst(stack: Stack, path: str, webhooks: int) -> tuple[float, list[float]]:
    """How long it took in all, and each of them."""
    start, left, taken = perf_counter(), iter(range(webhooks)), list[float]()
    await asyncio.gather(*(_send(stack, path, left, taken) for _ in range(CLIENTS)))
    return perf_counter() - start, taken


async def _send(stack: Stack, path: str, left: Iterator[int], taken: list[float]) -> None:
    async with Connection(stack.api_url, "") as client:
        for _ in left:
            signed = standard(_SECRET, _ORDER, uuid7().hex)
            start = perf_counter()
            answer = await client.request("POST", path, _ORDER, signed)
            taken.append(perf_counter() - start)
            assert answer.status == 202, answer.body

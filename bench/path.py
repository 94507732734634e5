"""The empty path: POST, bell, claim, finish of a `noop` run, idle and under load, and what a SYNC run costs."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter, process_time
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI

from bench.load import Connection
from bench.measure import Figure, cpu_seconds, percentile, spread
from bench.statements import bare_rate
from devstack.stack import Stack
from testkit.wait import wait_for

RUNS = int(os.environ.get("VAI_BENCH_RUNS", "6_000"))
CLIENTS = 16
IDLE_TRIES = 200
_PATH = "/api/v1/action-runs"
_NONE_LIVE = "SELECT NOT EXISTS (SELECT FROM runs WHERE phase IN ('queued', 'leased'))"
_NOOP = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}}).encode()
_CONDITION = {"field": "n", "operator": "gt", "value": 3}
_SYNC = json.dumps(
    {"kind": "conditional_branch", "definition": {"input": {"n": 5}, "conditions": [_CONDITION]}}
).encode()


async def measure(stack: Stack) -> list[Figure]:
    async with Connection(stack.api_url, stack.api_key) as client:
        await _timed(client, _NOOP, {"Prefer": "wait=10"}, 30)
        idle = await _timed(client, _NOOP, {"Prefer": "wait=10"}, IDLE_TRIES)
        sync = await _timed(client, _SYNC, {}, IDLE_TRIES)
    async with _bare_endpoint(stack.database) as url, Connection(url, "") as client:
        bare = await _timed(client, b"{}", {}, IDLE_TRIES)
    over = percentile(sync, 0.5) - percentile(bare, 0.5)
    kafka = "embedded" if stack.broker.kind == "embedded" else stack.broker.kind
    return [
        Figure(f"noop run, POST to completed, idle, {kafka} broker, p50 / p99", spread(idle), "≤ 10 / 25 ms"),
        Figure("SYNC run, idle, p50 / p99", spread(sync)),
        Figure("bare FastAPI endpoint that writes one row, p50 / p99", spread(bare)),
        Figure("SYNC overhead over it, p50", f"{over * 1e3:.1f} ms", "≤ 5 ms"),
        *await _under_load(stack),
    ]


async def _timed(client: Connection, body: bytes, headers: dict[str, str], tries: int) -> list[float]:
    taken = []
    for _ in range(tries):
        start = perf_counter()
        answer = await client.request("POST", _PATH, body, headers)
        taken.append(perf_counter() - start)
        assert answer.json().get("status") == "completed", answer.body
    return taken


async def _under_load(stack: Stack) -> list[Figure]:
    database: Any = await asyncpg.connect(stack.database)
    cpu, own, start = cpu_seconds(stack), process_time(), perf_counter()
    left = iter(range(RUNS))
    await asyncio.gather(*(_post(stack, left) for _ in range(CLIENTS)))
    posted = perf_counter() - start
    await wait_for(lambda: database.fetchval(_NONE_LIVE), 120, every=0.01)
    rate = RUNS / (perf_counter() - start)
    spent = {name: seconds - cpu[name] for name, seconds in cpu_seconds(stack).items()}
    spent["load"] = process_time() - own
    bare = await bare_rate(stack.database, stack.org_id)
    await database.close()
    each = ", ".join(f"{name} {seconds / RUNS * 1e6:.0f}" for name, seconds in spent.items() if seconds / RUNS > 2e-6)
    return [
        Figure(f"single POSTs from {CLIENTS} clients", f"{RUNS / posted:.0f}/s"),
        Figure(f"runs to completed from {CLIENTS} clients", f"{rate:.0f}/s", "≥ 1,000/s"),
        Figure("share of what the bare statements reach (insert, claim, finish; batches of 20)", f"{rate / bare:.2f}"),
        Figure("CPU per run over all processes, with the load", f"{sum(spent.values()) / RUNS * 1e6:.0f} µs"),
        Figure(f"   {each} µs", ""),
    ]


async def _post(stack: Stack, left: Any) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        for _ in left:
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "respond-async"})
            assert answer.status == 201, answer.body


@asynccontextmanager
async def _bare_endpoint(database: str) -> AsyncIterator[str]:
    """What a SYNC run is compared with: FastAPI, one INSERT, one answer."""
    pool: Any = await asyncpg.create_pool(database, min_size=2, max_size=4)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, body jsonb)")
    app = FastAPI()

    @app.post(_PATH)
    async def write(body: dict[str, Any]) -> dict[str, Any]:
        await pool.execute("INSERT INTO bench_rows (body) VALUES ($1)", json.dumps(body))
        return {"status": "completed"}

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await wait_for(lambda: server.started, 10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
        await pool.execute("DROP TABLE bench_rows")
        await pool.close()

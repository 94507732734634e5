"""Fairness between organisations: the runs of one organisation, alone and beside 64 busy clients of another one.

The measuring client and the busy clients are separate processes: a client in a busy event loop would measure its own
delays.
"""

import asyncio
import json
import multiprocessing
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing.synchronize import Event
from time import perf_counter, time
from typing import Any

from bench.load import Connection
from bench.measure import Figure, percentile
from vai_common.db import engine
from vai_devstack.stack import Stack
from vai_records.people.people import Role
from vai_testkit.team import make_team

CLIENTS = 64
TRIES = int(os.environ.get("VAI_BENCH_TRIES", "200"))
_PATH = "/api/v1/action-runs"
_NOOP = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}}).encode()
_PAUSE = 0.05
_PARTS = ("stored", "claimed", "ended", "answered")

Times = list[float]
"""Of one run, seconds since 1970: sent, stored, claimed, ended, answered."""


async def measure(stack: Stack) -> list[Figure]:
    """From the POST to the answer that says `completed` (`Prefer: wait`), 20 a second at the most."""
    database = engine(stack.database, "api-gateway", 1)
    team = await make_team(database, "modest")
    await database.dispose()
    key = team.keys[Role.OPERATOR].secret
    loop = asyncio.get_running_loop()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(2, mp_context=spawn) as clients:
        stop = manager.Event()
        await loop.run_in_executor(clients, _run, _modest, stack.api_url, key, TRIES // 4)
        alone = await loop.run_in_executor(clients, _run, _modest, stack.api_url, key, TRIES)
        flood = loop.run_in_executor(clients, _run, _flood, stack.api_url, stack.api_key, stop)
        await asyncio.sleep(2)
        beside = await loop.run_in_executor(clients, _run, _modest, stack.api_url, key, TRIES)
        await loop.run_in_executor(None, stop.set)
        rate = await flood
    ratio = percentile(_whole(beside), 0.95) / percentile(_whole(alone), 0.95)
    return [
        Figure("alone, p50 / p95", _spread(_whole(alone))),
        Figure(f"beside {CLIENTS} clients of another one ({rate:.0f} POSTs/s), p50 / p95", _spread(_whole(beside))),
        Figure("p95 beside p95 alone", f"{ratio:.1f}", "≤ 2"),
        *(
            Figure(f"   until it is {part}, alone and beside, p50 / p95", f"{_part(alone, at)}, {_part(beside, at)}")
            for at, part in enumerate(_PARTS)
        ),
    ]


def _run(work: Callable[..., Coroutine[Any, Any, Any]], *values: Any) -> Any:
    return asyncio.run(work(*values))


async def _modest(url: str, key: str, tries: int) -> list[Times]:
    taken = []
    async with Connection(url, key) as client:
        for _ in range(tries):
            sent = time()
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "wait=30"})
            answered, run = time(), answer.json()
            assert run.get("status") == "completed", answer.body
            told = [datetime.fromisoformat(run[name]).timestamp() for name in ("createdAt", "startedAt", "completedAt")]
            taken.append([sent, *told, answered])
            await asyncio.sleep(_PAUSE)
    return taken


async def _flood(url: str, key: str, stop: Event) -> float:
    """POSTs a second, of all clients."""
    made, began = [0], perf_counter()
    over = asyncio.create_task(asyncio.to_thread(stop.wait))
    await asyncio.gather(*(_client(url, key, over, made) for _ in range(CLIENTS)))
    return made[0] / (perf_counter() - began)


async def _client(url: str, key: str, over: asyncio.Task[bool], made: list[int]) -> None:
    async with Connection(url, key) as client:
        while not over.done():
            answer = await client.request("POST", _PATH, _NOOP, {"Prefer": "respond-async"})
            assert answer.status in (201, 503), answer.body
            made[0] += 1


def _whole(runs: list[Times]) -> list[float]:
    return [times[-1] - times[0] for times in runs]


def _part(runs: list[Times], at: int) -> str:
    return _spread([times[at + 1] - times[at] for times in runs])


def _spread(seconds: list[float]) -> str:
    return f"{percentile(seconds, 0.5) * 1e3:.1f} / {percentile(seconds, 0.95) * 1e3:.1f} ms"

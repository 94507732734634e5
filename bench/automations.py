"""Automations: a chain, a fan-out beside as many single runs, and ten thousand schedules that are due at once."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from bench.load import Connection
from bench.measure import Figure, percentile
from vai_common import db
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

CHAIN = 40
CLIENTS = 16
FAN_OUT = 1_000
PARALLEL = 100
SCHEDULES = 10_000
_TRIES = 7
_NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
_AUTOMATIONS = "/api/v1/automations"
_RUNS = "/api/v1/action-runs"
_NONE_LIVE = "SELECT NOT EXISTS (SELECT FROM runs WHERE phase IN ('queued', 'leased'))"
_STEPS = "SELECT started_at, completed_at FROM automation_steps WHERE automation_run_id = $1 ORDER BY place"
_COPY = "SELECT id, org_id, version_id, trigger FROM automations WHERE id = $1"
_FIRED = "SELECT count(*), max(created_at) FROM automation_runs WHERE event->'data'->>'scheduledFor' = $1"
_DUPLICATES = """
SELECT count(*) FROM (SELECT automation_id FROM automation_runs WHERE event->'data'->>'scheduledFor' = $1
    GROUP BY automation_id HAVING count(*) > 1) twice
"""


async def measure(stack: Stack) -> list[Figure]:
    """A chain of steps, and a fan-out."""
    database: Any = await asyncpg.connect(stack.database)
    async with Connection(stack.api_url, stack.api_key) as client:
        chain = await _save(client, {"actions": [_NOOP] * CHAIN})
        chains, gaps = [], []
        for _ in range(_TRIES):
            run_id, seconds = await _run(client, chain)
            chains.append(seconds)
            gaps += _gaps(await database.fetch(_STEPS, run_id))
        steps = [{"key": f"s{number}", **_NOOP} for number in range(FAN_OUT)]
        fan = await _save(client, {"steps": steps, "max_parallel": PARALLEL})
        rounds = [
            (await _posted(stack, database), await _batch(client, database), (await _run(client, fan))[1])
            for _ in range(3)
        ]
    await database.close()
    posted, batch, fanned = (median(column) for column in zip(*rounds, strict=True))
    return [
        Figure(f"a chain of {CHAIN} noop steps, POST to its end", f"{median(chains):.2f} s", "≤ 0.4 s"),
        Figure("   from a step's end to the next one's, p50", f"{percentile(gaps, 0.5) * 1e3:.1f} ms", "≤ 10 ms"),
        Figure(f"{FAN_OUT} single runs, by POSTs from {CLIENTS} clients", f"{posted:.2f} s"),
        Figure(f"{FAN_OUT} single runs, by one batch", f"{batch:.2f} s"),
        Figure(f"fan-out of {FAN_OUT} steps, {PARALLEL} at once", f"{fanned:.2f} s"),
        Figure(
            "   as many times the single runs' (POSTs / batch)",
            f"{fanned / posted:.2f} / {fanned / batch:.2f}",
            "≤ 1.3",
        ),
    ]


async def measure_schedules(stack: Stack) -> list[Figure]:
    """Schedules that are all due in the same second, two schedulers."""
    trigger = {"type": "schedule", "schedule": "* * * * *"}
    async with Connection(stack.api_url, stack.api_key) as client:
        first = await _save(client, {"actions": [_NOOP], "trigger": trigger})
    database: Any = await db.connect(stack.database, "api-gateway")
    due = await _multiply(database, first)
    said = due.isoformat().replace("+00:00", "Z")

    async def all_fired() -> bool:
        fired: int = (await database.fetchrow(_FIRED, said))[0]
        return fired >= SCHEDULES

    await wait_for(all_fired, (due - now()).total_seconds() + 60, every=1)
    _, last = await database.fetchrow(_FIRED, said)
    twice = await database.fetchval(_DUPLICATES, said)
    await database.close()
    late = (last - due).total_seconds()
    return [
        Figure(f"{SCHEDULES:,} schedules due at once, two schedulers: the last fired", f"{late:.1f} s late", "≤ 5 s"),
        Figure("   fired more than once", str(twice), "0"),
    ]


async def _save(client: Connection, body: dict[str, Any]) -> str:
    name = f"bench {uuid7().hex[-8:]}"
    answer = await client.request("POST", _AUTOMATIONS, json.dumps({"name": name, **body}).encode())
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


async def _run(client: Connection, automation_id: str) -> tuple[str, float]:
    """One automation run and how long it took, as its caller sees it."""
    start = perf_counter()
    answer = await client.request("POST", f"{_AUTOMATIONS}/{automation_id}/trigger", b"{}", {"Prefer": "wait=60"})
    seconds = perf_counter() - start
    run = answer.json()
    assert run.get("status") == "completed", answer.body
    return run["runId"], seconds


def _gaps(steps: Sequence[Any]) -> list[float]:
    """From each step's end to the end of the next, whose own work is nothing."""
    return [(after["completed_at"] - before["completed_at"]).total_seconds() for before, after in pairwise(steps)]


async def _posted(stack: Stack, database: Any) -> float:
    start, left = perf_counter(), iter(range(FAN_OUT))
    await asyncio.gather(*(_post(stack, left) for _ in range(CLIENTS)))
    await wait_for(lambda: database.fetchval(_NONE_LIVE), 120, every=0.005)
    return perf_counter() - start


async def _post(stack: Stack, left: Iterator[int]) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        for _ in left:
            answer = await client.request("POST", _RUNS, json.dumps(_NOOP).encode(), {"Prefer": "respond-async"})
            assert answer.status == 201, answer.body


async def _batch(client: Connection, database: Any) -> float:
    start = perf_counter()
    answer = await client.request("POST", f"{_RUNS}/batch", json.dumps({"runs": [_NOOP] * FAN_OUT}).encode())
    assert answer.status == 200, answer.body
    await wait_for(lambda: database.fetchval(_NONE_LIVE), 120, every=0.005)
    return perf_counter() - start


async def _multiply(database: Any, automation_id: str) -> datetime:
    """Ten thousand automations like the one; answers when all of them are due."""
    begun = now()
    due = begun.replace(second=0, microsecond=0) + timedelta(minutes=1 if begun.second < 40 else 2)
    row = await database.fetchrow(_COPY, automation_id)
    await database.execute("UPDATE automations SET due_at = $2 WHERE id = $1", row["id"], due)
    more = [(uuid7(), row["org_id"], row["version_id"], row["trigger"], due) for _ in range(SCHEDULES - 1)]
    await database.executemany(
        "INSERT INTO automations (id, org_id, name, slug, version_id, trigger, due_at)"
        " VALUES ($1, $2, 'scheduled', $1::uuid::text, $3, $4, $5)",
        more,
    )
    return due

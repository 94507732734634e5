"""The most frequent SQL statements alone, on the same Postgres: the upper limit of speed, and whether a million
finished runs slow them down.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.measure import Figure
from vai_common.db import connect
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.runs.statements import Ending

BATCH = 20
TURNS = 100
FINISHED = int(os.environ.get("VAI_BENCH_FINISHED", "1_000_000"))
WAITING = 50_000
_KIND = "file_sync"
"""A kind that no worker of the stack takes."""

_FILL = """
INSERT INTO runs (id, org_id, kind, status, phase, definition, trigger_method, started_at, completed_at, result)
SELECT uuidv7(make_interval(secs => -n)), $1, 'dlt_extract', 'completed', 'done', '{"source": "noop"}', 'api',
    now() - make_interval(secs => n), now() - make_interval(secs => n), '{"recordsProcessed": 0}'
FROM generate_series(1, $2::int) n
"""
_FILL_QUEUE = """
INSERT INTO runs (id, org_id, kind, phase, definition, trigger_method)
SELECT uuidv7(make_interval(secs => -n)), gen_random_uuid(), 'create_flashboard', 'queued', '{}', 'api'
FROM generate_series(1, $1::int) n
"""


@dataclass
class Sessions:
    """The runs are made by a gateway's session and moved by a worker's; the stack's own workers hear nothing."""

    org_id: UUID
    making: Any
    working: Any
    owner: UUID = field(default_factory=uuid7)

    @classmethod
    async def open(cls, url: str, org_id: str) -> "Sessions":
        return cls(UUID(org_id), await connect(url, "api-gateway"), await connect(url, "agent-worker"))

    async def close(self) -> None:
        await self.making.close()
        await self.working.close()

    async def make(self, conn: Any) -> list[UUID]:
        runs = [NewRun(self.org_id, _KIND, {}, "api") for _ in range(BATCH)]
        await statements.create(conn, runs)
        return [run.id for run in runs]

    async def claim(self, conn: Any, ids: list[UUID]) -> list[Any]:
        return await statements.claim(conn, self.owner, [_KIND], ids, BATCH, "bench")

    async def finish(self, conn: Any, rows: list[Any]) -> list[Any]:
        entry = Entry("run_completed", "Run completed", {})
        ends = [Ending(row["id"], row["epoch"], "completed", {}, None, None, entry, {}) for row in rows]
        return await statements.finish(conn, ends, self.owner, "bench")


async def bare_rate(url: str, org_id: str) -> float:
    """Runs a second through insert, claim and finish alone, in batches of 20, one by one; the best of three."""
    sessions = await Sessions.open(url, org_id)
    rate = max([await _rate(sessions) for _ in range(3)])
    await sessions.close()
    return rate


async def _rate(sessions: Sessions) -> float:
    start = perf_counter()
    for _ in range(TURNS):
        ids = await sessions.make(sessions.making)
        await sessions.finish(sessions.working, await sessions.claim(sessions.working, ids))
    return TURNS * BATCH / (perf_counter() - start)


async def measure(stack: Stack) -> list[Figure]:
    """The rate on a small table and on a large one, and what the statements touch in each."""
    before, small = await bare_rate(stack.database, stack.org_id), await _plans(stack)
    await fill(stack, FINISHED, WAITING)
    after, large = await bare_rate(stack.database, stack.org_id), await _plans(stack)
    return [
        Figure("bare insert, claim and finish", f"{before:.0f} runs/s"),
        Figure(f"the same beside {FINISHED:,} finished and {WAITING:,} waiting runs", f"{after:.0f} runs/s"),
        Figure("ratio", f"{after / before:.2f}", "flat: about 1"),
        *(_touched(name, small[name], large[name]) for name in small),
    ]


def _touched(name: str, small: "_Plan", large: "_Plan") -> Figure:
    scans = ", ".join(sorted(large.scans)) or "no scan"
    return Figure(f"   pages that {name} touches ({scans})", f"{small.pages} → {large.pages}")


async def fill(stack: Stack, finished: int, waiting: int) -> None:
    """So many runs that have ended, of the stack's organisation, and so many queued ones that nobody takes.

    By the superuser: the services' own user may order no checkpoint.
    """
    database: Any = await asyncpg.connect(stack.postgres.admin_url)
    await database.execute("ALTER TABLE runs DISABLE TRIGGER USER")
    await database.execute(_FILL, UUID(stack.org_id), finished, timeout=600)
    await database.execute(_FILL_QUEUE, waiting, timeout=600)
    await database.execute("ALTER TABLE runs ENABLE TRIGGER USER")
    for rest in ("VACUUM (ANALYZE) runs", "CHECKPOINT"):
        await database.execute(rest, timeout=600)
    await database.close()


@dataclass
class _Plan:
    """What EXPLAIN (ANALYZE, BUFFERS) said of one batch: pages touched, and how it reads the table of runs."""

    pages: int
    scans: set[str]


class _Explaining:
    """Stands in for a connection: explains what it is given, and takes back what that did."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.plan = _Plan(0, set())

    async def fetch(self, text: str, *values: Any) -> list[Any]:
        undone = self._conn.transaction()
        await undone.start()
        said = await self._conn.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", *values)
        await undone.rollback()
        root = json.loads(said)[0]["Plan"]
        self.plan = _Plan(root["Shared Hit Blocks"] + root["Shared Read Blocks"], set(_scans(root)))
        return []


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if node.get("Relation Name") == "runs" and "Scan" in node["Node Type"]:
        yield node.get("Index Name") or node["Node Type"]
    for child in node.get("Plans", ()):
        yield from _scans(child)


async def _plans(stack: Stack) -> dict[str, _Plan]:
    sessions = await Sessions.open(stack.database, stack.org_id)
    making, plans = _Explaining(sessions.making), {}
    working: Any = _Explaining(sessions.working)
    await sessions.make(making)
    plans["insert"] = making.plan
    ids = await sessions.make(sessions.making)
    await sessions.claim(working, ids)
    plans["claim"] = working.plan
    for _ in range(2):  # the first one clears away what the runs before have left in the index of those who wait
        await statements.pull(working, sessions.owner, [_KIND], BATCH, "bench")
    plans["pull"] = working.plan
    rows = await sessions.claim(sessions.working, ids)
    await sessions.finish(working, rows)
    plans["finish"] = working.plan
    await sessions.finish(sessions.working, rows)
    await sessions.close()
    return plans

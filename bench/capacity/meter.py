"""Reads a stack before and after some work: CPU from /proc, WAL, commits and rows from Postgres, files of the lake."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg

from bench.capacity.costs import Cost, each, less, total
from bench.measure import cpu_seconds, descendants, own_cpu
from vai_devstack.stack import Stack
from vai_records.events.events import Event, record_of
from vai_testkit.wait import wait_for

TABLES = (
    "runs",
    "run_logs",
    "events",
    "automation_runs",
    "automation_steps",
    "checkpoints",
    "lake_files",
)
"""Those that grow with what is done."""

_LINE_POINTER = 4
"""Bytes of a row beside the row itself."""

_HEAVY = ("extract-worker", "transform-worker")
_LOOK_SECONDS = 0.02

_KAFKA_BATCH_BYTES = 20
"""What a record costs besides key, value and headers: lengths, offset, time, and its share of the batch's head."""

_AT_REST = """
SELECT NOT EXISTS (SELECT FROM runs WHERE phase IN ('queued', 'leased'))
   AND NOT EXISTS (SELECT FROM runs WHERE phase = 'parked')
   AND NOT EXISTS (SELECT FROM automation_runs WHERE status = 'running')
   AND NOT EXISTS (SELECT FROM events WHERE published_at IS NULL)
"""
ALL_PUBLISHED = "SELECT NOT EXISTS (SELECT FROM events WHERE published_at IS NULL)"
_LIVE_ROWS = "SELECT count(*) AS rows, coalesce(sum(pg_column_size(t.*)), 0) AS bytes FROM {} t"
_INDEXES = """
SELECT coalesce(sum(pg_indexes_size(oid)), 0)::bigint AS indexes, coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
    AS total
FROM pg_class
WHERE oid = $1::text::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::text::regclass)
"""
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
_WAL = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
_SLOTS = """
SELECT coalesce(sum(extract(epoch FROM completed_at - started_at)), 0)::float8 FROM runs
WHERE completed_at IS NOT NULL AND started_at IS NOT NULL
"""
_EVENTS = "SELECT * FROM events WHERE occurred_at > $1 ORDER BY occurred_at LIMIT 500"
_FAILED = "SELECT count(*) FROM runs WHERE created_at > $1 AND status <> 'completed'"
_NOW = "SELECT clock_timestamp()"


class Children:
    """The CPU of processes whose children are not waited for. They are only counted while they live."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._seen: dict[str, dict[int, float]] = {name: {} for name in _HEAVY}

    def look(self) -> Cost:
        """What all that was ever seen has used, by service."""
        for name, seen in self._seen.items():
            pids = self._stack.pids(name)
            for pid in (*pids, *descendants(pids)):
                seen[pid] = max(seen.get(pid, 0.0), own_cpu(pid))
        return {f"cpu {name}": sum(seen.values()) for name, seen in self._seen.items()}

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)


class Meter:
    """One connection of the superuser; what it asks is not counted, as far as that can be kept apart."""

    def __init__(self, stack: Stack, database: Any) -> None:
        self.stack = stack
        self.database = database
        self.idle: Cost = {}
        """What the stack costs each second when nothing happens; it is no part of what works cost."""
        self._children = Children(stack)
        self._watching = asyncio.create_task(self._children.watch())
        self._asked = 0

    @classmethod
    async def of(cls, stack: Stack) -> "Meter":
        """Switch autovacuum off during measurements. Postgres cleans up only in `clean`."""
        database: Any = await asyncpg.connect(stack.postgres.admin_url)
        for setting in ("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "SET enable_seqscan = off"):
            await database.execute(setting)
        return cls(stack, database)

    async def close(self) -> None:
        self._watching.cancel()
        await self.database.close()

    async def ask(self, question: str, *values: Any) -> Any:
        self._asked += 1
        return await self.database.fetchval(question, *values)

    async def rest(self) -> None:
        """Until all runs have ended and all events are out; what was counted is then in the statistics, too."""
        await wait_for(lambda: self.ask(_AT_REST), 600, every=0.1)
        await asyncio.sleep(1.2)  # Postgres tells its own counts once a second

    async def used(self, work: Callable[[], Awaitable[object]]) -> tuple[Cost, float]:
        """CPU and WAL while it is done, an idle stack's included, and how many seconds that took."""
        began, before = perf_counter(), await self._used()
        await work()
        return less(await self._used(), before), perf_counter() - began

    async def idle_for(self, seconds: float) -> Cost:
        """What the stack costs each second when nothing happens."""
        return each(*await self.used(lambda: asyncio.sleep(seconds)))

    async def cost(self, work: Callable[[], Awaitable[object]], count: float) -> Cost:
        """The cost of one of the works that `work` does, without the costs of an idle stack in the same time.

        Raises AssertionError where a run of it did not complete: then it is not what should be measured.
        """
        stored, since = await self._stored(), await self.ask(_NOW)

        async def whole() -> None:
            await work()
            await self.rest()

        used, seconds = await self.used(whole)
        spent = {**less(used, total([(seconds, self.idle)])), **less(await self._stored(), stored)}
        assert not await self.ask(_FAILED, since), "runs that were measured did not complete"
        for table in TABLES:
            spent[f"disk {table}"] += spent[f"rows {table}"] * _LINE_POINTER
        return each({**spent, "kafka": await self._kafka(since, spent["rows events"])}, count)

    async def clean(self) -> None:
        """What autovacuum does in an installation."""
        for table in TABLES:
            await self.database.execute(f"VACUUM (ANALYZE) {table}")

    async def _used(self) -> Cost:
        """Since the start of the stack, but for the meter's own questions."""
        cpu = {f"cpu {name}": seconds for name, seconds in cpu_seconds(self.stack).items()}
        wal, commits = await self.ask(_WAL), await self.ask(_COMMITS)
        return {**cpu, **self._children.look(), "wal": float(wal), "commits": float(commits - self._asked)}

    async def _stored(self) -> Cost:
        """What lies on disks now, and the seconds that slots were taken so far."""
        tables = {table: await self.database.fetchrow(_LIVE_ROWS.format(table)) for table in TABLES}
        self._asked += len(tables)
        return {
            "lake": float(_size(self.stack.home.lake)),
            "slot": await self.ask(_SLOTS),
            **{f"disk {table}": float(row["bytes"]) for table, row in tables.items()},
            **{f"rows {table}": float(row["rows"]) for table, row in tables.items()},
        }

    async def _kafka(self, since: Any, events: float) -> float:
        """Bytes of the records of the events since then, from up to 500 of them."""
        rows = await self.database.fetch(_EVENTS, since)
        records = []
        for row in rows:
            with suppress(LookupError):
                records.append(record_of(Event.of({**row, "data": json.loads(row["data"])})))
        sizes = [
            len(record.key or b"") + len(record.value) + sum(len(n) + len(v) for n, v in record.headers)
            for record in records
        ]
        return events * (sum(sizes) / len(sizes) + _KAFKA_BATCH_BYTES) if sizes else 0.0

    async def sizes(self, table: str) -> tuple[float, float]:
        """Bytes of the indexes for each row, as they have grown; and of all of the table, dead versions included."""
        found = await self.database.fetchrow(_INDEXES, table)
        rows = await self.database.fetchval(f"SELECT count(*) FROM {table}")
        return float(found["indexes"]) / max(1, rows), float(found["total"])


def _size(folder: Path) -> int:
    """Bytes of all files in a folder. A file that disappears during the walk counts 0."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.stat(os.path.join(parent, name)).st_size
    return size

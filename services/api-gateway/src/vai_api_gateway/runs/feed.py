"""Sends the latest state of runs that change, with one query for all watched organisations.

A change is found by its `updated_at`, which is a little older than its commit. So each look reaches back a little, and
some reach back further. Changes that were sent already are remembered, and not sent again.
"""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson

from vai_api_gateway.http.stream_waiter import StreamWaiter
from vai_api_gateway.metrics import stream_clients
from vai_api_gateway.runs.fleet import Fleet
from vai_common import clock
from vai_common.queries import Pool, Row
from vai_records.runs import changes, runs
from vai_records.runs.filters import RunFilters
from vai_records.runs.row import ChangedRun

FEED_SECONDS = 0.2
PROGRESS_SECONDS = 1.0
"""Seconds between two messages about a run whose status has not changed."""

_LAG = timedelta(seconds=2)
_DEEP_LAG = timedelta(seconds=30)
_DEEP_SECONDS = 5.0
_MOST_CHANGES = 20_000
_MOST_UNSENT = 5_000
_ROWS = 500
_BREATH = 200
"""Clients that are served before other tasks get a turn."""

LARGEST_PIECE = 65_536
"""Bytes that a client gets at once (or one run, if that is larger), since many clients share one turn of the loop."""

RESET = b"event: reset\ndata: {}\n\n"


class _Place(NamedTuple):
    """The state of a run without its progress."""

    status: str
    phase: str
    control: str | None
    held_for: str | None
    hidden: bool


class _Told(NamedTuple):
    updated_at: datetime
    place: _Place
    at: float


class Watcher(StreamWaiter):
    """One client. What was not sent yet is kept by run, so a slow client gets the latest state only."""

    def __init__(self, filters: RunFilters) -> None:
        super().__init__()
        self._filters = filters
        self._unsent: dict[UUID, bytes] = {}
        self._lost = False

    def tell(self, run: ChangedRun, shown: bytes, gone: bytes) -> None:
        """The run, or that it is gone: it is hidden, or no longer matches the filter."""
        wanted = self._filters
        if not wanted.mean(run):
            return
        stays = run["deleted_at"] is None and (not wanted.statuses or run["status"] in wanted.statuses)
        self._unsent[run["id"]] = shown if stays else gone
        if len(self._unsent) > _MOST_UNSENT:
            self.reset()

    def reset(self) -> None:
        """Too much has changed: the client has to read the list again."""
        self._unsent.clear()
        self._lost = True
        self.wake()

    @property
    def has_news(self) -> bool:
        return self._lost or bool(self._unsent)

    def take(self) -> bytes:
        """The next piece; empty where all is sent."""
        taken, size = [RESET] if self._lost else [], 0
        self._lost = False
        for run_id in list(self._unsent):
            size += len(self._unsent[run_id])
            if size > LARGEST_PIECE and len(taken) > 0:
                break
            taken.append(self._unsent.pop(run_id))
        return b"".join(taken)


class _Watched:
    """An organisation with at least one client."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.newest = since
        self.told: dict[UUID, _Told] = {}
        self.watchers: set[Watcher] = set()

    def is_due(self, row: Row, now: float) -> bool:
        """Whether to send a change now. If it has to wait, a later look finds it again."""
        told = self.told.get(row["id"])
        if told is None:
            return True
        if told.updated_at == row["updated_at"]:
            return False
        return told.place != _place(row) or now - told.at >= PROGRESS_SECONDS

    def forget(self, before: datetime) -> None:
        self.told = {run_id: told for run_id, told in self.told.items() if told.updated_at >= before}


class Feed:
    """Looks for changes five times a second. Does nothing while there are no clients."""

    def __init__(self, pool: Pool, fleet: Fleet) -> None:
        self._pool = pool
        self._fleet = fleet
        self._watched: dict[UUID, _Watched] = {}
        self._somebody = asyncio.Event()
        self._deep_at = 0.0
        self._clients = stream_clients.labels(stream="changes")

    async def watch(self, org_id: UUID, filters: RunFilters) -> Watcher:
        """Send every change from now on. The caller reads the list after this call, so that it misses nothing."""
        now = await changes.clock(self._pool)
        watched = self._watched.setdefault(org_id, _Watched(now - _LAG))
        watcher = Watcher(filters)
        watched.watchers.add(watcher)
        self._clients.inc()
        self._somebody.set()
        return watcher

    def leave(self, org_id: UUID, watcher: Watcher) -> None:
        watcher.close()
        self._clients.dec()
        watched = self._watched[org_id]
        watched.watchers.discard(watcher)
        if not watched.watchers:
            del self._watched[org_id]
        if not self._watched:
            self._somebody.clear()

    def wake(self) -> None:
        """Wake all clients: the gateway stops."""
        for watched in self._watched.values():
            for watcher in watched.watchers:
                watcher.wake()

    async def look_once(self) -> None:
        """Wait until there is a client, then send changes."""
        await self._somebody.wait()
        now = clock.steady_seconds()
        deep = now >= self._deep_at
        lag = _DEEP_LAG if deep else _LAG
        if deep:
            self._deep_at = now + _DEEP_SECONDS
        known = {org_id: max(w.since, w.newest - lag) for org_id, w in self._watched.items()}
        found: dict[UUID, list[Row]] = {org_id: [] for org_id in known}
        for row in await changes.since(self._pool, known, _MOST_CHANGES):
            found[row["org_id"]].append(row)
        due = [row for org_id, rows in found.items() for row in self._due(org_id, rows, now)]
        for start in range(0, len(due), _ROWS):
            await self._tell(due[start : start + _ROWS], now)
        if deep:
            for watched in self._watched.values():
                watched.forget(watched.newest - 2 * _DEEP_LAG)

    def _due(self, org_id: UUID, rows: list[Row], now: float) -> list[Row]:
        watched = self._watched.get(org_id)
        if watched is None or not rows:
            return []
        watched.newest = max(watched.newest, rows[-1]["updated_at"])
        if len(rows) == _MOST_CHANGES:
            watched.since = watched.newest
            for watcher in watched.watchers:
                watcher.reset()
            return []
        return [row for row in rows if watched.is_due(row, now)]

    async def _tell(self, due: list[Row], now: float) -> None:
        told: dict[UUID, list[tuple[ChangedRun, bytes, bytes]]] = defaultdict(list)
        for row in await changes.rows(self._pool, [row["id"] for row in due]):
            if (watched := self._watched.get(row["org_id"])) is not None:
                watched.told[row["id"]] = _Told(row["updated_at"], _place(row), now)
                told[row["org_id"]].append((row, self._shown(row), _gone(row)))
        for org_id, rows in told.items():
            await self._tell_all(org_id, rows)

    async def _tell_all(self, org_id: UUID, rows: list[tuple[ChangedRun, bytes, bytes]]) -> None:
        """Many clients with many changes take long, so other tasks get turns in between."""
        watched = self._watched.get(org_id)
        every = max(1, _BREATH // len(rows))
        for place, watcher in enumerate(list(watched.watchers) if watched else ()):
            for one in rows:
                watcher.tell(*one)
            if watcher.has_news:
                watcher.wake()
            if place % every == every - 1:
                await asyncio.sleep(0)

    def _shown(self, row: ChangedRun) -> bytes:
        run = orjson.dumps(runs.as_listed(row, self._fleet.kinds), str, orjson.OPT_UTC_Z)
        return b"event: run\ndata: " + run + b"\n\n"


def _place(row: Row | ChangedRun) -> _Place:
    return _Place(row["status"], row["phase"], row["control"], row["held_for"], row["deleted_at"] is not None)


def _gone(row: ChangedRun) -> bytes:
    status = None if row["deleted_at"] else row["status"]
    return b"event: gone\ndata: " + orjson.dumps({"id": str(row["id"]), "status": status}) + b"\n\n"

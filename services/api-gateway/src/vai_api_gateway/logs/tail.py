"""Follows logs as they are written. One query finds which watched runs have new entries, and one reads these entries,
once for all clients (rule 10)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from vai_api_gateway.http.stream_waiter import StreamWaiter
from vai_api_gateway.metrics import stream_clients
from vai_common.queries import Pool, Row
from vai_records.runs import logs
from vai_records.runs.logs import LogRow

TAIL_SECONDS = 0.025

_PAGE = 500
_MOST_UNSENT = 1_000
_SNAKE = {"occurredAt": "occurred_at", "workerId": "worker_id"}


Moved = Callable[[Any, Mapping[UUID, int]], Awaitable[list[Any]]]


class Line:
    """A log entry as a server-sent event. It is made once for all clients."""

    def __init__(self, run_id: UUID, entry: LogRow) -> None:
        self.sequence: int = entry["seq"]
        self._run_id = run_id
        self._entry = entry

    @cached_property
    def camel(self) -> bytes:
        return self._event(logs.as_json(self._run_id, self._entry))

    @cached_property
    def snake(self) -> bytes:
        entry = logs.as_json(self._run_id, self._entry)
        return self._event({_SNAKE.get(key, key): value for key, value in entry.items()})

    def _event(self, entry: dict[str, Any]) -> bytes:
        return f"id: {entry['id']}\ndata: ".encode() + orjson.dumps(entry, option=orjson.OPT_UTC_Z) + b"\n\n"


class Watched:
    """A run that clients follow. `sequence` is the last entry that was sent to the clients that are up to date."""

    def __init__(self, run: Row) -> None:
        self.run = run
        self.sequence: int = run["log_seq"]
        self.ended: str | None = run["status"] if run["phase"] == "done" else None
        self.followers: set[Follower] = set()

    def hand_out(self, lines: list[Line], grown_to: int) -> None:
        """New entries; none if they are older than logs are kept."""
        for follower in self.followers:
            follower.hand(lines)
        self.sequence = lines[-1].sequence if lines else grown_to


class Follower(StreamWaiter):
    """A client of one run's log. `sequence` is the last entry that it got. If it is behind, it reads entries itself."""

    def __init__(self, watched: Watched, sequence: int) -> None:
        super().__init__()
        self.watched = watched
        self.sequence = sequence
        self._lines: list[Line] = []

    @property
    def behind(self) -> bool:
        return self.sequence < self.watched.sequence

    @property
    def ended(self) -> str | None:
        """The run's final status, once every entry has been taken."""
        return None if self.behind or self._lines else self.watched.ended

    def hand(self, lines: list[Line]) -> None:
        """Give it new entries, unless it is behind, or too slow to send those that it has."""
        if lines and not self.behind and len(self._lines) < _MOST_UNSENT:
            self._lines += [line for line in lines if line.sequence > self.sequence]
            self.sequence = max(self.sequence, lines[-1].sequence)
        self.wake()

    def take(self) -> list[Line]:
        taken, self._lines = self._lines, []
        return taken


class Tail:
    """Compares `log_seq` of the watched runs forty times a second. Does nothing while there are no clients.

    `moved` reads the table of the watched rows: runs, or automation runs. `stream` is the metric's label.
    """

    def __init__(self, pool: Pool, moved: Moved = logs.moved, stream: str = "run_log") -> None:
        self._pool = pool
        self._clients = stream_clients.labels(stream=stream)
        self._moved = moved
        self._watched: dict[UUID, Watched] = {}
        self._somebody = asyncio.Event()

    def follow(self, run: Row, sequence: int) -> Follower:
        """Follow a run (its row), after this entry."""
        watched = self._watched.setdefault(run["id"], Watched(run))
        follower = Follower(watched, sequence)
        watched.followers.add(follower)
        self._clients.inc()
        self._somebody.set()
        return follower

    def leave(self, follower: Follower) -> None:
        follower.close()
        self._clients.dec()
        watched = follower.watched
        watched.followers.discard(follower)
        if not watched.followers:
            del self._watched[watched.run["id"]]
        if not self._watched:
            self._somebody.clear()

    async def read(self, follower: Follower) -> list[Line]:
        """The next entries for a client that is behind."""
        watched, until = follower.watched, follower.watched.sequence
        rows = await logs.page(self._pool, watched.run, follower.sequence, _PAGE)
        # Behind, and no entries: they are older than logs are kept.
        follower.sequence = rows[-1]["seq"] if rows else until
        return [Line(watched.run["id"], row) for row in rows]

    def wake(self) -> None:
        """Wake all clients: the gateway stops."""
        for watched in self._watched.values():
            for follower in watched.followers:
                follower.wake()

    async def look_once(self) -> None:
        """Wait until there is a client, then give out new entries."""
        await self._somebody.wait()
        known = {run_id: watched.sequence for run_id, watched in self._watched.items() if watched.ended is None}
        moved = await self._moved(self._pool, known) if known else []
        grown = {row["id"]: row["log_seq"] for row in moved if row["log_seq"] > known[row["id"]]}
        if grown:
            await self._hand_out(known, grown)
        for row in moved:
            self._note_end(row)

    async def _hand_out(self, known: dict[UUID, int], grown: dict[UUID, int]) -> None:
        there = [run_id for run_id in grown if run_id in self._watched]
        asked = [(run_id, known[run_id], self._watched[run_id].run["created_at"]) for run_id in there]
        rows = await logs.news(self._pool, asked, _PAGE) if asked else []
        lines: dict[UUID, list[Line]] = {run_id: [] for run_id in there}
        for row in rows:
            lines[row["run_id"]].append(Line(row["run_id"], row))
        for run_id, new in lines.items():
            watched = self._watched.get(run_id)
            # A client that came meanwhile may know less, or more: the next look is for it.
            if watched is not None and watched.sequence == known[run_id]:
                watched.hand_out(new, grown[run_id])

    def _note_end(self, row: Row) -> None:
        """The last entry is written in the ending transaction, so it was given out when its sequence is reached."""
        watched = self._watched.get(row["id"])
        if watched is not None and row["phase"] == "done" and watched.sequence >= row["log_seq"]:
            watched.ended = row["status"]
            for follower in watched.followers:
                follower.wake()

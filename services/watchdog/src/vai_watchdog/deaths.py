"""The three ways to notice a death: a lock that is free, a counter that stands still, a lease that ran out (rule 7)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from vai_common.clock import steady_seconds
from vai_common.queries import Queries, Row

STILL_LOOKS = 4
"""Looks, 5 s apart, during which the counter of a living process changes."""

UNSEEN_SECONDS = 30.0
"""How long this connection watches a process that it has never seen with its lock, before the process counts as dead.

It counts from the first look: after a restart of the database every process has to take its lock again.
"""

CONNECTION_CLOSED, BEAT_STOOD_STILL = "its connection closed", "its beat stood still"

_LOOK_SECONDS = 5.0
"""A connection that does not answer in this time counts as broken."""

_LOOK = """
SELECT p.id, p.service, p.counter, EXISTS (
        SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint) = p.lock_key
    ) AS held
FROM processes p
"""


@dataclass
class Seen:
    """What the watchdog has seen of one process on its unbroken connection, since when (steady seconds)."""

    since: float
    held_once: bool = False
    free_looks: int = 0
    counter: int = -1
    still_looks: int = 0


@dataclass
class Looks:
    """All that was seen. Forgotten when the watchdog's own connection breaks: then nothing is known of the others."""

    seen: dict[UUID, Seen] = field(default_factory=dict)

    def forget(self) -> None:
        self.seen.clear()

    def by_lock(self, rows: Sequence[Row], at: float | None = None) -> list[tuple[UUID, str]]:
        """The processes whose lock was free at two looks a second apart, and held before that.

        `at` is the time of the look, in steady seconds; the default is now.
        """
        self._keep_only(rows)
        at = steady_seconds() if at is None else at
        return [(row["id"], CONNECTION_CLOSED) for row in rows if self._lock_is_free(row, at)]

    def by_counter(self, rows: Sequence[Row]) -> list[tuple[UUID, str]]:
        """The processes whose counter has not changed over four looks."""
        return [(row["id"], BEAT_STOOD_STILL) for row in rows if self._stands_still(row)]

    def _lock_is_free(self, row: Row, at: float) -> bool:
        seen = self.seen.setdefault(row["id"], Seen(at))
        if row["held"]:
            seen.held_once, seen.free_looks = True, 0
            return False
        if not seen.held_once and at - seen.since < UNSEEN_SECONDS:
            return False
        seen.free_looks += 1
        return seen.free_looks >= 2

    def _stands_still(self, row: Row) -> bool:
        seen = self.seen.setdefault(row["id"], Seen(steady_seconds()))
        if row["counter"] != seen.counter:
            seen.counter, seen.still_looks = row["counter"], 0
            return False
        seen.still_looks += 1
        return seen.still_looks >= STILL_LOOKS

    def _keep_only(self, rows: Sequence[Row]) -> None:
        there = {row["id"] for row in rows}
        self.seen = {process: seen for process, seen in self.seen.items() if process in there}


async def look(conn: Queries) -> list[Any]:
    """Every registered process: its counter, and whether its lock is held."""
    return list(await conn.fetch(_LOOK, timeout=_LOOK_SECONDS))

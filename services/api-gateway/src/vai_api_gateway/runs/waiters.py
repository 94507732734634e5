"""Waiting for the end of runs, woken by a notification (decision 12: `Prefer`)."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from vai_common.messages.notifications import Listener
from vai_common.queries import Pool
from vai_records.events.run_end import ENDED_CHANNEL, watch

LONGEST_WAIT = 60.0
"""Seconds that `Prefer: wait=N` may ask for; more is taken as this."""

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)
_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)
_ENDED = "SELECT id FROM runs WHERE id = ANY($1::uuid[]) AND phase = 'done'"


@dataclass(frozen=True)
class Preference:
    """What a request prefers (RFC 7240); `wait` in seconds."""

    wait: float | None = None
    respond_async: bool = False

    @classmethod
    def of(cls, header: str | None) -> "Preference":
        if not header:
            return cls()
        found = _WAIT.search(header)
        return cls(min(float(found[1]), LONGEST_WAIT) if found else None, bool(_ASYNC.search(header)))


class Waiters:
    """The waiting requests, by run. If a notification is lost, `look_once` finds the end within a second."""

    def __init__(self, pool: Pool, listener: Listener) -> None:
        self._pool = pool
        self._waiting: dict[UUID, set[asyncio.Future[None]]] = defaultdict(set)
        listener.on(ENDED_CHANNEL, self._hear)

    async def until_ended(self, run_id: UUID, seconds: float) -> None:
        """Return when the run has ended or the time is up."""
        with self.expecting(run_id) as end:
            if await watch(self._pool, run_id):
                await within(seconds, end)

    @contextmanager
    def expecting(self, run_id: UUID) -> Iterator[asyncio.Future[None]]:
        """Its end, for who makes a run that is `watched` from its start. Expect it before you make it: a worker may
        have ended it before the answer to its insert is read."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[run_id].add(future)
        try:
            yield future
        finally:
            self._waiting[run_id].discard(future)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    async def look_once(self) -> None:
        """Find ended runs whose notifications were lost."""
        if self._waiting:
            for row in await self._pool.fetch(_ENDED, list(self._waiting)):
                self._wake(row["id"])

    def _hear(self, payload: str) -> None:
        with suppress(ValueError):
            for word in payload.split(","):
                self._wake(UUID(hex=word))

    def _wake(self, run_id: UUID) -> None:
        for future in self._waiting.get(run_id, ()):
            if not future.done():
                future.set_result(None)


async def within(seconds: float, end: asyncio.Future[None]) -> None:
    """Returns when the end has come or the time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end

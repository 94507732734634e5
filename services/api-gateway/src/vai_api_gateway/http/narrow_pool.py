"""A part of the pool for those who change runs: a row that somebody holds must not cost everybody's connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg

from vai_common.batcher import Overloaded
from vai_common.clock import steady_seconds
from vai_common.queries import Connection, Pool, Row

TURN_SECONDS = 2.0
"""How long a change waits for its turn; then it is `Overloaded`."""

_HELD_SECONDS = 1.0
"""For how long nobody asks again for a row that could not be had."""


class Narrow:
    """A pool of which at most `most` connections are in use at once, and one for each row that is changed.

    A process that stands still may hold the rows of its runs until the database ends its transaction. Whoever wants
    to cancel such a run waits, and meanwhile the others' requests find connections.
    """

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool = pool
        self._most = asyncio.Semaphore(most)
        self._rows: dict[UUID, asyncio.Lock] = {}
        self._held: dict[UUID, float] = {}

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> Sequence[Row]:
        async with turn(self._most):
            return await self._pool.fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Row | None:
        async with turn(self._most):
            return await self._pool.fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> Any:
        async with turn(self._most):
            return await self._pool.fetchval(query, *args, timeout=timeout)

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        async with turn(self._most):
            return await self._pool.execute(query, *args, timeout=timeout)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        async with turn(self._most), self._pool.acquire() as conn:
            yield conn

    @asynccontextmanager
    async def only(self, row: UUID) -> AsyncIterator[None]:
        """Nobody else changes this row through this gateway meanwhile.

        Where one has found that it cannot be had, those who wait behind it hear the same at once.
        """
        lock = self._rows.setdefault(row, asyncio.Lock())
        try:
            async with turn(lock):
                if self._held.get(row, 0.0) > steady_seconds():
                    raise asyncpg.LockNotAvailableError("another process holds the row")
                yield
        except asyncpg.LockNotAvailableError:
            self._held = {each: until for each, until in self._held.items() if until > steady_seconds()}
            self._held.setdefault(row, steady_seconds() + _HELD_SECONDS)
            raise
        finally:
            if not lock.locked():
                self._rows.pop(row, None)


@asynccontextmanager
async def turn(turns: asyncio.Lock | asyncio.Semaphore) -> AsyncIterator[None]:
    taken = False
    with suppress(TimeoutError):
        async with asyncio.timeout(TURN_SECONDS):
            taken = await turns.acquire()
    if not taken:
        raise Overloaded
    try:
        yield
    finally:
        turns.release()

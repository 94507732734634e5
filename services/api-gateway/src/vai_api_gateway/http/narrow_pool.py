"""A part of the pool for changes of runs, so that changes that wait for a locked row do not take all connections."""

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
"""How long a change waits for its turn. After that it raises `Overloaded`."""

_HELD_SECONDS = 1.0
"""For so long a row that was locked is not tried again."""


class Narrow:
    """A pool that uses at most `most` connections at once, and one for each row that is changed.

    A frozen process may lock the rows of its runs until the database ends its transaction. A request to cancel such a
    run waits, and other requests find free connections meanwhile.
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
        """No other request changes this row through this gateway meanwhile.

        If one request has found the row locked, those that wait behind it fail at once, too.
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

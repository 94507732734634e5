"""A pool that fails when a test wants it: before a statement, or after it was committed. Faults are the exceptions that
Postgres would cause.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import Any

import asyncpg

from vai_common.queries import Connection, Pool

Hit = Callable[[str, tuple[Any, ...]], "Fault | None"]


class Fault(Enum):
    """The fate of a statement. `LOST`: it was committed, but its answer is lost."""

    CUT = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    LOST = asyncpg.ConnectionDoesNotExistError("connection was closed before the answer came")
    READ_ONLY = asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction")
    FULL = asyncpg.DiskFullError("could not extend file: no space left on device")
    ABSURD = asyncpg.DatetimeFieldOverflowError("interval out of range")


COMMIT = "COMMIT"


class FaultyPool:
    """Wraps a real pool. `hit` decides for each statement (its text, its values) whether and how it fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.hit: Hit = lambda text, values: None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pool, name)
        return partial(self._send, found) if name in ("fetch", "fetchrow", "fetchval", "execute") else found

    async def _send(self, send: Callable[..., Any], text: str, *values: Any, **options: Any) -> Any:
        fault = self.hit(text, values)
        if fault is not None and fault is not Fault.LOST:
            raise fault.value
        answer = await send(text, *values, **options)
        if fault is Fault.LOST:
            raise fault.value
        return answer

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["_FaultyConnection"]:
        async with self._pool.acquire() as conn:
            yield _FaultyConnection(self, conn)


class _FaultyConnection:
    """One connection of a faulty pool, and its transactions' COMMIT."""

    def __init__(self, faulty: FaultyPool, conn: Connection) -> None:
        self._faulty = faulty
        self._conn = conn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._conn, name)
        return partial(self._faulty._send, found) if name in ("fetch", "fetchrow", "fetchval", "execute") else found

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._conn.transaction():
            yield
            fault = self._faulty.hit(COMMIT, ())
            if fault is not None and fault is not Fault.LOST:
                raise fault.value
        if fault is Fault.LOST:
            raise fault.value

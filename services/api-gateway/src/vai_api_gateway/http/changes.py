"""Limits the connections that people's changes may use (rule 24).

A change may have to wait for a locked row, and holds a connection meanwhile. Without a limit the changes of one
organisation could take all connections, and no credential could be read any more.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_api_gateway.http.narrow_pool import turn


class Changes:
    """One change at a time for each organisation, and at most `most` of all organisations."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._most = asyncio.Semaphore(most)
        self._of: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def begin(self, org_id: UUID) -> AsyncIterator[AsyncConnection]:
        """A transaction; `ids.NIL`: whoever makes organisations. Raises `Overloaded` after `TURN_SECONDS`."""
        async with AsyncExitStack() as stack:
            lock = self._of.setdefault(org_id, asyncio.Lock())
            await stack.enter_async_context(turn(lock))
            await stack.enter_async_context(turn(self._most))
            yield await stack.enter_async_context(self._engine.begin())

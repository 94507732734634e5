"""A part of the engine's connections for what people change of their organisation (rule 24).

Somebody may hold the row that is to be changed. Whoever waits for it holds a connection meanwhile, and without a bound
the changes of one organisation would take all of them: then nobody's credential could be read any more.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_api_gateway.http.narrow_pool import turn


class Changes:
    """Of each organisation one change at a time, and of all together at most `most`."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._most = asyncio.Semaphore(most)
        self._of: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def begin(self, org_id: UUID | None) -> AsyncIterator[AsyncConnection]:
        """A transaction; None: the organisation is not known yet. Raises `Overloaded` after `TURN_SECONDS`."""
        async with AsyncExitStack() as stack:
            if org_id is not None:
                lock = self._of.setdefault(org_id, asyncio.Lock())
                await stack.enter_async_context(turn(lock))
            await stack.enter_async_context(turn(self._most))
            yield await stack.enter_async_context(self._engine.begin())

"""Tiles as HTML, kept: a version never changes, so a page that many people open is drawn once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from markupsafe import Markup

from vai_common.batcher import Overloaded

MOST_CHARACTERS: Final = 32 << 20
"""Of all pages that a process keeps; those that were opened last stay."""

_AT_ONCE: Final = 2
MOST_WAITING: Final = 16
"""Pages that wait to be drawn. Who asks for one more is told to come again."""

Key = tuple[UUID, str]
"""The version, and where the links of its tiles lead to; empty: they have none."""


class DrawnTiles:
    """One object per process. Whoever opens a page while it is drawn waits for that drawing."""

    def __init__(self, most: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Markup] = OrderedDict()
        self._characters = self._waiting = 0
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def of(self, key: Key, draw: Callable[[], Awaitable[Markup]]) -> Markup:
        """The tiles as HTML, drawn if they are not kept. Raises `Overloaded`."""
        if (kept := self._found(key)) is not None:
            return kept
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # another request may have drawn it meanwhile
            if (kept := self._found(key)) is not None:
                return kept
            return self._keep(key, await self._drawn(draw))

    async def _drawn(self, draw: Callable[[], Awaitable[Markup]]) -> Markup:
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._room:
                return await draw()
        finally:
            self._waiting -= 1

    def _found(self, key: Key) -> Markup | None:
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return kept

    def _keep(self, key: Key, drawn: Markup) -> Markup:
        self._kept[key] = drawn
        self._characters += len(drawn)
        while self._characters > self._most:
            self._characters -= len(self._kept.popitem(last=False)[1])
        return drawn

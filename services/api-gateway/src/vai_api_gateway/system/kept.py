"""Answers that are kept for some seconds; those who ask at the same time share one question."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from vai_common.clock import steady_seconds

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST = 1_000


class Kept(Generic[K, V]):
    """One answer for each key. A question that fails is asked again by the next one who wants to know."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: dict[K, tuple[float, asyncio.Task[V]]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        now = steady_seconds()
        until, task = self._asked.get(key, (0.0, None))
        if task is None or (task.done() and (now >= until or task.cancelled() or task.exception() is not None)):
            if len(self._asked) >= _MOST:
                self._asked = {each: one for each, one in self._asked.items() if not one[1].done() or now < one[0]}
            task = asyncio.ensure_future(_asked(ask))
            self._asked[key] = (now + self._seconds, task)
        return await asyncio.shield(task)


async def _asked(ask: Callable[[], Awaitable[V]]) -> V:
    return await ask()

"""One bad row must not block the others (rule 22): a loop isolates it, lets it rest, logs it and goes on."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import asyncpg
import structlog

from vai_common.clock import steady_seconds
from vai_common.db import is_away
from vai_common.metrics import rows_failed

_log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")

FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds until a row that failed is tried again: doubled each time."""

MOST_RESTING = 1_000
"""Rows that can rest at the same time. If more fail, those that failed first are tried again early."""

HOPELESS_AFTER = 3
"""Failures in a row, after which a row is given to the loop's `last_resort`, if it has one."""

MOST_FAILURES = 20
"""Rows that may fail in one turn. After that, the rest of the batch is left to the next turn."""

_OF_THE_ROW = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
"""Errors that may mean that the database is away, or only that one row is locked or takes too long."""


def _is_no_rows_fault(error: Exception) -> bool:
    return is_away(error) and not isinstance(error, _OF_THE_ROW)


class Rows(Generic[Item]):
    """The rows of one loop. `by` gives the key under which an item rests; the default is the item itself.

    `last_resort` gets an item that goes on failing, and returns whether that has settled it (rule 23). Leave the keys
    in `resting` out of the query, so that bad rows do not fill each batch.
    """

    def __init__(
        self,
        loop: str,
        by: Callable[[Item], Hashable] = lambda item: item,
        clock: Callable[[], float] = steady_seconds,
        last_resort: Callable[[Item], Awaitable[bool]] | None = None,
    ) -> None:
        self._loop = loop
        self._by = by
        self._clock = clock
        self._last_resort = last_resort
        self._failures: dict[Hashable, tuple[int, float]] = {}

    @property
    def resting(self) -> list[Hashable]:
        """The keys of rows that failed and are not yet due again."""
        now = self._clock()
        return [key for key, (_, until) in self._failures.items() if until > now]

    async def each(
        self, items: Sequence[Item], do: Callable[[list[Item]], Awaitable[Sequence[Answer]]]
    ) -> list[Answer]:
        """Do the items together. If that fails, halve them until the bad one is alone. Return what `do` returned.

        `do` must have no effect when it raises: one statement, or one transaction. Raises if the database is away.
        """
        resting = set(self.resting)
        ready = [item for item in items if self._by(item) not in resting]
        return await self._some(ready, do, [MOST_FAILURES])

    async def one(self, item: Item, do: Callable[[Item], Awaitable[object]]) -> bool:
        """The same for a single item. Return False if it failed or rests."""

        async def alone(items: list[Item]) -> list[bool]:
            await do(items[0])
            return [True]

        return bool(await self.each([item], alone))

    async def batch(
        self,
        take: Callable[[list[Item] | None], Awaitable[int]],
        found: Callable[[], Awaitable[list[Item]]],
    ) -> int:
        """For a turn that chooses its rows itself, in one transaction: `take(None)`, which returns how many it took.

        If that fails, the rows that `found` returns are taken in parts, until the bad row is alone.
        """
        try:
            return await take(None)
        except Exception as error:
            if _is_no_rows_fault(error):
                raise
        items = await found()

        async def part(some: list[Item]) -> list[int]:
            return [await take(some)]

        return sum(await self.each(items, part))

    async def _some(
        self, items: list[Item], do: Callable[[list[Item]], Awaitable[Sequence[Answer]]], left: list[int]
    ) -> list[Answer]:
        if not items or left[0] <= 0:
            return []
        try:
            answers = list(await do(items))
        except Exception as error:
            if _is_no_rows_fault(error):
                raise
            if len(items) == 1:
                left[0] -= 1
                self.failed(items[0], error)
                await self._settle(items[0])
                return []
            middle = len(items) // 2
            return [*await self._some(items[:middle], do, left), *await self._some(items[middle:], do, left)]
        for item in items:
            self._failures.pop(self._by(item), None)
        return answers

    async def _settle(self, item: Item) -> None:
        key = self._by(item)
        if self._last_resort is None or self._failures.get(key, (0, 0.0))[0] < HOPELESS_AFTER:
            return
        try:
            if await self._last_resort(item):
                self._failures.pop(key, None)
        except Exception as error:
            if is_away(error):
                raise
            _log.error("row_hopeless", loop=self._loop, row=str(key), error=f"{type(error).__name__}: {error}")

    def failed(self, item: Item, error: BaseException) -> None:
        """Let a row rest that failed. For a loop that isolates its rows itself."""
        key = self._by(item)
        times, _ = self._failures.pop(key, (0, 0.0))
        wait = min(FIRST_WAIT * 2 ** min(times, 20), LONGEST_WAIT)
        self._failures[key] = times + 1, self._clock() + wait
        while len(self._failures) > MOST_RESTING:
            del self._failures[next(iter(self._failures))]
        rows_failed.labels(loop=self._loop).inc()
        _log.warning(
            "row_failed", loop=self._loop, row=str(key), again_in=wait, error=f"{type(error).__name__}: {error}"
        )

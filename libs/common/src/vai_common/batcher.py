"""Group commit: writes the items that are there in one batch. It waits for more only if no caller waits (rule 17)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Literal, TypeVar

import asyncpg

from vai_common.db import is_away
from vai_common.telemetry import apart

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AGAIN_SECONDS = 0.5
"""Seconds between two tries to write a batch while the database is away."""

_OF_ONE = (
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectInUseError,
    asyncpg.QueryCanceledError,
)
"""Errors that count as "away" although a single item may cause them: a locked row, a deadlock, a slow statement."""


class Overloaded(Exception):
    """More items wait than the batcher may hold; try again later."""


class Batcher(Generic[Item, Answer]):
    """Collects items that arrive while earlier ones are written. `flush` writes a batch and answers in its order.

    On an idle system an item is flushed at once, alone, unless it may wait `linger` seconds for others. A batch that
    fails is halved until the bad item is alone, and only its caller gets the error. So `flush` must be safe to call
    again with the same item. With `halves=False` nothing is halved, and all callers get the error.

    Nothing is halved while the database is away (`vai_common.db.is_away`): the batch is flushed once more
    (`again`), or its
    callers see the error at once (`fail`), or it is kept and flushed until the database takes it (`keep`).
    """

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[list[Answer]]],
        *,
        most: int = 200,
        in_flight: int = 2,
        most_waiting: int = 10_000,
        linger: float = 0.0,
        halves: bool = True,
        when_away: Literal["again", "fail", "keep"] = "again",
    ) -> None:
        self._flush = flush
        self._most = most
        self._in_flight = in_flight
        self._most_waiting = most_waiting
        self._linger = linger
        self._halves = halves
        self._when_away = when_away
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    async def submit(self, item: Item) -> Answer:
        """Return the answer for this item when its batch is committed. Raises `Overloaded`, or what `flush` raised."""
        return await self.put(item)

    def put(self, item: Item) -> asyncio.Future[Answer]:
        """Like `submit`, but returns a future, for callers that wait later."""
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._workers) < self._in_flight:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return future

    async def drained(self) -> None:
        """Return when no item waits and no batch is being written."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self) -> None:
        try:
            with apart():
                while self._waiting:
                    if self._linger:
                        await asyncio.sleep(self._linger)
                    batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                    await self._write(batch)
        finally:
            # Here and not in the task's callback: an item put in between would be left to a task that has ended.
            self._workers.discard(asyncio.current_task())

    async def _write(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._flushed([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1 or not self._halves or _is_gone(error):
                for _, future in batch:
                    _settle(future, error=error)
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    async def _flushed(self, items: list[Item]) -> list[Answer]:
        """Flush and return the answers. While the database is away, do what `when_away` says."""
        tries = 0
        while True:
            try:
                return await self._flush(items)
            except Exception as error:
                tries += 1
                kept = self._when_away == "keep" and is_away(error) and (len(items) == 1 or _is_gone(error))
                once_more = self._when_away == "again" and tries == 1 and _is_gone(error)
                if not kept and not once_more:
                    raise
                if kept:
                    await asyncio.sleep(AGAIN_SECONDS)


def _is_gone(error: Exception) -> bool:
    """Whether the error has nothing to do with any item of the batch."""
    return is_away(error) and not isinstance(error, _OF_ONE)


def _settle(future: asyncio.Future[Answer], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # Retrieve the exception, so that asyncio logs no warning if the caller has gone.

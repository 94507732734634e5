"""What runs say while they work, gathered from all runs of a worker and written in batches (rule 10)."""

import asyncio
from typing import Any
from uuid import UUID

from common.batcher import Batcher, Overloaded
from common.loops import every
from records import hot
from records.hot import Entry

PROGRESS_SECONDS = 0.25


class Reports:
    """Log entries at once and in order; progress at most every quarter of a second, the last one counts."""

    def __init__(self, pool: Any, worker: str) -> None:
        self._pool = pool
        self._worker = worker
        self._entries: Batcher[tuple[UUID, int, Entry], None] = Batcher(self._write, most=500, in_flight=1)
        self._progress: dict[tuple[UUID, int], dict[str, Any]] = {}
        self._waiting = asyncio.Event()

    def log(self, run_id: UUID, epoch: int, entry: Entry) -> "asyncio.Future[None] | None":
        """Hands an entry over; the answer is done when it is written, None where too many wait."""
        try:
            return self._entries.put((run_id, epoch, entry))
        except Overloaded:
            return None

    def progress(self, run_id: UUID, epoch: int, progress: dict[str, Any]) -> None:
        self._progress[run_id, epoch] = progress
        self._waiting.set()

    async def write_progress(self) -> None:
        """Writes progress for ever."""
        await every(PROGRESS_SECONDS, self.write_progress_once)

    async def write_progress_once(self) -> None:
        await self._waiting.wait()
        self._waiting.clear()
        taken, self._progress = self._progress, {}
        if taken:
            await hot.progress(self._pool, [(run_id, epoch, value) for (run_id, epoch), value in taken.items()])

    async def _write(self, entries: list[tuple[UUID, int, Entry]]) -> list[None]:
        await hot.log(self._pool, entries, self._worker)
        return [None] * len(entries)

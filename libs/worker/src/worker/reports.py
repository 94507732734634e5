"""What runs say while they work, gathered from all runs of a worker and written in batches (rule 10)."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from common.batcher import Batcher, Overloaded
from common.db import is_away
from common.loops import every
from common.telemetry import log_entries_dropped
from records import hot
from records.hot import Entry

_log = structlog.get_logger()

PROGRESS_SECONDS = 0.25

Progress = tuple[UUID, int, dict[str, Any]]


class Reports:
    """Log entries at once and in order; progress at most every quarter of a second, the last one counts.

    While the database is away entries wait, `most_waiting` at most, and progress is replaced.
    """

    def __init__(self, pool: Any, worker: str, most_waiting: int = 10_000) -> None:
        self._pool = pool
        self._worker = worker
        self._most_waiting = most_waiting
        # One batch after another: a later number of a run must not be written before an earlier one (`records.hot`).
        self._entries: Batcher[tuple[UUID, int, Entry], None] = Batcher(
            self._write, most=500, in_flight=1, most_waiting=2 * most_waiting, when_away="keep"
        )
        self._progress: dict[tuple[UUID, int], dict[str, Any]] = {}
        self._waiting = asyncio.Event()

    @property
    def has_room(self) -> bool:
        return len(self._entries) < self._most_waiting

    def log(self, run_id: UUID, epoch: int, entry: Entry, *, needed: bool = False) -> "asyncio.Future[None] | None":
        """Hands an entry over; the answer is done when it is written, None where too many wait.

        A few that are `needed` are taken all the same.
        """
        if not self.has_room and not needed:
            return None
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
        if not taken:
            return
        try:
            await self._write_progress([(run_id, epoch, value) for (run_id, epoch), value in taken.items()])
        except Exception:
            self._progress = taken | self._progress
            self._waiting.set()
            raise

    async def _write_progress(self, values: list[Progress]) -> None:
        """One run's value that cannot be stored stops nobody else's (rule 22)."""
        try:
            await hot.progress(self._pool, values)
        except Exception as error:
            if is_away(error):
                raise
            if len(values) == 1:
                _log.warning("progress_not_stored", run_id=str(values[0][0]), error=repr(error))
                return
            middle = len(values) // 2
            await self._write_progress(values[:middle])
            await self._write_progress(values[middle:])

    async def _write(self, entries: list[tuple[UUID, int, Entry]]) -> list[None]:
        await hot.log(self._pool, entries, self._worker)
        return [None] * len(entries)


class RunLog:
    """One run's entries in one worker's hands: numbered, so that none is written twice, and none lost in silence."""

    def __init__(self, run_id: UUID, epoch: int) -> None:
        self._run_id = run_id
        self._epoch = epoch
        self._number = 0
        self._dropped = 0
        self._last: asyncio.Future[None] | None = None

    def add(self, reports: Reports, event: str, message: str, data: dict[str, Any], level: str) -> None:
        """Hands an entry over. What is dropped is counted, and said by the next entry that is not."""
        if self._dropped and reports.has_room:
            self._say_what_is_missing(reports)
        self._put(reports, Entry(event, message, data, level))

    async def flushed(self, reports: Reports) -> None:
        """Returns when all that was logged is written, or could not be and that is said."""
        for _ in range(2):
            self._say_what_is_missing(reports)
            if self._last is not None:
                await asyncio.wait([self._last])

    def _say_what_is_missing(self, reports: Reports) -> None:
        if missing := self._dropped:
            text = f"{missing} entries are missing here: the database could not take them."
            if self._put(reports, Entry("log_entries_dropped", text, {"entries": missing}, "warning"), needed=True):
                self._dropped -= missing

    def _put(self, reports: Reports, entry: Entry, *, needed: bool = False) -> bool:
        written = reports.log(self._run_id, self._epoch, replace(entry, number=self._number + 1), needed=needed)
        if written is None:
            self._drop()
            return False
        self._number += 1
        self._last = written
        written.add_done_callback(self._on_written)
        return True

    def _on_written(self, written: "asyncio.Future[None]") -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            _log.warning("log_entry_not_stored", run_id=str(self._run_id), error=repr(error))
            self._drop()

    def _drop(self) -> None:
        self._dropped += 1
        log_entries_dropped.inc()

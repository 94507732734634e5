"""What runs say while they work, gathered from all runs of a worker and written in batches (rule 10)."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from vai_common.batcher import Batcher, Overloaded
from vai_common.db import is_away
from vai_common.loops import every
from vai_common.queries import Pool
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_worker.metrics import log_entries_dropped, log_entries_written

_log = structlog.get_logger()

PROGRESS_SECONDS = 0.25
_MOST = 500

LOCKED_SECONDS = 0.02, 1.0
"""Between two tries to write what a locked row was passed over for: the first, doubled up to the last."""

Lease = tuple[UUID, int]
Progress = tuple[UUID, int, dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """An entry on its way; `written` is done when it is."""

    lease: Lease
    entry: Entry
    written: "asyncio.Future[None]"


class Reports:
    """Log entries at once and in order; progress at most every quarter of a second, the last one counts.

    While the database is away entries wait, `most_waiting` at most, and progress is replaced. Those of a run whose row
    somebody holds wait by themselves: nobody else's do.
    """

    def __init__(self, pool: Pool, worker: str, most_waiting: int = 10_000) -> None:
        self._pool = pool
        self._worker = worker
        self._most_waiting = most_waiting
        # One batch at a time: an earlier number of a run must be written before a later one (`runs.statements`).
        self._entries: Batcher[Line, None] = Batcher(
            self._write, most=_MOST, in_flight=1, most_waiting=2 * most_waiting, when_away="keep"
        )
        self._behind: dict[Lease, list[Line]] = {}
        self._catching_up: asyncio.Task[None] | None = None
        self._progress: dict[Lease, dict[str, Any]] = {}
        self._waiting = asyncio.Event()

    @property
    def has_room(self) -> bool:
        behind = sum(map(len, self._behind.values())) if self._behind else 0
        return len(self._entries) + behind < self._most_waiting

    def log(self, run_id: UUID, epoch: int, entry: Entry, *, needed: bool = False) -> "asyncio.Future[None] | None":
        """Hands an entry over; the answer is done when it is written, None where too many wait.

        A few that are `needed` are taken all the same.
        """
        if not self.has_room and not needed:
            return None
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._entries.put(Line((run_id, epoch), entry, written)).add_done_callback(partial(_pass_on, written))
        except Overloaded:
            return None
        return written

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
            for lease in await statements.progress(self._pool, values):
                # Unless something newer has come meanwhile. Asked again with the next turn.
                self._progress.setdefault(lease, next(value for *of, value in values if tuple(of) == lease))
                self._waiting.set()
        except Exception as error:
            if is_away(error):
                raise
            if len(values) == 1:
                _log.warning("progress_not_stored", run_id=str(values[0][0]), error=repr(error))
                return
            middle = len(values) // 2
            await self._write_progress(values[:middle])
            await self._write_progress(values[middle:])

    async def _write(self, lines: list[Line]) -> list[None]:
        """Writes what may be written; what is behind, or comes after what is, follows in `_catch_up`."""
        await self._send([line for line in lines if line.lease not in self._behind])
        for line in lines:
            if not line.written.done():
                self._behind.setdefault(line.lease, []).append(line)
        if self._behind and self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up())
        return [None] * len(lines)

    async def _send(self, lines: list[Line]) -> None:
        if not lines:
            return
        locked = await statements.log(self._pool, [(*line.lease, line.entry) for line in lines], self._worker) or ()
        written = [line for line in lines if line.lease not in locked]
        for line in written:
            if not line.written.done():
                line.written.set_result(None)
        log_entries_written.inc(len(written))

    async def _catch_up(self) -> None:
        """Asks again for the rows that were locked, each by itself, until nothing is behind."""
        wait, longest = LOCKED_SECONDS
        try:
            while self._behind:
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)
                for lease in list(self._behind):
                    await self._send_behind(lease)
        finally:
            self._catching_up = None

    async def _send_behind(self, lease: Lease) -> None:
        lines = self._behind[lease]
        while lines:
            taken = lines[:_MOST]
            try:
                await self._send(taken)
            except Exception as error:
                if is_away(error):
                    return
                taken = taken[:1]
                await self._send_one(taken[0])
            if not taken[-1].written.done():
                return
            del lines[: len(taken)]
        del self._behind[lease]

    async def _send_one(self, line: Line) -> None:
        """An entry that cannot be stored costs only itself."""
        try:
            await self._send([line])
        except Exception as error:
            if not is_away(error) and not line.written.done():
                line.written.set_exception(error)


def _pass_on(written: "asyncio.Future[None]", handed_over: "asyncio.Future[None]") -> None:
    """A line that the batcher could not write is not written."""
    if not handed_over.cancelled() and (error := handed_over.exception()) is not None and not written.done():
        written.set_exception(error)


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

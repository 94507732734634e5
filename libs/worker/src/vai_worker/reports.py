"""Log entries and progress of all runs of a worker, written in batches (rule 10)."""

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
from vai_records.runs.subject import subject
from vai_worker.metrics import log_entries_dropped, log_entries_written

_log = structlog.get_logger()

PROGRESS_SECONDS = 0.25
_MOST = 500

LOCKED_SECONDS = 0.02, 1.0
"""Seconds until a locked row is tried again: the first wait, doubled up to the last."""

Lease = tuple[UUID, int]
Progress = tuple[UUID, int, dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """An entry that is being written. `written` is done when it is."""

    lease: Lease
    entry: Entry
    written: "asyncio.Future[None]"


class Reports:
    """Writes log entries at once and in order, and the last progress every quarter of a second at most.

    While the database is away entries wait, `most_waiting` at most, and progress is replaced. If the row of a run is
    locked, only the entries of this run wait.
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
        """Take an entry. Return a future that is done when it is written, or None if too many wait.

        A few more are accepted if they are `needed`.
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
        """Write progress for ever."""
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
        """Write progress such that a value that cannot be stored does not block those of other runs (rule 22)."""
        try:
            for lease in await statements.progress(self._pool, values):
                # Unless newer progress has come meanwhile. Tried again in the next turn.
                self._progress.setdefault(lease, next(value for *of, value in values if tuple(of) == lease))
                self._waiting.set()
        except Exception as error:
            if is_away(error):
                raise
            if len(values) == 1:
                _log.warning("progress_not_stored", **await subject(self._pool, values[0][0]), error=repr(error))
                return
            middle = len(values) // 2
            await self._write_progress(values[:middle])
            await self._write_progress(values[middle:])

    async def _write(self, lines: list[Line]) -> list[None]:
        """Write the entries that can be written. Those of locked rows, and later ones, follow in `_catch_up`."""
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
        """Try the rows that were locked again, each by itself, until all entries are written."""
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
        """If an entry cannot be stored, only this one is lost."""
        try:
            await self._send([line])
        except Exception as error:
            if not is_away(error) and not line.written.done():
                line.written.set_exception(error)


def _pass_on(written: "asyncio.Future[None]", handed_over: "asyncio.Future[None]") -> None:
    """Mark a line that the batcher could not write."""
    if not handed_over.cancelled() and (error := handed_over.exception()) is not None and not written.done():
        written.set_exception(error)


class RunLog:
    """The log entries of one run in one worker. They are numbered, so that none is written twice or lost silently."""

    def __init__(self, run_id: UUID, epoch: int) -> None:
        self._run_id = run_id
        self._epoch = epoch
        self._number = 0
        self._dropped = 0
        self._last: asyncio.Future[None] | None = None

    def add(self, reports: Reports, event: str, message: str, data: dict[str, Any], level: str) -> None:
        """Take an entry. Dropped entries are counted, and the next one that is written tells their number."""
        if self._dropped and reports.has_room:
            self._say_what_is_missing(reports)
        self._put(reports, Entry(event, message, data, level))

    async def flushed(self, reports: Reports) -> None:
        """Return when all entries are written, or the number of missing ones is."""
        for _ in range(2):
            self._say_what_is_missing(reports)
            if self._last is not None:
                await asyncio.wait([self._last])

    async def written_or_after(self, seconds: float) -> None:
        """Return when the last entry is written, or after so many seconds."""
        if self._last is None or self._last.done():
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait([self._last], timeout=seconds)

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

"""How the work on a run ends: its outcome, and the transition that follows from it (decisions 18, 20).

While the database is away, an ending is kept and written later. No other worker gets the run meanwhile (rule 23).
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeGuard

import asyncpg
import structlog

from vai_common.batcher import Batcher
from vai_common.clock import steady_seconds
from vai_common.db import dump_json, is_away
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.metrics import series
from vai_common.nesting import DEEPEST_MADE, is_deeper
from vai_common.queries import Pool, Row
from vai_common.telemetry import exemplar, note, span, span_traceparent
from vai_records.events import events
from vai_records.lifecycle.entry import Entry
from vai_records.metrics import runs_given_up
from vai_records.runs import statements
from vai_records.runs.row import EndedRun
from vai_records.runs.statements import Ending
from vai_worker import lifecycle, metrics
from vai_worker.insist import FIRST_WAIT, insist
from vai_worker.kind import Park
from vai_worker.lifecycle import Held, Holder
from vai_worker.owned import Owned
from vai_worker.retry_rules import backoff, final_error, is_spared, policy_of, spared_wait

_log = structlog.get_logger()

_LOCKED_WAIT = 0.005
"""Seconds until a locked row is tried again, doubled each time. Mostly another statement of ours holds it."""

_READ = "SELECT * FROM runs WHERE id = $1"
_OF_CONNECTIONS = (ErrorCode.AUTH_ERROR, ErrorCode.CONNECTION_ERROR)
_UNSTORABLE = (TypeError, ValueError, asyncpg.DataError, asyncpg.ProgramLimitExceededError)
_LONGEST_REASON = 300


class Endings:
    """Writes the endings of runs, in batches.

    `on_ending` is called for a run whose work is over, `on_ended` with each row that a finishing statement returned,
    `on_left` with each row of a run that goes on later and leaves its place to others meanwhile.
    """

    def __init__(
        self,
        pool: Pool,
        holder: Holder,
        on_ending: Callable[[Owned], None],
        on_ended: Callable[[Sequence[Row]], None],
        on_left: Callable[[Sequence[Row]], None] = lambda rows: None,
    ) -> None:
        self._pool = pool
        self._holder = holder
        self._on_ending = on_ending
        self._on_ended = on_ended
        self._on_left = on_left
        self._batcher: Batcher[Ending, EndedRun | None] = Batcher(self._finish, most=200, in_flight=1, when_away="fail")

    async def complete(self, run: Owned, result: dict[str, Any]) -> Row | None:
        """running → completed. Return the row, or None if the run is no longer ours."""
        if is_deeper(result, DEEPEST_MADE):
            message = f"The result is nested deeper than {DEEPEST_MADE} levels: make it flatter."
            return await self.fail(run, Permanent(ErrorCode.DATA_ERROR, message))
        how, level = ("with errors", "warning") if result.get("failed_resources") else ("successfully", "info")
        text = f"Run completed {how} in {_spoken(_seconds(run))}"
        try:
            entry = Entry("run_completed", text, _summary(run, result), level)
            return await self._end(run, "completed", entry, result=result)
        except _UNSTORABLE as error:
            message = f"The result cannot be stored as JSON: {_plain(error)}."
            return await self.fail(run, Permanent(ErrorCode.DATA_ERROR, message))

    async def fail(self, run: Owned, error: RunError) -> Row | None:
        """running → failed, or delayed if another attempt may help and one is left."""
        policy = policy_of(run)
        note({}, error.code.value)
        if is_spared(run, error, policy):
            return await self._until_answered(run, lambda: self._spare(run, error, spared_wait(run, error, policy)))
        final = final_error(error, run.attempt, policy)
        if final is None:
            asked = error.retry_after if isinstance(error, Retryable) else None
            wait = backoff(policy, run.attempt, asked)
            return await self._until_answered(run, lambda: self._retry(run, error, wait))
        await _tell_of_connection(run, final)
        entry = Entry("run_failed", final.message, final.as_json(), "error")
        return await self._until_answered(run, lambda: self._end(run, "failed", entry, error=final.as_json()))

    async def cancel(self, run: Owned) -> Row | None:
        """running → cancelled, because somebody asked for it."""
        entry = Entry("run_cancelled", "Cancelled by a user.", {}, "warning")
        return await self._end(run, "cancelled", entry)

    async def park(self, run: Owned, parked: Park) -> Row | None:
        """leased → parked. If something else was asked of the run, that is done instead."""
        await run.flushed()
        return await self._until_answered(run, lambda: self._park(run, parked))

    async def pause(self, run: Owned, *, over: bool = False) -> bool:
        """leased → paused. Return False if the pause was taken back: go on. `over`: this attempt's work has ended."""
        held = Held(run.id, run.epoch, run.begun and not over)

        def is_wanted(row: Row) -> bool:
            return row["control"] == "pause" and (run.may_rerun or not held.begun)

        return self._left(
            await self._unlocked(run, lambda: lifecycle.pause(self._pool, self._holder, [held]), is_wanted)
        )

    async def give_up(self, run: Owned, error: BaseException) -> Row | None:
        """The last guard: end a run that could not be ended otherwise; the statement needs only its id (rule 23)."""
        _log.error("run_given_up", run_id=str(run.id), error=repr(error))
        self._on_ending(run)
        message = f"The outcome of the run could not be stored: {_plain(error)}. Report it with the run's id."
        held = [Held(run.id, run.epoch, run.begun)]

        async def end() -> Sequence[Row]:
            rows = await lifecycle.give_up(self._pool, self._holder, held, message)
            return rows or await lifecycle.cancel(self._pool, self._holder, held)

        try:
            rows = await self._unlocked(run, end, lambda row: True)
        except Exception as damage:
            _log.error("run_ends_without_its_entry", run_id=str(run.id), error=repr(damage))
            rows = await insist(run.id, lambda: self._end_anyway(held[0], message))
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
            metrics.runs_ended.labels(kind=row["kind"], status=row["status"]).inc()
        self._on_ended(rows)
        return rows[0] if rows else None

    async def _end_anyway(self, held: Held, message: str) -> Sequence[Row]:
        async with self._pool.acquire() as conn:
            _, rows = await lifecycle.end_anyway(conn, self._holder, held, message)
        return rows

    async def drained(self) -> None:
        await self._batcher.drained()

    async def _until_answered(self, run: Owned, step: Callable[[], Awaitable[Row | bool | None]]) -> Row | None:
        """Take the step. If the row refuses it, do what its `control` says instead, or try again."""
        wait = FIRST_WAIT
        while True:
            if answer := await step():
                return None if answer is True else answer
            row = await self._read(run)
            if not self._is_ours(row, run.epoch):
                return None
            if row["control"] == "cancel":
                return await self.cancel(run)
            if row["control"] == "pause" and await self.pause(run, over=True):
                return None
            await asyncio.sleep(wait)
            wait = min(2 * wait, 1.0)

    async def _unlocked(
        self, run: Owned, step: Callable[[], Awaitable[Sequence[Row]]], is_wanted: Callable[[Row], bool]
    ) -> Sequence[Row]:
        """The rows of a step that skips locked rows. It is tried again as long as the run is ours and its row says that
        the step `is_wanted`. Meanwhile no connection is held."""
        wait = _LOCKED_WAIT
        while True:
            if rows := await insist(run.id, step):
                return rows
            row = await self._read(run)
            if not self._is_ours(row, run.epoch) or not is_wanted(row):
                return []
            await asyncio.sleep(wait)
            wait = min(2 * wait, 1.0)

    async def _retry(self, run: Owned, error: RunError, wait: float) -> bool:
        later = (run.id, run.epoch, error, wait)
        left = self._left(await insist(run.id, lambda: lifecycle.retry(self._pool, self._holder, *later)))
        return _counted(run, error, left)

    async def _spare(self, run: Owned, error: RunError, wait: float) -> bool:
        quota = error.code is ErrorCode.RATE_LIMITED
        later = (run.id, run.epoch, error, wait)
        spare = partial(lifecycle.spare, quota=quota, advanced=run.advanced)
        left = self._left(await insist(run.id, lambda: spare(self._pool, self._holder, *later)))
        return _counted(run, error, left)

    async def _park(self, run: Owned, parked: Park) -> bool:
        values = (run.id, run.epoch, parked)
        return self._left(await insist(run.id, lambda: lifecycle.park(self._pool, self._holder, *values)))

    def _left(self, rows: Sequence[Row]) -> bool:
        self._on_left(rows)
        return bool(rows)

    async def _end(
        self,
        run: Owned,
        status: str,
        entry: Entry,
        *,
        result: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> Row | None:
        self._on_ending(run)
        await run.flushed()
        told = events.outcome(result, error, len(dump_json(result)) if result else 0)
        ending = Ending(run.id, run.epoch, status, result, error, run.progress, entry, told, span_traceparent())
        with span("finish"):
            row = await self._ended(run, ending)
        if row is not None:
            series(metrics.runs_ended, run.kind, status).inc()
            series(metrics.run_duration_seconds, run.kind, status).observe(_seconds(run), exemplar())
            run.say(f"run_{status}", None if error is None else error["code"])
            _count_outcome(run.kind, result, error)
        return row

    async def _ended(self, run: Owned, ending: Ending) -> Row | None:
        """End the run. If the answer to a COMMIT was lost, read the row before trying again (rule 1).

        The statement skips a locked row, which is tried again, so that no other ending waits for it.
        """
        wait, is_unsure = _LOCKED_WAIT, False
        while True:
            try:
                if (ended := await self._batcher.submit(ending)) is not None:
                    return ended
            except Exception as error:
                if not is_away(error):
                    raise
                is_unsure = True
                _log.warning("finish_unanswered", run_id=str(ending.run_id), error=repr(error))
            row = await self._read(run)
            if not self._is_ours(row, ending.epoch):
                was_it = is_unsure and _is_over(row, ending.epoch) and row["status"] == ending.status
                return row if was_it else None
            if not _may_end(row, ending):
                return None
            await asyncio.sleep(wait)
            wait = min(2 * wait, 1.0)

    async def _read(self, run: Owned) -> Row | None:
        return await insist(run.id, lambda: self._pool.fetchrow(_READ, run.id))

    def _is_ours(self, row: Row | None, epoch: int) -> TypeGuard[Row]:
        if row is None or row["phase"] != "leased":
            return False
        return bool(row["epoch"] == epoch and row["lease_owner"] == self._holder.id)

    async def _finish(self, endings: list[Ending]) -> list[EndedRun | None]:
        rows = await statements.finish(self._pool, endings, self._holder.id, self._holder.name)
        self._on_ended(rows)
        by_id = {row["id"]: row for row in rows}
        return [by_id.get(ending.run_id) for ending in endings]


def _counted(run: Owned, error: RunError, left: bool) -> bool:
    """Return the rows, and count a retry if the run waits for its next attempt."""
    if left:
        run.say("run_retrying", error.code.value)
        metrics.run_retries.labels(kind=run.kind, code=error.code.value).inc()
    return left


def _count_outcome(kind: str, result: dict[str, Any] | None, error: dict[str, Any] | None) -> None:
    if error is not None:
        metrics.run_failures.labels(kind=kind, code=error["code"]).inc()
    elif result and isinstance(records := result.get("recordsProcessed"), int) and records > 0:
        metrics.run_records.labels(kind=kind).inc(records)


def _may_end(row: Row, ending: Ending) -> bool:
    """Whether the finishing statement would accept it: a completion always, else as `control` says (decision 20)."""
    return ending.status == "completed" or (ending.status == "cancelled") == (row["control"] == "cancel")


def _is_over(row: Row | None, epoch: int) -> TypeGuard[Row]:
    """Whether the run ended in this epoch, that is, by us: only the answer to the COMMIT was lost."""
    return bool(row is not None and row["phase"] == "done" and row["epoch"] == epoch)


async def _tell_of_connection(run: Owned, error: RunError) -> None:
    """Record a final AUTH_ERROR or CONNECTION_ERROR at the connection (decision 30), before the run ends, so that a
    crash cannot lose it. If this fails, the run ends all the same.
    """
    if run.connection_id is None or error.code not in _OF_CONNECTIONS:
        return
    tries = itertools.count()
    try:
        await insist(run.id, lambda: run.connection_failed(error.as_json(), again=next(tries) > 0))
    except Exception as untold:
        _log.warning("connection_error_untold", run_id=str(run.id), error=repr(untold))


def _seconds(run: Owned) -> float:
    return steady_seconds() - run.claimed


def _summary(run: Owned, result: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"duration_seconds": round(_seconds(run), 3)}
    if "recordsProcessed" in result:
        data["rows"] = result["recordsProcessed"]
    if result.get("failed_resources"):
        data["failed_resources"] = result["failed_resources"]
    return data


def _plain(error: BaseException) -> str:
    """The error's text in a form that any database can store."""
    text = f"{type(error).__name__}: {error}"[:_LONGEST_REASON].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


def _spoken(seconds: float) -> str:
    """4h 15m, 2m 5s, 0.3s."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s"

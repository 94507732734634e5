"""How a run is let go: what its work came to, and the transition that follows (decisions 18, 20, 25)."""

import asyncio
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from common.batcher import Batcher
from common.clock import steady_seconds
from common.db import AWAY, dump_json
from common.errors import ErrorCode, Permanent, Retryable, RunError
from common.telemetry import run_seconds, runs_ended
from records import events, hot
from records.definitions.base import Retry
from records.hot import Ending, Entry
from worker import lifecycle
from worker.kind import Park
from worker.lifecycle import Holder
from worker.owned import Owned

_log = structlog.get_logger()

_READ = "SELECT status, phase, epoch, control, lease_owner FROM runs WHERE id = $1"
_OF_CONNECTIONS = (ErrorCode.AUTH_ERROR, ErrorCode.CONNECTION_ERROR)
_UNSTORABLE = (TypeError, asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class Endings:
    """Writes how runs end, in batches.

    `on_ending` hears of a run whose work is over, `on_ended` each row that the finishing statement answered.
    """

    def __init__(
        self,
        pool: Any,
        holder: Holder,
        on_ending: Callable[[Owned], None],
        on_ended: Callable[[list[Any]], None],
    ) -> None:
        self._pool = pool
        self._holder = holder
        self._on_ending = on_ending
        self._on_ended = on_ended
        self._batcher: Batcher[Ending, Any] = Batcher(self._finish, most=200, in_flight=1)

    async def complete(self, run: Owned, result: dict[str, Any]) -> Any:
        """running → completed; answers the row, or None where the run is no longer ours."""
        entry = Entry("run_completed", f"Run completed successfully in {_spoken(_seconds(run))}", _summary(run, result))
        try:
            return await self._end(run, "completed", entry, result=result)
        except _UNSTORABLE as error:
            message = f"The result cannot be stored as JSON: {error}."
            return await self.fail(run, Permanent(ErrorCode.DATA_ERROR, message))

    async def fail(self, run: Owned, error: RunError) -> Any:
        """running → failed, or delayed where another attempt may help and is left."""
        policy = Retry.model_validate(run.definition.get("retry") or {})
        if isinstance(error, Retryable) and run.attempt < policy.max_attempts:
            wait = backoff(policy, run.attempt, error.retry_after)
            if await lifecycle.retry(self._pool, self._holder, run.id, run.epoch, error, wait):
                return None
        else:
            await _tell_of_connection(run, error)
            entry = Entry("run_failed", error.message, error.as_json(), "error")
            if row := await self._end(run, "failed", entry, error=error.as_json()):
                return row
        return await self._carry_out(run, error)

    async def cancel(self, run: Owned) -> Any:
        """running → cancelled, because somebody asked for it."""
        entry = Entry("run_cancelled", "Cancelled by a user.", {}, "warning")
        return await self._end(run, "cancelled", entry)

    async def park(self, run: Owned, parked: Park) -> None:
        """leased → parked; a run of which something else is asked has that carried out instead."""
        await run.flushed()
        if not await lifecycle.park(self._pool, self._holder, run.id, run.epoch, parked):
            await self.release(run)

    async def pause(self, run: Owned) -> bool:
        """leased → paused; False: nobody wants the pause any more, go on."""
        return await lifecycle.pause(self._pool, self._holder, run.id, run.epoch)

    async def release(self, run: Owned) -> None:
        """Whoever releases a run, for whatever reason, carries out what was asked of it."""
        row = await self._pool.fetchrow(_READ, run.id)
        if row is None or row["phase"] != "leased" or row["epoch"] != run.epoch:
            return
        if row["control"] == "cancel":
            await self.cancel(run)
        elif row["control"] == "pause":
            await self.pause(run)

    async def drained(self) -> None:
        await self._batcher.drained()

    async def _carry_out(self, run: Owned, error: RunError) -> Any:
        """The row refused a retry or a failure: does what its `control` says instead."""
        row = await self._pool.fetchrow(_READ, run.id)
        if row is None or row["phase"] != "leased" or row["epoch"] != run.epoch:
            return None
        if row["control"] == "cancel":
            return await self.cancel(run)
        if row["control"] == "pause" and await self.pause(run):
            return None
        return await self.fail(run, error)

    async def _end(
        self,
        run: Owned,
        status: str,
        entry: Entry,
        *,
        result: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> Any:
        self._on_ending(run)
        await run.flushed()
        size = len(dump_json(result)) if result else 0
        ending = Ending(
            run.id, run.epoch, status, result, error, run.progress, entry, events.outcome(result, error, size)
        )
        row = await self._ended(ending)
        if row is not None:
            runs_ended.labels(kind=run.kind, status=status).inc()
            run_seconds.labels(kind=run.kind).observe(steady_seconds() - run.claimed)
        return row

    async def _ended(self, ending: Ending) -> Any:
        """Ends the run; a COMMIT whose answer was lost is asked about, not repeated blindly (rule 1)."""
        while True:
            try:
                return await self._batcher.submit(ending)
            except AWAY as error:
                _log.warning("finish_unanswered", run_id=str(ending.run_id), error=repr(error))
            row = await self._read_back(ending.run_id)
            if row is None or row["epoch"] != ending.epoch or row["phase"] != "leased":
                return None if row is None or row["status"] != ending.status else row

    async def _read_back(self, run_id: UUID) -> Any:
        while True:
            try:
                return await self._pool.fetchrow("SELECT * FROM runs WHERE id = $1", run_id)
            except AWAY:
                await asyncio.sleep(0.5)

    async def _finish(self, endings: list[Ending]) -> list[Any]:
        rows = await hot.finish(self._pool, endings, self._holder.id, self._holder.name)
        self._on_ended(rows)
        by_id = {row["id"]: row for row in rows}
        return [by_id.get(ending.run_id) for ending in endings]


async def _tell_of_connection(run: Owned, error: RunError) -> None:
    """A final refusal is its connection's, too (decision 30). Told before the run ends, so that no crash loses it.

    Whatever goes wrong with that, the run ends.
    """
    if run.connection_id is None or error.code not in _OF_CONNECTIONS:
        return
    try:
        await run.connection_failed(error.as_json())
    except Exception as untold:
        _log.warning("connection_error_untold", run_id=str(run.id), error=repr(untold))


def backoff(policy: Retry, attempt: int, least: float | None, spread: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: exponential with full jitter, never below what the other side asked for."""
    ceiling = min(policy.initial_interval_seconds * policy.multiplier ** (attempt - 1), policy.max_interval_seconds)
    return max(spread() * ceiling, least or 0.0)


def _seconds(run: Owned) -> float:
    return steady_seconds() - run.claimed


def _summary(run: Owned, result: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"duration_seconds": round(_seconds(run), 3)}
    if "recordsProcessed" in result:
        data["rows"] = result["recordsProcessed"]
    if result.get("failed_resources"):
        data["failed_resources"] = result["failed_resources"]
    return data


def _spoken(seconds: float) -> str:
    """4h 15m, 2m 5s, 0.3s."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s"

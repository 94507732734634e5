"""One owned run, from its claim to its end: the work of its kind, then what the work came to."""

import asyncio
from typing import Any

from common.clock import steady_seconds
from common.errors import ErrorCode, Permanent, RunError, unexpected
from common.telemetry import span
from records.kinds import KINDS, Mode

from worker.endings import Endings
from worker.forks import Forks
from worker.kind import Heavy, Kind, Light
from worker.link import Stop
from worker.owned import LostRun, Owned

SYNC_SECONDS = 30.0
"""The time limit of a SYNC kind that names none (document 000, "Execution Model")."""


class Performer:
    """Does a run's work and lets the run go. Answers the row of its end, or None where it did not end here."""

    def __init__(self, kinds: dict[str, Kind], endings: Endings, forks: Forks) -> None:
        self._kinds = kinds
        self._endings = endings
        self._forks = forks

    async def perform(self, run: Owned) -> Any:
        _set_deadline(run)
        with span(f"run {run.kind}", run.traceparent, run_id=str(run.id)):
            while True:
                try:
                    result = await self._work(run)
                except (LostRun, Permanent) as error:
                    return None if isinstance(error, LostRun) else await self._fail(run, error)
                except RunError as error:
                    return await self._endings.fail(run, error)
                except Stop:
                    if await self._stopped(run):
                        return None
                    continue
                except Exception as error:
                    return await self._endings.fail(run, unexpected(error))
                return await self._endings.complete(run, result)

    async def _work(self, run: Owned) -> dict[str, Any]:
        kind = self._kinds[run.kind]
        if run.stop_reason == "cancel":
            raise Stop
        if isinstance(kind, Heavy) and not _is_light(kind, run):
            return await self._forks.perform(kind, run)
        if not isinstance(kind, Light):
            raise TypeError(f"{kind.name} is neither light nor heavy")
        return await _until_cancelled(run, kind)

    async def _fail(self, run: Owned, error: RunError) -> Any:
        row = await self._endings.fail(run, error)
        refused = error.code in (ErrorCode.AUTH_ERROR, ErrorCode.CONNECTION_ERROR)
        if row is not None and refused and run.connection_id is not None:
            await run.connection_failed(error.as_json())
        return row

    async def _stopped(self, run: Owned) -> bool:
        """Carries out what was asked; False where nobody asks for it any more: the work goes on from its checkpoint."""
        if run.stop_reason == "cancel":
            await self._endings.cancel(run)
            return True
        if run.stop_reason == "pause":
            await run.flushed()
            if await self._endings.pause(run):
                return True
            run.stop_reason = None
            run.stopping.clear()
            return False
        return True


def _is_light(kind: Heavy, run: Owned) -> bool:
    return isinstance(kind, Light) and getattr(kind, "light", lambda definition: False)(run.definition)


async def _until_cancelled(run: Owned, kind: Light) -> dict[str, Any]:
    """A light call ends by itself, at its deadline, or when the run is cancelled or lost; a pause lets it finish."""
    work = asyncio.ensure_future(kind.perform(run))
    try:
        while not work.done():
            stopped = asyncio.ensure_future(run.stopping.wait())
            left = None if run.deadline is None else max(0.0, run.deadline - steady_seconds())
            await asyncio.wait([work, stopped], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if work.done():
                break
            if run.stop_reason not in (None, "pause"):
                raise Stop
            if run.stopping.is_set():
                run.stopping.clear()
            elif run.deadline is not None and steady_seconds() >= run.deadline:
                raise Permanent(ErrorCode.TIMEOUT, "The run took longer than its time limit; raise `timeout_seconds`.")
        return work.result()
    finally:
        work.cancel()


def _set_deadline(run: Owned) -> None:
    limit = run.definition.get("timeout_seconds")
    if limit is None and KINDS[run.kind].mode is Mode.SYNC:
        limit = SYNC_SECONDS
    run.deadline = None if limit is None else run.claimed + limit

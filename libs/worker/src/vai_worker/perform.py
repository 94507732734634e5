"""One owned run, from its claim to its end: the work of its kind, then the ending."""

import asyncio
from typing import Any

from vai_common.errors import ErrorCode, Permanent, RunError, unexpected
from vai_common.queries import Row
from vai_common.telemetry import CONSUMER, is_kept, note, span
from vai_contracts.topics import bell_topic
from vai_records.definitions.kinds import KINDS, Mode
from vai_records.secrets.keys import SecretError
from vai_worker.children.forks import Forks
from vai_worker.children.link import Stop
from vai_worker.endings import Endings
from vai_worker.kind import Kind, Light, Park, is_heavy, is_light
from vai_worker.metrics import leases_lost
from vai_worker.owned import LostRun, Owned

SYNC_SECONDS = 30.0
"""The time limit of a run of a SYNC kind whose definition has none (document 000, "Execution Model")."""

ASYNC_SECONDS = 86_400.0
"""The same for an ASYNC kind, counted from the claim; a transform has a shorter one (rule 24)."""


class Performer:
    """Do a run's work and release the run. Return the row of its end, or None if it did not end here."""

    def __init__(self, kinds: dict[str, Kind], endings: Endings, forks: Forks) -> None:
        self._kinds = kinds
        self._endings = endings
        self._forks = forks

    async def perform(self, run: Owned) -> Row | None:
        """An exception outside of the work itself ends the run, too (rule 23)."""
        try:
            with span(f"run {run.kind}", run.traceparent, None, CONSUMER):
                if is_kept():
                    note(_told(run))
                run.say("lease_acquired")
                return await self._to_its_end(run)
        except Exception as error:
            return await self._endings.give_up(run, error)

    async def _to_its_end(self, run: Owned) -> Row | None:
        while True:
            try:
                result = await self._work(run)
            except LostRun:
                leases_lost.labels(kind=run.kind).inc()
                return None
            except RunError as error:
                return await self._endings.fail(run, error)
            except Park as parked:
                return await self._endings.park(run, parked)
            except Stop:
                if run.stop_reason is None:
                    return await self._endings.fail(run, _unexpected(run, RuntimeError("it stopped by itself")))
                if await self._stopped(run):
                    return None
                continue
            except SecretError as error:
                return await self._endings.fail(run, Permanent(ErrorCode.INTERNAL_ERROR, str(error)))
            except Exception as error:
                return await self._endings.fail(run, _unexpected(run, error))
            return await self._endings.complete(run, result)

    async def _work(self, run: Owned) -> dict[str, Any]:
        kind = self._kinds[run.kind]
        if run.stop_reason == "cancel":
            raise Stop
        await run.opened()
        _set_deadline(run)
        if is_heavy(kind) and not (is_light(kind) and kind.light(run.definition)):
            return await self._forks.perform(kind, run)
        if not is_light(kind):
            raise TypeError(f"{kind.name} is neither light nor heavy")
        return await _until_cancelled(run, kind)

    async def _stopped(self, run: Owned) -> bool:
        """Do what was asked. Return False if it was taken back: the work goes on from its checkpoint."""
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


def _told(run: Owned) -> dict[str, str | int]:
    """What its span says of a run."""
    return {
        "vai.run.id": str(run.id),
        "vai.run.kind": run.kind,
        "vai.run.attempt": run.attempt,
        "vai.run.epoch": run.epoch,
        "vai.organisation.id": str(run.org_id),
        "messaging.destination.name": bell_topic(run.kind),
        "messaging.operation.name": "perform",
        "messaging.operation.type": "process",
    }


async def _until_cancelled(run: Owned, kind: Light) -> dict[str, Any]:
    """A light call ends by itself, at its deadline, or when the run is cancelled or lost. A pause waits for its end."""
    task = asyncio.current_task()
    assert task is not None
    run.on_stop = lambda: task.cancel() if run.stop_reason != "pause" else None
    try:
        async with asyncio.timeout(run.seconds_left):
            return await kind.perform(run)
    except asyncio.CancelledError:
        if not task.cancelling():
            raise RuntimeError("what it waited for was cancelled") from None
        if run.stop_reason is None:
            raise
        task.uncancel()
        raise Stop from None
    except TimeoutError:
        if run.seconds_left != 0:
            raise
        raise run.took_too_long() from None
    finally:
        run.on_stop = None


def _unexpected(run: Owned, error: Exception) -> RunError:
    """The error for an unexpected exception of a kind: retried, unless the run must not be done twice (decision 24)."""
    found = unexpected(error)
    if run.may_rerun or not run.begun:
        return found
    text = f"{found.message} The run may not be done twice: look whether it took effect, then retry it."
    return Permanent(found.code, text, found.details)


def _set_deadline(run: Owned) -> None:
    limit = run.definition.timeout_seconds
    if limit is None:
        limit = SYNC_SECONDS if KINDS[run.kind].mode is Mode.SYNC else ASYNC_SECONDS
    run.deadline = run.claimed + limit

"""The transitions of the gateway: what people ask of a run (decisions 13, 19, 20, 22)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from vai_api_gateway.http.narrow_pool import Narrow
from vai_api_gateway.metrics import runs_immovable
from vai_common.clock import now
from vai_common.db import is_away
from vai_common.messages.bell import AUTOMATION, HELD, ROOM, Bell
from vai_common.messages.notifications import notify
from vai_common.queries import Pool
from vai_records.automations import runs as automation_runs
from vai_records.events.publication import Publisher
from vai_records.events.run_end import follow, offer_room
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.sql_fragments import limited
from vai_records.lifecycle.transitions import PHASES, HeldFor, Owner, Phase, Status, edges_of, moves_of, targets
from vai_records.processes.life import process_channel
from vai_records.runs import runs
from vai_records.runs.held_for import Limits, admit
from vai_records.runs.row import RunRow

_log = structlog.get_logger()

EDGES = edges_of(Owner.GATEWAY)
MOVES = moves_of(Owner.GATEWAY)

_AWAITING, _PENDING, _RUNNING = Status.AWAITING_APPROVAL, Status.PENDING, Status.RUNNING
_UNLEASED = (Phase.QUEUED, Phase.DELAYED, Phase.PAUSED, Phase.PARKED)

CANCEL_PENDING = Step(_PENDING, PHASES[_PENDING], Status.CANCELLED, Phase.DONE)
CANCEL_UNLEASED = Step(_RUNNING, _UNLEASED, Status.CANCELLED, Phase.DONE)
REJECT = Step(
    _AWAITING,
    PHASES[_AWAITING],
    Status.REJECTED,
    Phase.DONE,
    sets="decided_by = $6, decided_at = clock_timestamp(), error = $7::jsonb",
)
_APPROVED = "decided_by = $6, decided_at = clock_timestamp(), approval_values = $7::jsonb"
_UNDECIDED = "r.decided_at IS NULL"
APPROVE = Step(_AWAITING, (Phase.HELD,), _AWAITING, Phase.QUEUED, sets=_APPROVED, guard=_UNDECIDED)
APPROVE_INTO_LIMIT = Step(
    _AWAITING, (Phase.HELD,), _AWAITING, Phase.HELD, sets=f"held_for = 'limit', {_APPROVED}", guard=_UNDECIDED
)
_TO_EXECUTE = "r.held_for IN ('deferred', 'scheduled')"
EXECUTE = Step(_PENDING, (Phase.HELD,), _PENDING, Phase.QUEUED, guard=_TO_EXECUTE)
EXECUTE_INTO_HOLD = Step(_PENDING, (Phase.HELD,), _PENDING, Phase.HELD, sets="held_for = $6::text", guard=_TO_EXECUTE)
PAUSE_PENDING = Step(
    _PENDING, (Phase.HELD, Phase.QUEUED), _PENDING, Phase.PAUSED, guard="r.held_for IS DISTINCT FROM 'approval'"
)
PAUSE_RUNNING = Step(_RUNNING, (Phase.QUEUED, Phase.DELAYED, Phase.PARKED), _RUNNING, Phase.PAUSED)
RESUME_PENDING = Step(_PENDING, (Phase.PAUSED,), _PENDING, Phase.QUEUED)
RESUME_INTO_HOLD = Step(
    _PENDING,
    (Phase.PAUSED,),
    _PENDING,
    Phase.HELD,
    sets="held_for = $6::text, due_at = CASE WHEN $6::text = 'scheduled' THEN r.scheduled_for END",
)
RESUME_RUNNING = Step(_RUNNING, (Phase.PAUSED,), _RUNNING, Phase.QUEUED, guard=f"NOT {limited('r')}")
RESUME_RUNNING_INTO_LIMIT = Step(
    _RUNNING, (Phase.PAUSED,), _RUNNING, Phase.DELAYED, sets="due_at = 'infinity'", guard=limited("r")
)

_CONTROL = """
UPDATE runs SET control = $3, updated_at = clock_timestamp() WHERE id = $1 AND org_id = $2 AND phase = 'leased'
  AND control IS DISTINCT FROM 'cancel' AND control IS DISTINCT FROM $3
RETURNING id, lease_owner
"""
_NO_PAUSE = """
UPDATE runs SET control = NULL, updated_at = clock_timestamp()
WHERE id = $1 AND org_id = $2 AND phase = 'leased' AND control = 'pause'
"""
_CHILDREN = """
SELECT id FROM runs WHERE parent_run_id = ANY($1::uuid[]) AND org_id = $2 AND phase <> 'done' ORDER BY id
"""


class NotAllowed(Exception):
    """The run's status does not allow this. `allowed` are the statuses that it can change to."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.allowed = targets(Status(status))


class Immovable(Exception):
    """The run's record is damaged: the database refuses every change of it."""


class NoSuchRun(Exception):
    """No run with this id in this organisation."""


@dataclass(frozen=True)
class Decisions:
    """People's decisions about runs of one organisation. Each returns the run's row after it."""

    pool: Pool
    bell: Bell
    publisher: Publisher
    process_id: UUID
    org_id: UUID

    async def cancel(self, run_id: UUID) -> RunRow:
        """At once if no worker holds it; else its worker is told and stops within 5 s. Cancels its children, too."""
        run = await self._run(run_id)
        if run["status"] == _AWAITING:
            raise NotAllowed(run["status"], "a run that awaits approval is rejected, not cancelled")
        if run["phase"] == Phase.DONE:
            raise NotAllowed(run["status"], "the run has ended")
        await self._cancel_one(run_id)
        await self._cancel_below([run_id], await self._stop([], [run_id]))
        return await self._run(run_id)

    async def reject(self, run_id: UUID, user_id: UUID | None, reason: str | None, why: str = "Rejected") -> RunRow:
        """awaiting_approval → rejected, also after an approval, until a worker has claimed it."""
        error = {"code": "REJECTED", "message": reason or why, "details": {}, "retryable": False}
        entry = Entry("run_rejected", f"{why}: {reason}" if reason else why, {"reason": reason}, "warning")
        rows = await self._apply(REJECT, [run_id], user_id, error, entry=entry, event="action.rejected")
        return rows[0] if rows else await self._refuse(run_id, "only a run that awaits approval can be rejected")

    async def approve(
        self, run_id: UUID, user_id: UUID | None, limits: Limits, values: dict[str, Any] | None = None
    ) -> RunRow:
        """Record who approved, when and with which values; then `admit` again: it is queued, or held for a limit."""
        held = admit(requires_approval=True, approved=True, deferred=False, limits=limits)
        entry = Entry("run_approved", "Approved", {"approved_by": str(user_id) if user_id else None})
        step = APPROVE if held is None else APPROVE_INTO_LIMIT
        rows = await self._apply(step, [run_id], user_id, values, entry=entry)
        if not rows:
            return await self._refuse(run_id, "only a run that awaits approval can be approved, and only once")
        return self._rung(rows[0])

    async def execute(self, run_id: UUID, limits: Limits) -> RunRow:
        """Start a deferred run, or a scheduled one before its time. What has started stays as it is (decision 13)."""
        run = await self._run(run_id)
        held = admit(requires_approval=run["requires_approval"], approved=False, deferred=False, limits=limits)
        rows = (
            await self._apply(EXECUTE, [run_id])
            if held is None
            else await self._apply(EXECUTE_INTO_HOLD, [run_id], held.value)
        )
        return self._rung(rows[0]) if rows else await self._run(run_id)

    async def pause(self, run_id: UUID) -> RunRow:
        """At once if no worker holds it; else the worker pauses it at the end of a slice. May be repeated.

        Tries again if the run was claimed or released between two statements.
        """
        entry = Entry("run_paused", "Paused", {})
        while True:
            for step in (PAUSE_PENDING, PAUSE_RUNNING):
                if rows := await self._apply(step, [run_id], entry=entry):
                    return rows[0]
            if await self._control(run_id, "pause"):
                return await self._run(run_id)
            run = await self._run(run_id)
            if run["phase"] == Phase.PAUSED or run["control"] == "pause":
                return run
            if not _can_pause(run):
                shown = runs.display_status(run, frozenset([run["kind"]]))
                raise NotAllowed(run["status"], f"a run that is {shown} cannot be paused")

    async def resume(self, run_id: UUID, limits: Limits) -> RunRow:
        """Queue a paused run again. A pause that its worker has not carried out yet is taken back."""
        entry = Entry("run_resumed", "Resumed", {})
        while True:
            for running in (RESUME_RUNNING, RESUME_RUNNING_INTO_LIMIT):
                if rows := await self._apply(running, [run_id], entry=entry):
                    return self._rung(rows[0])
            run = await self._run(run_id)
            later = run["scheduled_for"] is not None and run["scheduled_for"] > now()
            held = admit(
                requires_approval=run["requires_approval"], approved=False, deferred=False, limits=limits, later=later
            )
            step, values = (RESUME_PENDING, ()) if held is None else (RESUME_INTO_HOLD, (held.value,))
            if rows := await self._apply(step, [run_id], *values, entry=entry):
                return self._rung(rows[0])
            async with self._only(run_id):
                await self.pool.execute(_NO_PAUSE, run_id, self.org_id)
            run = await self._run(run_id)
            if run["phase"] == Phase.DONE or run["status"] == _AWAITING:
                raise NotAllowed(run["status"], "only a paused run can be resumed")
            if run["phase"] != Phase.PAUSED:  # else its worker has paused it between the two statements
                return run

    async def stop_automation_runs(self, ids: Sequence[UUID]) -> None:
        """Let no further step of these automation runs start, and cancel running ones. The scheduler ends them."""
        await self._cancel_below([], await self._stop(ids, []))

    async def cancel_left_behind(self, ids: Sequence[UUID]) -> None:
        """Cancel runs of steps whose automation run is over, and their children."""
        await self._cancel_below([], ids)

    async def _cancel_one(self, run_id: UUID) -> None:
        """Try until the run is over or its worker has been told: it may be claimed or released in between."""
        entry = Entry("run_cancelled", "Cancelled by a user", {}, "warning")
        while True:
            for step in (CANCEL_PENDING, CANCEL_UNLEASED):
                if await self._apply(step, [run_id], entry=entry, event="action.cancelled"):
                    return
            if await self._control(run_id, "cancel"):
                return
            run = await self._run(run_id)
            if run["phase"] == Phase.DONE or run["control"] == "cancel" or run["status"] == _AWAITING:
                return

    async def _cancel_below(self, parents: Sequence[UUID], stepped: Sequence[UUID] = ()) -> None:
        """The whole tree below, level by level, in id order (decision 20): child runs, and the runs of the steps of
        automations that were called."""
        while parents or stepped:
            children = [row["id"] for row in await self.pool.fetch(_CHILDREN, list(parents), self.org_id)]
            for run_id in sorted({*children, *stepped}):
                await self._cancel_or_reject(run_id, "parent" if run_id in children else "automation")
            parents = [*children, *stepped]
            stepped = await self._stop([], parents)

    async def _stop(self, ids: Sequence[UUID], called_by: Sequence[UUID]) -> list[UUID]:
        """Stop automation runs, by their ids or by the runs that called them. Return their live runs."""
        stopped = await automation_runs.stop(self.pool, self.org_id, ids, called_by)
        self.bell.ring(AUTOMATION, stopped)
        return await automation_runs.live_runs(self.pool, stopped) if stopped else []

    async def _cancel_or_reject(self, run_id: UUID, of: str) -> None:
        """Try both until one succeeds: an approved run may be claimed in between."""
        why = f"{of} cancelled"
        error = {"code": "REJECTED", "message": why, "details": {}, "retryable": False}
        entry = Entry("run_rejected", f"Rejected: {why}", {"reason": why}, "warning")
        while True:
            await self._cancel_one(run_id)
            if (await self._run(run_id))["status"] != _AWAITING:
                return
            if await self._apply(REJECT, [run_id], None, error, entry=entry, event="action.rejected"):
                return

    async def _control(self, run_id: UUID, word: str) -> bool:
        """Write the `control` of a leased run and notify its worker. If that is lost, the next beat brings it."""
        async with self._only(run_id), _movable(run_id):
            row = await self.pool.fetchrow(_CONTROL, run_id, self.org_id, word)
        if row is None:
            return False
        await notify(self.pool, process_channel(row["lease_owner"]), f"{word} {run_id}")
        return True

    async def _apply(
        self, step: Step, ids: list[UUID], *values: Any, entry: Entry | None = None, event: str | None = None
    ) -> list[RunRow]:
        await self._mine(ids)
        async with self._only(ids[0]):
            try:
                rows = await apply(self.pool, step, ids, *values, entry=entry, event=event, writer=self.process_id)
            except asyncpg.PostgresError as error:
                if is_away(error):
                    raise
                return await self._anyhow(step, ids[0], values, event, error)
        if event is not None:
            await follow(rows, self.pool, self.bell, self.publisher)
        else:
            offer_room(rows, self.bell)
        return rows

    async def _anyhow(
        self, step: Step, run_id: UUID, values: Sequence[Any], event: str | None, error: Exception
    ) -> list[RunRow]:
        """End a run whose record is damaged without the parts that cannot be written (rule 23).

        Raises `Immovable` for other steps, and if even this is refused.
        """
        _log.error("run_damaged", run_id=str(run_id), target=step.target, error=repr(error))
        async with _movable(run_id):
            if event is None or not step.ends:
                raise error
            async with self.pool.acquire() as conn:
                ended, rows = await last_resort.end(conn, step, run_id, *values, event=event, writer=self.process_id)
        await follow(rows, self.pool, self.bell, self.publisher)
        return rows or ([await self._run(run_id)] if ended else [])

    def _only(self, run_id: UUID) -> AbstractAsyncContextManager[None]:
        """However many requests wait for a row that a worker has locked, they use one connection."""
        return self.pool.only(run_id) if isinstance(self.pool, Narrow) else nullcontext()

    async def _mine(self, ids: list[UUID]) -> None:
        for run_id in ids:
            await self._run(run_id)

    async def _run(self, run_id: UUID) -> RunRow:
        run = await runs.get(self.pool, self.org_id, run_id)
        if run is None:
            raise NoSuchRun(run_id)
        return run

    async def _refuse(self, run_id: UUID, why: str) -> RunRow:
        run = await self._run(run_id)
        raise NotAllowed(run["status"], why)

    def _rung(self, run: RunRow) -> RunRow:
        """Ring the bell for a run that has moved: for a worker, or for the dispatcher."""
        if run["phase"] == Phase.QUEUED:
            self.bell.ring(run["kind"], [run["id"]])
        elif run["held_for"] == HeldFor.APPROVAL:
            self.bell.ring(HELD, [run["id"]])
        else:
            self.bell.ring(ROOM, [self.org_id])
        return run


@asynccontextmanager
async def _movable(run_id: UUID) -> AsyncIterator[None]:
    """Log the database's refusal for the operator, and raise `Immovable` for the client."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if is_away(error):
            raise
        runs_immovable.inc()
        _log.error("run_immovable", run_id=str(run_id), error=repr(error))
        raise Immovable(run_id) from error


def _can_pause(run: RunRow) -> bool:
    """Whether a run in this state can be paused. If it was refused, the state has changed since; try again."""
    if run["status"] == _AWAITING or run["phase"] == Phase.DONE:
        return False
    return run["control"] is None and run["held_for"] != HeldFor.APPROVAL

"""The transitions of the workers: how a leased run is released.

Its claim and its end are in `vai_records.runs.statements`.

A cancel comes before a retry or a failure, but not before a completion (decision 20). So the steps below refuse a run
whose `control` asks for something else, and the caller then reads the row. No step queues or pauses a run that must not
be done twice and may have begun (decision 24). Locked rows are skipped; the caller tries again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.errors import ErrorCode, RunError
from vai_common.queries import Connection, Queries
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.sql_fragments import MAY_RERUN
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs.row import RunRow
from vai_worker.kind import Park

MOST_TURNS = 3
"""After so many turns in a row in which a run could not be released, it is ended (rule 23)."""

_OURS = "r.epoch = $6 AND r.lease_owner = $7"
_AMONG_OURS = "r.lease_owner = $6 AND (r.id, r.epoch) IN (SELECT * FROM unnest($1::uuid[], $7::int[]))"
_SAFE = f"({MAY_RERUN} OR NOT r.id = ANY($8::uuid[]))"
_FINAL = "r.control IS DISTINCT FROM 'cancel'"

RETRY = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.DELAYED,
    sets="""retry_count = retry_count + 1, waits_since = NULL, stuck_turns = 0, error = $8::jsonb,
        due_at = clock_timestamp() + $9 * interval '1 s'""",
    guard=f"{_OURS} AND r.control IS NULL",
    skip_locked=True,
)
SPARE = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.DELAYED,
    sets="""waits_since = CASE WHEN $10 THEN coalesce(CASE WHEN $11 THEN NULL ELSE r.waits_since END, clock_timestamp())
        END, stuck_turns = 0, error = $8::jsonb, due_at = clock_timestamp() + $9 * interval '1 s'""",
    guard=f"{_OURS} AND r.control IS NULL",
    skip_locked=True,
)
PAUSE = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.PAUSED,
    sets="control = NULL, interrupt_count = interrupt_count + 1, stuck_turns = 0, recovered = true",
    guard=f"{_AMONG_OURS} AND r.control = 'pause' AND {_SAFE}",
    skip_locked=True,
)
INTERRUPT = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.QUEUED,
    sets="""interrupt_count = interrupt_count + 1, recovered = true,
        stuck_turns = CASE WHEN $9::bool THEN r.stuck_turns + 1 ELSE 0 END""",
    guard=f"{_AMONG_OURS} AND r.control IS NULL AND {_SAFE} AND NOT ($9 AND r.stuck_turns + 1 >= {MOST_TURNS})",
    skip_locked=True,
)
PARK = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.PARKED,
    sets="stuck_turns = 0",
    guard=f"{_OURS} AND r.control IS NULL",
    skip_locked=True,
)
CANCEL = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.CANCELLED,
    Phase.DONE,
    guard=f"{_AMONG_OURS} AND r.control = 'cancel'",
    skip_locked=True,
)
FAIL_UNSAFE = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.FAILED,
    Phase.DONE,
    sets="error = $8::jsonb",
    guard=f"{_AMONG_OURS} AND {_FINAL} AND NOT {MAY_RERUN}",
    skip_locked=True,
)
GIVE_UP = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.FAILED,
    Phase.DONE,
    sets="error = $8::jsonb",
    guard=f"{_AMONG_OURS} AND {_FINAL} AND r.stuck_turns >= $9::int",
    skip_locked=True,
)


@dataclass(frozen=True)
class Holder:
    """The holder of leases: a process, and its name in log entries."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Held:
    """A lease to be released. `begun`: its work may have had an effect outside already."""

    id: UUID
    epoch: int
    begun: bool


async def retry(
    conn: Queries, holder: Holder, run_id: UUID, epoch: int, error: RunError, seconds: float
) -> list[RunRow]:
    """leased → delayed: the run will be tried again in `seconds`. Returns no row if the run's row says otherwise."""
    entry = Entry("run_retrying", f"{error.message} Trying again in {seconds:.1f} s.", error.as_json(), "warning")
    values = (epoch, holder.id, error.as_json(), seconds)
    return await apply(conn, RETRY, [run_id], *values, entry=entry, worker=holder.name)


async def spare(
    conn: Queries,
    holder: Holder,
    run_id: UUID,
    epoch: int,
    error: RunError,
    seconds: float,
    *,
    quota: bool,
    advanced: bool,
) -> list[RunRow]:
    """leased → delayed, without counting the attempt: it has `advanced`, or it waits for a `quota`."""
    why = "It has made progress, so the attempt does not count" if advanced else "The attempt does not count"
    text = f"{error.message} {why}. Trying again in {seconds:.1f} s."
    entry = Entry("run_retrying", text, error.as_json(), "warning")
    values = (epoch, holder.id, error.as_json(), seconds, quota, advanced)
    return await apply(conn, SPARE, [run_id], *values, entry=entry, worker=holder.name)


async def pause(conn: Queries, holder: Holder, held: Sequence[Held]) -> list[RunRow]:
    """leased → paused. Not for runs whose pause was taken back, nor for those that must not go on later."""
    entry = Entry("run_paused", "Paused; what is extracted so far is kept.", {})
    return await apply(conn, PAUSE, *_values(holder, held), _begun(held), entry=entry, worker=holder.name)


async def interrupt(
    conn: Queries, holder: Holder, held: Sequence[Held], why: str, *, stuck: bool = False
) -> list[RunRow]:
    """leased → queued, all in one statement: another worker goes on. Return the rows.

    `stuck` counts a turn in which the run could not be released. A run with too many of these is refused.
    """
    entry = Entry("run_interrupted", f"{why}; the checkpoint is saved and another worker goes on.", {}, "warning")
    values = (*_values(holder, held), _begun(held), stuck)
    return await apply(conn, INTERRUPT, *values, entry=entry, worker=holder.name)


async def park(conn: Queries, holder: Holder, run_id: UUID, epoch: int, parked: Park) -> list[RunRow]:
    """leased → parked: the run waits for something else and holds no slot."""
    entry = Entry("waiting_for_child", parked.message, {"id": str(parked.awaited)})
    return await apply(conn, PARK, [run_id], epoch, holder.id, entry=entry, worker=holder.name)


async def cancel(conn: Queries, holder: Holder, held: Sequence[Held]) -> list[RunRow]:
    """running → cancelled, without a result: the runs for which that was asked."""
    entry = Entry("run_cancelled", "Cancelled by a user.", {}, "warning")
    return await apply(
        conn, CANCEL, *_values(holder, held), entry=entry, event="action.cancelled", worker=holder.name,
        writer=holder.id,
    )  # fmt: skip


async def fail_unsafe(conn: Queries, holder: Holder, held: Sequence[Held], why: str) -> list[RunRow]:
    """running → failed: runs that may have begun and must not be done twice (decision 24)."""
    message = f"{why}, and the run may not be done twice: look whether it took effect, then retry it."
    return await _fail(conn, FAIL_UNSAFE, holder, [one for one in held if one.begun], message)


async def give_up(conn: Queries, holder: Holder, held: Sequence[Held], message: str, turns: int = 0) -> list[RunRow]:
    """running → failed with a plain INTERNAL_ERROR, by a statement that does not read the definition (rule 23).

    Only runs that could not be released at least `turns` times before.
    """
    return await _fail(conn, GIVE_UP, holder, held, message, turns)


async def _fail(
    conn: Queries, step: Step, holder: Holder, held: Sequence[Held], message: str, *more: Any
) -> list[RunRow]:
    error = _internal(message)
    entry = Entry("run_failed", message, error, "error")
    return await apply(
        conn, step, *_values(holder, held), error, *more, entry=entry, event="action.failed", worker=holder.name,
        writer=holder.id, extra={"error": error},
    )  # fmt: skip


async def end_anyway(conn: Connection, holder: Holder, held: Held, message: str) -> tuple[bool, list[RunRow]]:
    """running → failed, or cancelled if that was asked, without the log entry, which cannot be written (rule 23)."""
    error = _internal(message)
    _, *values = _values(holder, [held])
    ended, rows = await last_resort.end(
        conn, GIVE_UP, held.id, *values, error, 0, event="action.failed", extra={"error": error}, writer=holder.id
    )
    if ended:
        return ended, rows
    return await last_resort.end(conn, CANCEL, held.id, *values, event="action.cancelled", writer=holder.id)


async def fail_unclaimable(conn: Connection, holder: Holder, run_id: UUID) -> tuple[bool, list[RunRow]]:
    """queued → failed, with a lease within the same transaction, for a run that cannot be claimed."""
    message = "The run cannot be claimed: its record is damaged. Report it with the run's id."
    async with conn.transaction():
        epoch = await last_resort.take(conn, run_id, holder.id)
        if epoch is None:
            return False, []
        return await end_anyway(conn, holder, Held(run_id, epoch, False), message)


def _internal(message: str) -> dict[str, Any]:
    return {"code": ErrorCode.INTERNAL_ERROR, "message": message, "details": {}, "retryable": True}


def _values(holder: Holder, held: Sequence[Held]) -> tuple[list[UUID], UUID, list[int]]:
    return [one.id for one in held], holder.id, [one.epoch for one in held]


def _begun(held: Sequence[Held]) -> list[UUID]:
    return [one.id for one in held if one.begun]

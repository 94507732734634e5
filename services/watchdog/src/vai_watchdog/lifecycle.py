"""The transitions of the watchdog: what happens to the runs of dead processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Connection, Queries
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.leases import GRACE_SECONDS
from vai_records.lifecycle.transitions import Owner, Phase, Status, edges_of, moves_of
from vai_records.runs.row import RunRow

EDGES = edges_of(Owner.WATCHDOG)
MOVES = moves_of(Owner.WATCHDOG)

MOST_LOSSES = 3
"""How many workers a run may lose without a checkpoint in between. Only losses that count (decision 16)."""

_RUNNING = Status.RUNNING
_THEIRS = "r.lease_owner = $6::uuid AND (r.due_at <= clock_timestamp() OR NOT $7::bool)"
_SAVED = """EXISTS (
    SELECT FROM checkpoints c WHERE c.run_id = r.id AND c.updated_at > coalesce(r.lost_at, r.started_at))"""
_BEFORE = f"CASE WHEN {_SAVED} THEN 0 ELSE r.losses END"


def _counts(alone: str) -> str:
    """Whether this loss counts: its worker held no other run, or the run has lost a worker before.

    If the worker held other runs, too, any of them may be the reason, so a first loss does not count. `alone` is the
    caller's value.
    """
    return f"({alone}::bool OR NOT {_SAVED} AND (r.losses > 0 OR r.spared))"


def _too_many(alone: str) -> str:
    return f"({_counts(alone)} AND {_BEFORE} + 1 >= {MOST_LOSSES})"


_LOSSES = f"""losses = {_BEFORE} + {_counts("$8")}::int, lost_at = clock_timestamp(),
    spared = NOT {_counts("$8")} OR r.spared AND NOT {_SAVED}"""
_LOST_ERROR = "error = $8::jsonb"

RECOVER = Step(
    _RUNNING,
    (Phase.LEASED,),
    _RUNNING,
    Phase.QUEUED,
    sets=f"interrupt_count = interrupt_count + 1, recovered = true, {_LOSSES}",
    guard=f"{_THEIRS} AND r.control IS NULL AND NOT {_too_many('$8')}",
    skip_locked=True,
)
RECOVER_PAUSED = Step(
    _RUNNING,
    (Phase.LEASED,),
    _RUNNING,
    Phase.PAUSED,
    sets="interrupt_count = interrupt_count + 1, recovered = true, control = NULL",
    guard=f"{_THEIRS} AND r.control = 'pause'",
    skip_locked=True,
)
CANCEL_LOST = Step(
    _RUNNING,
    (Phase.LEASED,),
    Status.CANCELLED,
    Phase.DONE,
    guard=f"{_THEIRS} AND r.control = 'cancel'",
    skip_locked=True,
)
# Cancel before failure (decision 20). A row that is locked now must not be moved by a later step that is not for it.
FAIL_UNSAFE = Step(
    _RUNNING,
    (Phase.LEASED,),
    Status.FAILED,
    Phase.DONE,
    sets=_LOST_ERROR,
    guard=f"{_THEIRS} AND r.control IS DISTINCT FROM 'cancel'",
    skip_locked=True,
)
FAIL_TOO_OFTEN_LOST = Step(
    _RUNNING,
    (Phase.LEASED,),
    Status.FAILED,
    Phase.DONE,
    sets=_LOST_ERROR,
    guard=f"{_THEIRS} AND r.control IS NULL AND {_too_many('$9')}",
    skip_locked=True,
)
_EXPIRED = "r.due_at <= clock_timestamp() AND (r.control IS NOT DISTINCT FROM 'cancel') = {}"
CANCEL_DAMAGED = Step(
    _RUNNING, (Phase.LEASED,), Status.CANCELLED, Phase.DONE, guard=_EXPIRED.format("true"), skip_locked=True
)
FAIL_DAMAGED = Step(
    _RUNNING,
    (Phase.LEASED,),
    Status.FAILED,
    Phase.DONE,
    sets="error = $6::jsonb",
    guard=_EXPIRED.format("false"),
    skip_locked=True,
)
_STALE = f"r.recovered AND r.moved_by = 'watchdog' AND r.updated_at < clock_timestamp() - interval '{GRACE_SECONDS} s'"
ABANDON = Step(
    _RUNNING, (Phase.QUEUED,), Status.FAILED, Phase.DONE, sets="error = $6::jsonb", guard=_STALE, skip_locked=True
)


def _error(message: str) -> dict[str, Any]:
    return {"code": "INTERNAL_ERROR", "message": message, "details": {}, "retryable": True}


@dataclass(frozen=True)
class Lost:
    """A worker whose runs are taken back: all of them, or only those whose lease has run out.

    `alone`: it held one run and no other.
    """

    owner: UUID
    only_expired: bool = False
    alone: bool = True


async def recover(conn: Queries, ids: Sequence[UUID], lost: Lost, event: str, why: str) -> list[RunRow]:
    """leased → queued, or paused if a pause was asked for. It does not count as a retry (rule 7)."""
    entry = Entry(event, why, {"worker": str(lost.owner)}, "warning")
    values = (lost.owner, lost.only_expired)
    rows = await apply(conn, RECOVER, ids, *values, lost.alone, entry=entry, worker="watchdog")
    return rows + await apply(conn, RECOVER_PAUSED, ids, *values, entry=entry, worker="watchdog")


async def cancel(conn: Queries, ids: Sequence[UUID], lost: Lost, writer: UUID) -> list[RunRow]:
    """running → cancelled: somebody asked for it, and the worker that should have done it is dead."""
    entry = Entry("watchdog_cancelled", "Cancelled by the watchdog: its worker is gone", {}, "warning")
    return await apply(
        conn, CANCEL_LOST, ids, lost.owner, lost.only_expired, entry=entry, event="action.cancelled",
        worker="watchdog", writer=writer,
    )  # fmt: skip


async def fail_unsafe(conn: Queries, ids: Sequence[UUID], lost: Lost, writer: UUID) -> list[RunRow]:
    """running → failed: the run must not be done twice (decision 24)."""
    why = "Its worker was lost and the run may not be done twice: look whether it took effect, then retry it."
    return await _fail(conn, FAIL_UNSAFE, ids, lost, writer, why)


async def fail_too_often_lost(conn: Queries, ids: Sequence[UUID], lost: Lost, writer: UUID) -> list[RunRow]:
    """running → failed: the run has lost too many workers without a checkpoint in between (decision 16)."""
    why = f"The run lost its worker {MOST_LOSSES} times in a row; find out whether it makes its worker end."
    return await _fail(conn, FAIL_TOO_OFTEN_LOST, ids, lost, writer, why, lost.alone)


async def _fail(
    conn: Queries, step: Step, ids: Sequence[UUID], lost: Lost, writer: UUID, why: str, *values: Any
) -> list[RunRow]:
    error = _error(why)
    entry = Entry("run_failed", why, error, "error")
    return await apply(
        conn, step, ids, lost.owner, lost.only_expired, error, *values, entry=entry, event="action.failed",
        worker="watchdog", writer=writer, extra={"error": error},
    )  # fmt: skip


async def end_damaged(conn: Connection, run_id: UUID, writer: UUID) -> tuple[bool, list[RunRow]]:
    """running → failed or cancelled: its lease ran out, and its log cannot be written (rule 23)."""
    error = _error("Its worker was lost, and the run's record is damaged. Report it with the run's id.")
    extra = {"error": error}
    ended, rows = await last_resort.end(
        conn, FAIL_DAMAGED, run_id, error, event="action.failed", extra=extra, writer=writer
    )
    if ended:
        return ended, rows
    return await last_resort.end(conn, CANCEL_DAMAGED, run_id, event="action.cancelled", writer=writer)


async def abandon(conn: Queries, ids: Sequence[UUID], writer: UUID) -> list[RunRow]:
    """running → failed: taken back from a dead worker, and nobody claimed it in the grace time (decision 23)."""
    error = _error(
        f"Its worker died, and no other took the run within {GRACE_SECONDS} s although one was free; retry the run."
    )
    entry = Entry("run_failed", error["message"], error, "error")
    return await apply(
        conn, ABANDON, ids, error, entry=entry, event="action.failed", worker="watchdog", writer=writer,
        extra={"error": error},
    )  # fmt: skip

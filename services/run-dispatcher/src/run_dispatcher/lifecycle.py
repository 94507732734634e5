"""The run-dispatcher's slice of the lifecycle, by name: what waits."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from records.hot import Entry
from records.lifecycle import Owner, Phase, Status, edges_of, moves_of
from records.transitions import Step, apply

EDGES = edges_of(Owner.DISPATCHER)
MOVES = moves_of(Owner.DISPATCHER)

_AWAITING, _PENDING, _RUNNING = Status.AWAITING_APPROVAL, Status.PENDING, Status.RUNNING
_DUE = "r.due_at <= clock_timestamp()"

REQUIRE_APPROVAL = Step(
    _PENDING,
    (Phase.HELD,),
    _AWAITING,
    Phase.HELD,
    sets="held_for = 'approval', due_at = clock_timestamp() + r.approval_timeout_seconds * interval '1 s'",
    guard="r.held_for = 'approval'",
    skip_locked=True,
)
TIME_OUT = Step(
    _AWAITING,
    (Phase.HELD,),
    Status.REJECTED,
    Phase.DONE,
    sets="error = $6::jsonb",
    guard=f"r.held_for = 'approval' AND {_DUE}",
    skip_locked=True,
)
RETRY = Step(_RUNNING, (Phase.DELAYED,), _RUNNING, Phase.QUEUED, guard=_DUE, skip_locked=True)
RELEASE_PENDING = Step(_PENDING, (Phase.HELD,), _PENDING, Phase.QUEUED, guard="r.held_for = 'limit'")
RELEASE_APPROVED = Step(_AWAITING, (Phase.HELD,), _AWAITING, Phase.QUEUED, guard="r.held_for = 'limit'")
SWEEP_PARKED = Step(
    _RUNNING,
    (Phase.PARKED,),
    _RUNNING,
    Phase.QUEUED,
    guard="""NOT EXISTS (SELECT FROM runs c WHERE c.parent_run_id = r.id AND c.phase <> 'done')
        AND NOT EXISTS (SELECT FROM automation_runs a WHERE a.parent_run_id = r.id AND a.status = 'running')""",
    skip_locked=True,
)


async def require_approval(conn: Any, ids: Sequence[UUID], writer: UUID) -> list[Any]:
    """pending → awaiting_approval; the clock of `approval_timeout_seconds` starts."""
    entry = Entry("awaiting_approval", "Waiting for approval", {})
    return await apply(conn, REQUIRE_APPROVAL, ids, entry=entry, event="action.awaiting_approval", writer=writer)


async def time_out(conn: Any, ids: Sequence[UUID], writer: UUID) -> list[Any]:
    """awaiting_approval → rejected: nobody approved in time."""
    message = "Nobody approved in time"
    error = {"code": "REJECTED", "message": message, "details": {}, "retryable": False}
    entry = Entry("run_rejected", message, {"reason": "timeout"}, "warning")
    return await apply(conn, TIME_OUT, ids, error, entry=entry, event="action.rejected", writer=writer)


async def retry(conn: Any, ids: Sequence[UUID]) -> list[Any]:
    """delayed → queued: the time of the next attempt has come."""
    return await apply(conn, RETRY, ids)


async def release(conn: Any, ids: Sequence[UUID]) -> list[Any]:
    """held → queued: the limit has room. In the transaction that counted."""
    return [*await apply(conn, RELEASE_PENDING, ids), *await apply(conn, RELEASE_APPROVED, ids)]


async def unpark(conn: Any, ids: Sequence[UUID]) -> list[Any]:
    """parked → queued: the child has ended, and whoever ended it could not say so."""
    return await apply(conn, SWEEP_PARKED, ids)

"""The transitions of the run-dispatcher: what happens to runs that wait."""

from collections.abc import Sequence
from uuid import UUID

from vai_common.queries import Connection, Queries
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.sql_fragments import limited, waits_for_room
from vai_records.lifecycle.transitions import Owner, Phase, Status, edges_of, moves_of
from vai_records.runs.row import RunRow

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
RETRY = Step(
    _RUNNING,
    (Phase.DELAYED,),
    _RUNNING,
    Phase.QUEUED,
    guard=f"{_DUE} AND NOT {limited('r')}",
    skip_locked=True,
)
_TIME_HAS_COME = f"r.held_for = 'scheduled' AND {_DUE}"
START = Step(
    _PENDING,
    (Phase.HELD,),
    _PENDING,
    Phase.QUEUED,
    guard=f"{_TIME_HAS_COME} AND NOT r.requires_approval AND NOT {limited('r')}",
    skip_locked=True,
)
START_INTO_HOLD = Step(
    _PENDING,
    (Phase.HELD,),
    _PENDING,
    Phase.HELD,
    sets="held_for = CASE WHEN r.requires_approval THEN 'approval' ELSE 'limit' END",
    guard=f"{_TIME_HAS_COME} AND (r.requires_approval OR {limited('r')})",
    skip_locked=True,
)
_NOTHING_LIVES_BELOW = """NOT EXISTS (SELECT FROM runs c WHERE c.parent_run_id = r.id AND c.phase <> 'done')
        AND NOT EXISTS (SELECT FROM automation_runs a WHERE a.parent_run_id = r.id AND a.status = 'running')"""
SWEEP_PARKED = Step(
    _RUNNING,
    (Phase.PARKED,),
    _RUNNING,
    Phase.QUEUED,
    guard=f"{_NOTHING_LIVES_BELOW} AND NOT {limited('r')}",
    skip_locked=True,
)
SWEEP_PARKED_INTO_LIMIT = Step(
    _RUNNING,
    (Phase.PARKED,),
    _RUNNING,
    Phase.DELAYED,
    sets="due_at = 'infinity'",
    guard=f"{_NOTHING_LIVES_BELOW} AND {limited('r')}",
    skip_locked=True,
)

# The same without the limits, for a run that cannot be moved otherwise; the worker that claims it ends it.
_DAMAGED_MOVES = (
    Step(_RUNNING, (Phase.DELAYED,), _RUNNING, Phase.QUEUED, guard=f"({_DUE} OR {waits_for_room('r')})"),
    Step(_RUNNING, (Phase.PARKED,), _RUNNING, Phase.QUEUED, guard=_NOTHING_LIVES_BELOW),
    Step(_PENDING, (Phase.HELD,), _PENDING, Phase.QUEUED, guard=f"({waits_for_room('r')} OR {_TIME_HAS_COME})"),
    Step(_AWAITING, (Phase.HELD,), _AWAITING, Phase.QUEUED, guard=waits_for_room("r")),
)
_ASK_UNTOLD = Step(
    _PENDING, (Phase.HELD,), _AWAITING, Phase.HELD, sets="held_for = 'approval'", guard="r.held_for = 'approval'"
)
REJECT_DAMAGED = Step(
    _AWAITING, (Phase.HELD,), Status.REJECTED, Phase.DONE, sets="error = $6::jsonb", guard="r.held_for = 'approval'"
)

# The phase stays: a retry that is due waits for room.
_WAIT_FOR_ROOM = f"""
WITH picked AS MATERIALIZED (
    SELECT r.id FROM runs r WHERE r.id = ANY($1::uuid[]) AND r.phase = 'delayed' AND {_DUE} AND {limited("r")}
    ORDER BY r.id FOR UPDATE SKIP LOCKED
)
UPDATE runs r SET due_at = 'infinity' FROM picked WHERE r.id = picked.id RETURNING r.org_id
"""


async def require_approval(conn: Queries, ids: Sequence[UUID], writer: UUID) -> list[RunRow]:
    """pending → awaiting_approval; the clock of `approval_timeout_seconds` starts."""
    entry = Entry("awaiting_approval", "Waiting for approval", {})
    return await apply(conn, REQUIRE_APPROVAL, ids, entry=entry, event="action.awaiting_approval", writer=writer)


async def time_out(conn: Queries, ids: Sequence[UUID], writer: UUID) -> list[RunRow]:
    """awaiting_approval → rejected: nobody approved in time."""
    message = "Nobody approved in time"
    error = {"code": "REJECTED", "message": message, "details": {}, "retryable": False}
    entry = Entry("run_rejected", message, {"reason": "timeout"}, "warning")
    return await apply(conn, TIME_OUT, ids, error, entry=entry, event="action.rejected", writer=writer)


async def retry(conn: Queries, ids: Sequence[UUID]) -> list[RunRow]:
    """delayed → queued: the time of the next attempt has come, and no limit holds."""
    return await apply(conn, RETRY, ids)


async def start(conn: Queries, ids: Sequence[UUID]) -> list[RunRow]:
    """held → queued: the time of a scheduled run has come. Or held for what else it waits for: an approval, a limit."""
    return [*await apply(conn, START, ids), *await apply(conn, START_INTO_HOLD, ids)]


async def wait_for_room(conn: Queries, ids: Sequence[UUID]) -> list[UUID]:
    """delayed, without a time: the next attempt is due, and a limit is reached. Return the organisations."""
    return [row["org_id"] for row in await conn.fetch(_WAIT_FOR_ROOM, list(ids))]


async def unpark(conn: Queries, ids: Sequence[UUID]) -> list[RunRow]:
    """parked → queued, or delayed if a limit is reached: the child has ended, and the message of that was lost."""
    return [*await apply(conn, SWEEP_PARKED, ids), *await apply(conn, SWEEP_PARKED_INTO_LIMIT, ids)]


async def queue_damaged(conn: Connection, run_id: UUID) -> list[RunRow]:
    """held, delayed or parked → queued, for a run whose own transition fails (rule 23). Its worker ends it.

    The limits do not apply, since the run only ends. Not for a run that waits for an approval.
    """
    for step in _DAMAGED_MOVES:
        if rows := await last_resort.move(conn, step, run_id):
            return rows
    return []


async def reject_damaged(conn: Connection, run_id: UUID, writer: UUID) -> tuple[bool, list[RunRow]]:
    """pending or awaiting_approval → rejected, for a run whose own transition fails (rule 23).

    Return whether it has ended, and the rows for `follow`.
    """
    message = "The run waited for an approval, and its record is damaged. Report it with the run's id."
    error = {"code": "INTERNAL_ERROR", "message": message, "details": {}, "retryable": True}
    async with conn.transaction():
        await last_resort.move(conn, _ASK_UNTOLD, run_id)
        return await last_resort.end(conn, REJECT_DAMAGED, run_id, error, event="action.rejected", writer=writer)

"""Runs as they are read: one row, how it is shown, and who is there to take it."""

from datetime import MAXYEAR, datetime
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.listing.bounded import bounded, marks

COLUMNS = """id, org_id, action_id, connection_id, parent_run_id, retry_of, kind, status, phase, held_for, control,
    lease_owner, retry_count, interrupt_count, definition, progress, result, error, concurrency_key, idempotency_key,
    fingerprint, trigger_method, trigger_source_type, trigger_source_id, requires_approval, decided_at, created_by,
    created_at, updated_at, started_at, completed_at, due_at, log_seq, recovered, may_rerun,
    approval_timeout_seconds"""
"""What reading a run takes; never its secrets."""

_CUT = {
    "definition": "'{}'::jsonb",
    "progress": "NULL",
    # what `display_status` asks of a result
    "result": "jsonb_build_object('failed_resources', (r.result -> 'failed_resources') NOT IN ('[]', '{}', 'null'))",
    "error": "NULL",
}
LISTED = ", ".join(
    bounded(f"r.{name}", _CUT[name]) if name in _CUT else f"r.{name}" for name in map(str.strip, COLUMNS.split(","))
)
"""What a list reads of `runs r`; `as_listed` says what was left out."""

_GET = f"SELECT {COLUMNS} FROM runs WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
_OF_KEY = f"SELECT {COLUMNS}, deleted_at FROM runs WHERE org_id = $1 AND idempotency_key = $2"
_LIVE_OF_KEY = f"SELECT {COLUMNS} FROM runs WHERE org_id = $1 AND concurrency_key = $2 AND phase <> 'done'"
_LIVE_RETRY = f"SELECT {COLUMNS} FROM runs WHERE org_id = $1 AND retry_of = $2 AND phase <> 'done'"
_KINDS_ALIVE = (
    "SELECT DISTINCT unnest(kinds) AS kind FROM processes WHERE beat_at > clock_timestamp() - interval '30 s'"
)


async def get(conn: Queries, org_id: UUID, run_id: UUID) -> Any:
    """The row of a run that is not deleted, or None."""
    return await conn.fetchrow(_GET, run_id, org_id)


async def of_idempotency_key(conn: Queries, org_id: UUID, key: str) -> Any:
    """The first run with this key, deleted or not, or None."""
    return await conn.fetchrow(_OF_KEY, org_id, key)


async def live_of_concurrency_key(conn: Queries, org_id: UUID, key: str) -> Any:
    return await conn.fetchrow(_LIVE_OF_KEY, org_id, key)


async def live_retry_of(conn: Queries, org_id: UUID, run_id: UUID) -> Any:
    return await conn.fetchrow(_LIVE_RETRY, org_id, run_id)


async def kinds_alive(conn: Queries) -> frozenset[str]:
    """The kinds that some living process runs."""
    return frozenset(row["kind"] for row in await conn.fetch(_KINDS_ALIVE))


def display_status(run: Any, alive: frozenset[str]) -> str:
    """The first match of decision 17; otherwise the status."""
    phase, status = run["phase"], run["status"]
    if phase == "done":
        return _ended(run)
    if run["control"] == "cancel":
        return "cancelling"
    if phase == "delayed" and _waits_for_room(run):
        return "waiting_for_limit"
    waiting = {"paused": "paused", "delayed": "retrying", "parked": "waiting_for_child"}.get(phase)
    if waiting or phase == "leased":
        return waiting or str(status)
    if phase == "held":
        held = {"deferred": "deferred", "limit": "waiting_for_limit"}.get(run["held_for"])
        return held or str(status)
    if run["kind"] not in alive:
        return "waiting_for_worker"
    return "interrupted" if run["recovered"] and run["interrupt_count"] else "queued"


def _waits_for_room(run: Any) -> bool:
    """Whether a run that has begun waits for room under a limit: it is delayed without a time (infinity)."""
    due: datetime | None = run.get("due_at")
    return due is not None and due.year == MAXYEAR


def _ended(run: Any) -> str:
    result = run["result"] or {}
    if run["status"] == "completed" and result.get("failed_resources"):
        return "completed_with_errors"
    return str(run["status"])


def as_json(run: Any, alive: frozenset[str]) -> dict[str, Any]:
    """A run as the REST API shows it (documents 001 and 003); durations in seconds."""
    return {
        "actionId": run["action_id"],
        "completedAt": run["completed_at"],
        "concurrencyKey": run["concurrency_key"],
        "createdAt": run["created_at"],
        "definition": run["definition"],
        "displayStatus": display_status(run, alive),
        "durationSeconds": _seconds(run["started_at"], run["completed_at"]),
        "error": run["error"],
        "id": run["id"],
        "idempotencyKey": run["idempotency_key"],
        "interruptCount": run["interrupt_count"],
        "kind": run["kind"],
        "parentActionRunId": run["parent_run_id"],
        "progress": run["progress"],
        "result": run["result"],
        "retryCount": run["retry_count"],
        "startedAt": run["started_at"],
        "status": run["status"],
        "triggerMethod": run["trigger_method"],
        "triggerSourceId": run["trigger_source_id"],
        "triggerSourceType": run["trigger_source_type"],
        "updatedAt": run["updated_at"],
    }


def as_listed(run: Any, alive: frozenset[str]) -> dict[str, Any]:
    """A run of a list; `resultTruncated` and its like stand beside what was too large to be shown there."""
    shown = as_json(run, alive)
    cut = {name: run[f"{name}_cut"] for name in _CUT}
    left_out: dict[str, Any] = {name: {} if name == "definition" else None for name in cut if cut[name]}
    return shown | left_out | marks(cut)


def _seconds(started: datetime | None, completed: datetime | None) -> float | None:
    return None if started is None or completed is None else (completed - started).total_seconds()

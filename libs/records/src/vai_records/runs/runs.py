"""Reading runs: one row, and how it is shown."""

from datetime import MAXYEAR, datetime
from operator import itemgetter
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic.alias_generators import to_camel

from vai_common.queries import Queries, Row
from vai_records.listing.bounded import bounded, marks
from vai_records.runs.new_run import shown_key
from vai_records.runs.row import KeptRun, ListedRun, RunRow, ShownRun, blank, columns

COLUMNS = ", ".join(columns(RunRow))
"""The columns that reading a run needs; never its secrets."""

_RENAMED = {"parent_run_id": "parentActionRunId"}
_SHOWN = {name: _RENAMED.get(name) or to_camel(name) for name in columns(ShownRun)}
_KEYS, _shown_of = tuple(_SHOWN.values()), itemgetter(*_SHOWN)
_BLANK = {_SHOWN[name]: value for name, value in blank(ShownRun).items()}
EMPTY: dict[str, Any] = dict(sorted({**_BLANK, "labels": {}, "displayStatus": None, "durationSeconds": None}.items()))
"""The keys of a shown run, in the documents' order, with empty values."""

_CUT = {
    "definition": "'{}'::jsonb",
    "progress": "NULL",
    # what `display_status` asks of a result
    "result": "jsonb_build_object('failed_resources', (r.result -> 'failed_resources') NOT IN ('[]', '{}', 'null'))",
    "error": "NULL",
    "approval_values": "NULL",
}
LISTED = ", ".join(bounded(f"r.{name}", _CUT[name]) if name in _CUT else f"r.{name}" for name in columns(RunRow))
"""The columns of `runs r` that a list reads. `as_listed` says what was left out."""

_GET = f"SELECT {COLUMNS} FROM runs WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
_OF_KEY = f"SELECT {COLUMNS}, deleted_at FROM runs WHERE org_id = $1 AND idempotency_key = $2"
_LIVE_OF_KEY = f"SELECT {COLUMNS} FROM runs WHERE org_id = $1 AND concurrency_key = $2 AND phase <> 'done'"
_LIVE_RETRY = f"SELECT {COLUMNS} FROM runs WHERE org_id = $1 AND retry_of = $2 AND phase <> 'done'"


async def get(conn: Queries, org_id: UUID, run_id: UUID) -> RunRow | None:
    """The row of a run that is not deleted, or None."""
    return cast("RunRow | None", await conn.fetchrow(_GET, run_id, org_id))


async def of_idempotency_key(conn: Queries, org_id: UUID, key: str) -> KeptRun | None:
    """The first run with this key, deleted or not, or None."""
    return cast("KeptRun | None", await conn.fetchrow(_OF_KEY, org_id, key))


async def live_of_concurrency_key(conn: Queries, org_id: UUID, key: str) -> RunRow | None:
    return cast("RunRow | None", await conn.fetchrow(_LIVE_OF_KEY, org_id, key))


async def live_retry_of(conn: Queries, org_id: UUID, run_id: UUID) -> RunRow | None:
    return cast("RunRow | None", await conn.fetchrow(_LIVE_RETRY, org_id, run_id))


def display_status(run: RunRow, alive: frozenset[str]) -> str:
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
        if run["held_for"] in ("deferred", "scheduled"):
            return str(run["held_for"])
        return "waiting_for_limit" if run["held_for"] == "limit" else str(status)
    if run["kind"] not in alive:
        return "waiting_for_worker"
    return "interrupted" if run["recovered"] and run["interrupt_count"] else "queued"


def _waits_for_room(run: RunRow) -> bool:
    """Whether a run that has begun waits for room under a limit: it is delayed, and its time is infinity."""
    due = run["due_at"]
    return due is not None and due.year == MAXYEAR


def _ended(run: RunRow) -> str:
    result = run["result"] or {}
    if run["status"] == "completed" and result.get("failed_resources"):
        return "completed_with_errors"
    return str(run["status"])


def as_json(run: RunRow, alive: frozenset[str]) -> dict[str, Any]:
    """A run as the REST API shows it (documents 001 and 003); durations in seconds."""
    shown = EMPTY.copy()
    shown.update(zip(_KEYS, _shown_of(run), strict=True))
    shown["labels"] = run["labels"] or {}
    shown["displayStatus"] = display_status(run, alive)
    shown["concurrencyKey"] = shown_key(run["concurrency_key"])
    shown["idempotencyKey"] = shown_key(run["idempotency_key"])
    shown["durationSeconds"] = _seconds(run["started_at"], run["completed_at"])
    return shown


def as_listed(run: ListedRun, alive: frozenset[str]) -> dict[str, Any]:
    """A run of a list. `resultTruncated` and similar fields say which values were too large to be shown there."""
    shown = as_json(run, alive)
    marked = cast("Row", run)
    return _without(shown, {_SHOWN[name]: marked[f"{name}_cut"] for name in _CUT})


def as_shortened(run: RunRow, alive: frozenset[str], largest: int) -> dict[str, Any]:
    """As `as_listed`, for a run that was read as a whole: what has more than `largest` bytes as JSON is left out."""
    shown = as_json(run, alive)
    return _without(shown, {key: len(orjson.dumps(shown[key], str)) > largest for key in map(_SHOWN.get, _CUT) if key})


def _without(shown: dict[str, Any], cut: dict[str, bool]) -> dict[str, Any]:
    """The run without the values that are `cut`, and with their marks."""
    return shown | {key: {} if key == "definition" else None for key in cut if cut[key]} | marks(cut)


def _seconds(started: datetime | None, completed: datetime | None) -> float | None:
    return None if started is None or completed is None else (completed - started).total_seconds()

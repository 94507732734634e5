"""Automation runs as they are shown: one with its steps, and lists (document 002, "Automation Runs").

Text for asyncpg, not SQLAlchemy (decision 66).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.clock import now
from vai_common.queries import Queries
from vai_records.automations.advance import shown_state
from vai_records.catalogue.labels import OF_LABELS
from vai_records.listing import bounded as listed
from vai_records.listing import totals

Json = dict[str, Any]

_REST = """id, org_id, automation_id, version_id, parent_run_id, retry_of, retry_from, depth, status, outcome, reason,
    control, triggered_by, created_by, log_seq, labels, scheduled_for, begins_now, backfill_id, created_at, updated_at,
    started_at, completed_at,
    CASE WHEN status = 'running' THEN 'live' ELSE 'done' END AS phase"""
_LARGEST_ERROR = 2_048
"""Bytes of an error that a list shows: it may show one for each step of each automation run."""


def _short(error: str) -> str:
    said = f"jsonb_build_object('code', {error} -> 'code', 'message', left({error} ->> 'message', 500))"
    return f"{listed.shown(error, said, _LARGEST_ERROR)} AS error"


_LISTED = f"{_REST}, {_short('automation_runs.error')}"
_COLUMNS = f"{_REST}, error, event, inputs"
"""An event and inputs may be large: lists leave them where they are."""
_MOVED = """
SELECT a.id, a.log_seq, a.status, CASE WHEN a.status = 'running' THEN 'live' ELSE 'done' END AS phase
FROM unnest($1::uuid[], $2::int[]) AS known(id, seq) JOIN automation_runs a ON a.id = known.id
WHERE a.log_seq > known.seq OR a.status <> 'running'
"""
_STEPS = """
SELECT s.automation_run_id, s.key, s.place, s.state, s.run_id, s.port, s.reason, s.started_at, s.completed_at,
    coalesce(s.error, r.error) AS error, r.kind, r.status AS run_status, r.result, r.started_at AS run_started_at,
    r.completed_at AS run_completed_at
FROM automation_steps s LEFT JOIN runs r ON r.id = s.run_id
WHERE s.automation_run_id = $1 ORDER BY s.place
"""
_STATES = """
SELECT s.key, s.state, s.port, s.started_at, s.completed_at, r.status AS run_status
FROM automation_steps s LEFT JOIN runs r ON r.id = s.run_id WHERE s.automation_run_id = $1 ORDER BY s.place
"""
_RUNS_OF = f"""
SELECT s.automation_run_id, s.key, s.run_id, r.kind, r.status AS run_status, {_short("r.error")},
    r.started_at AS run_started_at, r.completed_at AS run_completed_at
FROM automation_steps s JOIN runs r ON r.id = s.run_id WHERE s.automation_run_id = ANY($1::uuid[]) ORDER BY s.place
"""
_BY_TRIGGER = f"SELECT {_COLUMNS} FROM automation_runs WHERE automation_id = $1 AND trigger_key = $2"
_LIVE_RETRY = f"SELECT {_COLUMNS} FROM automation_runs WHERE retry_of = $1 AND org_id = $2 AND status = 'running'"


# The automation run of a gate, those that have called it, and who started and wrote them.
_BEHIND = """
WITH RECURSIVE up AS (
    SELECT id, version_id, created_by, parent_run_id, 0 AS steps FROM automation_runs WHERE id = $1 AND org_id = $2
    UNION ALL
    SELECT a.id, a.version_id, a.created_by, a.parent_run_id, up.steps + 1
    FROM up JOIN runs p ON p.id = up.parent_run_id JOIN automation_runs a
        ON a.id = CASE WHEN p.trigger_source_type = 'automation_run' THEN p.trigger_source_id::uuid END
    WHERE up.steps < 20
)
SELECT up.created_by, v.created_by AS written_by FROM up JOIN automation_versions v ON v.id = up.version_id
"""


@dataclass(frozen=True)
class RunFilters:
    """Which automation runs a list shows; what is empty filters nothing."""

    automation_id: UUID | None = None
    statuses: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def where(self) -> tuple[str, list[Any]]:
        given = [
            ("automation_id = ${}", self.automation_id),
            ("status = ANY(${}::text[])", list(self.statuses) or None),
            ("triggered_by = ANY(${}::text[])", list(self.triggers) or None),
            (OF_LABELS, list(self.labels) or None),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [f" AND {text.format(place)}" for place, (text, _) in enumerate(asked, 2)]
        return "".join(texts), [value for _, value in asked]


async def get(conn: Queries, org_id: UUID, run_id: UUID) -> Any:
    """The row, or None."""
    return await conn.fetchrow(f"SELECT {_COLUMNS} FROM automation_runs WHERE id = $1 AND org_id = $2", run_id, org_id)


async def moved(conn: Queries, known: Mapping[UUID, int]) -> list[Any]:
    """The automation runs whose log has grown, and those that have ended (`runs.logs.moved` is the same for runs)."""
    return list(await conn.fetch(_MOVED, list(known), list(known.values())))


async def by_trigger(conn: Queries, automation_id: UUID, trigger_key: str) -> Any:
    """The automation run that a trigger has made."""
    return await conn.fetchrow(_BY_TRIGGER, automation_id, trigger_key)


async def live_retry_of(conn: Queries, org_id: UUID, run_id: UUID) -> Any:
    return await conn.fetchrow(_LIVE_RETRY, run_id, org_id)


async def people_behind(conn: Queries, org_id: UUID, run_id: UUID) -> set[UUID]:
    """Who started an automation run or those that called it, and who wrote what they go by."""
    rows = await conn.fetch(_BEHIND, run_id, org_id)
    return {person for row in rows for person in row if person is not None}


async def steps(conn: Queries, run_id: UUID) -> list[Any]:
    """The steps in their order, with what their runs came to."""
    return list(await conn.fetch(_STEPS, run_id))


async def states(conn: Queries, run_id: UUID) -> list[Any]:
    """The steps in their order as far as a picture shows them."""
    return list(await conn.fetch(_STATES, run_id))


def waiting(key: str) -> Json:
    """A step of an automation run that has not begun, as `steps` would answer it."""
    empty = ("run_id", "port", "reason", "error", "started_at", "completed_at")
    return {"key": key, "state": "waiting", **dict.fromkeys(empty)}


async def runs_of(conn: Queries, run_ids: list[UUID]) -> list[Any]:
    """The runs of the steps of several automation runs, without their results."""
    return list(await conn.fetch(_RUNS_OF, run_ids))


async def list_page(conn: Queries, org_id: UUID, filters: RunFilters, limit: int, offset: int) -> tuple[list[Any], int]:
    """A page of rows, newest first, and how many there are in all."""
    where, values = filters.where()
    page = f"WHERE org_id = $1{where} ORDER BY id DESC LIMIT {limit:d} OFFSET {offset:d}"
    rows = await conn.fetch(f"SELECT {_LISTED} FROM automation_runs {page}", org_id, *values)
    if len(rows) < limit and (rows or not offset):
        return list(rows), offset + len(rows)
    if filters == RunFilters():
        return list(rows), await totals.total(conn, org_id, "automation_runs")
    count = f"SELECT count(*) FROM automation_runs WHERE org_id = $1{where}"
    return list(rows), int(await conn.fetchval(count, org_id, *values))


def display_status(run: Any) -> str:
    """The status, or what there is besides: scheduled, queued, cancelling, filtered, skipped."""
    if run["status"] == "running":
        if run["control"] == "cancel":
            return "cancelling"
        if run["started_at"] is not None:
            return "running"
        waits = run["scheduled_for"] is not None and run["scheduled_for"] > now() and not run["begins_now"]
        return "scheduled" if waits else "queued"
    return str(run["outcome"] or run["status"])


def as_json(run: Any, action_runs: list[Json]) -> Json:
    """An automation run as the REST API shows it, without its steps."""
    return {
        "actionRuns": action_runs,
        "automationId": run["automation_id"],
        "backfillId": run["backfill_id"],
        "completedAt": run["completed_at"],
        "createdAt": run["created_at"],
        "createdBy": run["created_by"],
        "displayStatus": display_status(run),
        "error": run["error"],
        "labels": run["labels"] or {},
        "parentActionRunId": run["parent_run_id"],
        "reason": run["reason"],
        "retryFrom": run["retry_from"],
        "retryOf": run["retry_of"],
        "runId": run["id"],
        "scheduledFor": run["scheduled_for"],
        "startedAt": run["started_at"],
        "status": run["status"],
        "triggeredBy": run["triggered_by"],
        "versionId": run["version_id"],
    }


def action_run_json(step: Any) -> Json:
    """The run of a step; its result is there only where one automation run is asked for."""
    shown = {
        "completedAt": step["run_completed_at"],
        "error": step["error"],
        "kind": step["kind"],
        "runId": step["run_id"],
        "startedAt": step["run_started_at"],
        "status": step["run_status"],
        "stepKey": step["key"],
    }
    return shown | {"result": step["result"]} if "result" in step else shown


def step_json(step: Any, named: Json) -> Json:
    """A step of an automation run; `named` is the step as it was saved."""
    return {
        "completedAt": step["completed_at"],
        "error": step["error"],
        "key": step["key"],
        "kind": named["kind"],
        "name": named["name"],
        "port": step["port"],
        "reason": step["reason"],
        "runId": step["run_id"],
        "startedAt": step["started_at"],
        "state": shown_state(step["state"], step.get("run_status")),
    }

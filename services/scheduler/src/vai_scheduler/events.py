"""Event triggers: an event starts one run of each automation whose filters it passes (rule 9).

It reads the journal, not Kafka. The statement that writes an event marks its row as wanted; the transaction that makes
the automation runs removes the mark.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from vai_common.ids import uuid7
from vai_common.messages.bell import AUTOMATION, Bell
from vai_common.queries import Pool, Queries, Row
from vai_common.rows import Rows
from vai_common.telemetry import trace_of
from vai_records.automations import automations, causes, runs, saved_definition
from vai_records.automations.causes import AFTER_CUT_OFF, DEFAULT_MOST, Source, Wanted
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.triggers import passes
from vai_records.events.run_end import automation_run_of
from vai_records.lifecycle.sql_fragments import JOURNAL_DATA
from vai_scheduler.metrics import automation_runs_cut_off, events_handed_out

_log = structlog.get_logger()

_BATCH = 200
_ID = "subject_id || '-' || sequence"
_WANTED = f"""
SELECT subject_id, sequence, occurred_at, org_id, type, {JOURNAL_DATA}, traceparent FROM events WHERE wanted
  AND {_ID} <> ALL($2::text[]) AND ($3::text[] IS NULL OR {_ID} = ANY($3))
ORDER BY occurred_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_FOUND = f"SELECT {_ID} AS id FROM events WHERE wanted AND {_ID} <> ALL($2::text[]) ORDER BY occurred_at LIMIT $1"
_WAITING = """
SELECT a.id, a.org_id, a.version_id, a.event_type, a.trigger->'filters' AS filters
FROM automations a JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS t(org_id, event_type)
    ON a.org_id = t.org_id AND a.event_type = t.event_type
WHERE a.status = 'active' AND a.deleted_at IS NULL
"""
_HANDLED = """
UPDATE events e SET wanted = false FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS t(subject, sequence, at)
WHERE e.subject_id = t.subject AND e.sequence = t.sequence AND e.occurred_at = t.at
"""


class Events:
    """Hands events to the automations that wait for them."""

    def __init__(self, pool: Pool, bell: Bell, most_from_one_cause: int = DEFAULT_MOST) -> None:
        self._pool = pool
        self._bell = bell
        self._most = most_from_one_cause
        self._rows: Rows[str] = Rows("events")

    async def hand_out_once(self) -> None:
        """Hand out all events that are marked now."""
        while await self.hand_out_batch() == _BATCH:
            pass

    async def hand_out_batch(self) -> int:
        """Hand out up to 200 events in one transaction. Return how many. An event that fails does not stop the
        others.
        """
        return await self._rows.batch(self._hand_out, self._found)

    async def _found(self) -> list[str]:
        return [row["id"] for row in await self._pool.fetch(_FOUND, _BATCH, self._rows.resting)]

    async def _hand_out(self, only: list[str] | None) -> int:
        async with self._pool.acquire() as conn, conn.transaction():
            rows = await conn.fetch(_WANTED, _BATCH, self._rows.resting, only)
            news = await self._news(conn, rows) if rows else []
            made: set[UUID] = await runs.create(conn, news) if news else set()
            if rows:
                keys = [(row["subject_id"], row["sequence"], row["occurred_at"]) for row in rows]
                await conn.execute(_HANDLED, *map(list, zip(*keys, strict=True)))
        self._bell.ring(AUTOMATION, sorted(made))
        events_handed_out.inc(len(rows))
        return len(rows)

    async def _news(self, conn: Queries, rows: Sequence[Row]) -> list[NewAutomationRun]:
        """The automation runs that the events start, within the budgets of their causes. The first one beyond a budget
        is made as well, to show that it was exceeded.
        """
        matches = list(await _matches(conn, rows))
        sources = await _sources(conn, [match.row for match in matches])
        news, counted = [], []
        fresh: dict[tuple[UUID, int], UUID] = defaultdict(uuid7)
        for match in matches:
            source = sources.get(_key(match.row))
            if source is None or source.is_cut_off:
                cause, depth = (fresh[_key(match.row)], 0) if source is None else (source.cause_id, AFTER_CUT_OFF)
                news.append(_of_event(match, cause, depth))
            else:
                counted.append(_of_event(match, source.cause_id, source.depth + 1))
        return news + await self._within_budget(conn, counted)

    async def _within_budget(self, conn: Queries, counted: list[NewAutomationRun]) -> list[NewAutomationRun]:
        wanted = [Wanted(new.cause_id or new.id, new.depth, new.version_id) for new in counted]
        news = []
        for new, judged in zip(counted, await causes.judge(conn, wanted, self._most), strict=True):
            if judged.may_begin:
                news.append(new)
                continue
            automation_runs_cut_off.inc()
            if judged.is_told:
                _log.warning(
                    "cut_off",
                    automation_id=str(new.automation_id),
                    organisation_id=str(new.org_id),
                    cause=str(new.cause_id),
                    why=judged.why,
                    **trace_of(new.traceparent),
                )
                news.append(replace(new, cut_off=judged.why))
        return news


class _Match(NamedTuple):
    """An event, and an automation whose filters it passes."""

    row: Row
    event: dict[str, Any]
    automation: Any


async def _matches(conn: Queries, rows: Sequence[Row]) -> Iterator[_Match]:
    waiting = defaultdict(list)
    for one in await conn.fetch(_WAITING, [row["org_id"] for row in rows], [row["type"] for row in rows]):
        if one["filters"] is None or isinstance(one["filters"], dict):
            waiting[one["org_id"], one["event_type"]].append(one)
        else:
            fault = "the filters of its trigger are not an object; correct them"
            await automations.break_(conn, one["id"], saved_definition.error_of(fault))
    events = ((row, event_of(row)) for row in rows)
    return (
        _Match(row, event, one)
        for row, event in events
        for one in waiting[row["org_id"], row["type"]]
        if passes(one["filters"] or {}, event["data"])
    )


async def _sources(conn: Queries, rows: Sequence[Row]) -> dict[tuple[UUID, int], Source]:
    """For each event, the automation run that caused it. None if no automation was involved."""
    direct = {_key(row): found for row in rows if (found := _source_of(row)) is not None}
    ran = {_key(row): run for row in rows if _key(row) not in direct and (run := _run_of(row)) is not None}
    led_by = await causes.automation_runs_of(conn, ran.values())
    of = direct | {key: led_by[run] for key, run in ran.items() if run in led_by}
    known = await causes.sources(conn, of.values())
    return {key: known[one] for key, one in of.items() if one in known}


def _source_of(row: Row) -> UUID | None:
    return row["subject_id"] if row["type"].startswith("automation.") else automation_run_of(row)


def _run_of(row: Row) -> UUID | None:
    """The run of an event about a run or a connection."""
    try:
        return UUID(row["data"]["runId"])
    except (KeyError, TypeError, ValueError):
        return None


def event_of(row: Row) -> dict[str, Any]:
    """The event as conditions see it, including the other names for its data (decision 30)."""
    data = dict(row["data"])
    if "actionKind" in data:
        data["kind"] = data["actionKind"]
    if "trigger" in data:
        data["triggerMethod"] = data["trigger"]["method"]
    return {
        "type": row["type"],
        "id": f"{row['subject_id']}-{row['sequence']}",
        "occurredAt": row["occurred_at"].isoformat(),
        "data": data,
    }


def _key(row: Row) -> tuple[UUID, int]:
    return row["subject_id"], row["sequence"]


def _of_event(match: _Match, cause_id: UUID, depth: int) -> NewAutomationRun:
    row, event, one = match
    return NewAutomationRun(
        org_id=row["org_id"],
        automation_id=one["id"],
        version_id=one["version_id"],
        triggered_by="event",
        trigger_key=f"event:{event['id']}",
        event=event,
        inputs=event["data"],
        depth=depth,
        cause_id=cause_id,
        traceparent=row["traceparent"],
    )

"""Events that automations wait for: each makes one run of each automation whose filters it passes (rule 9).

The journal is what is read, not Kafka: a row is marked as wanted by the statement that writes it, and unmarked by the
transaction that makes the automation runs.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from common.bell import AUTOMATION, Bell
from records.automations import runs
from records.automations.runs import NewAutomationRun
from records.automations.triggers import passes
from records.following import automation_run_of

_BATCH = 200
_WANTED = """
SELECT subject_id, sequence, occurred_at, org_id, type, data, traceparent FROM events WHERE wanted
ORDER BY occurred_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_WAITING = """
SELECT a.id, a.org_id, a.version_id, a.event_type, a.trigger->'filters' AS filters
FROM automations a JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS t(org_id, event_type)
    ON a.org_id = t.org_id AND a.event_type = t.event_type
WHERE a.status = 'active' AND a.deleted_at IS NULL
"""
_DEPTHS = "SELECT id, depth FROM automation_runs WHERE id = ANY($1::uuid[])"
_HANDLED = """
UPDATE events e SET wanted = false FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS t(subject, sequence, at)
WHERE e.subject_id = t.subject AND e.sequence = t.sequence AND e.occurred_at = t.at
"""


class Events:
    """Hands events to the automations that wait for them."""

    def __init__(self, pool: Any, bell: Bell) -> None:
        self._pool = pool
        self._bell = bell

    async def hand_out_once(self) -> None:
        """All that is wanted now."""
        while await self.hand_out_batch() == _BATCH:
            pass

    async def hand_out_batch(self) -> int:
        """Up to 200 events in one transaction; answers how many."""
        async with self._pool.acquire() as conn, conn.transaction():
            rows = await conn.fetch(_WANTED, _BATCH)
            news = await _matches(conn, rows) if rows else []
            made: set[UUID] = await runs.create(conn, news) if news else set()
            if rows:
                keys = [(row["subject_id"], row["sequence"], row["occurred_at"]) for row in rows]
                await conn.execute(_HANDLED, *map(list, zip(*keys, strict=True)))
        self._bell.ring(AUTOMATION, sorted(made))
        return len(rows)


async def _matches(conn: Any, rows: list[Any]) -> list[NewAutomationRun]:
    waiting = defaultdict(list)
    for one in await conn.fetch(_WAITING, [row["org_id"] for row in rows], [row["type"] for row in rows]):
        waiting[one["org_id"], one["event_type"]].append(one)
    sources = {_key(row): source for row in rows if (source := _source_of(row)) is not None}
    depths = {row["id"]: row["depth"] for row in await conn.fetch(_DEPTHS, list(sources.values()))}
    news = []
    for row in rows:
        event = event_of(row)
        # An automation that an automation's work has led to is one deeper than that.
        depth = depths[sources[_key(row)]] + 1 if sources.get(_key(row)) in depths else 0
        news += [
            _of_event(row, event, one, depth)
            for one in waiting[row["org_id"], row["type"]]
            if passes(one["filters"] or {}, event["data"])
        ]
    return news


def _source_of(row: Any) -> UUID | None:
    """The automation run whose work the event tells of; None where no automation had a part in it."""
    return row["subject_id"] if row["type"].startswith("automation.") else automation_run_of(row)


def event_of(row: Any) -> dict[str, Any]:
    """The event as conditions see it; with the other words for what its data have (decision 30)."""
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


def _key(row: Any) -> tuple[UUID, int]:
    return row["subject_id"], row["sequence"]


def _of_event(row: Any, event: dict[str, Any], one: Any, depth: int) -> NewAutomationRun:
    return NewAutomationRun(
        org_id=row["org_id"],
        automation_id=one["id"],
        version_id=one["version_id"],
        triggered_by="event",
        trigger_key=f"event:{event['id']}",
        event=event,
        inputs=event["data"],
        depth=depth,
        traceparent=row["traceparent"],
    )

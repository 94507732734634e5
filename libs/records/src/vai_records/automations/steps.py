"""The steps of an automation run: where they stand, and one statement that writes what a look at them came to."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.automations.advance import Standing, StepStatus, kept
from vai_records.automations.plan import Plan
from vai_records.automations.versions import Version
from vai_records.lifecycle.sql_fragments import wanted

MOST_BYTES_READ = 32 << 20
"""Of results that are read at once, as JSON (rule 24)."""

_OPEN = """
INSERT INTO automation_steps (automation_run_id, key, place)
SELECT $1, key, place FROM unnest($2::text[]) WITH ORDINALITY AS t(key, place)
"""
_KEEP = """
UPDATE automation_steps s SET state = old.state, run_id = old.run_id, port = old.port, started_at = old.started_at,
    completed_at = old.completed_at
FROM automation_steps old
WHERE s.automation_run_id = $1 AND old.automation_run_id = $2 AND old.key = s.key AND old.key = ANY($3::text[])
"""
_EARLIER_STEPS = """
SELECT v.definition->'steps' FROM automation_runs r JOIN automation_versions v ON v.id = r.version_id
WHERE r.id = $1 AND r.version_id <> $2
"""
_READ = """
SELECT s.key, s.state, s.port, s.run_id, coalesce(s.error, r.error) AS error,
    CASE WHEN s.state = 'running' THEN r.status END AS ended,
    CASE WHEN s.state = 'running' THEN r.result->>'port' END AS ended_by
FROM automation_steps s
LEFT JOIN runs r ON r.id = s.run_id
    AND (s.state IN ('failed', 'cancelled', 'rejected') OR (s.state = 'running' AND r.phase = 'done'))
WHERE s.automation_run_id = $1
"""
_RESULTS = """
WITH all_of_them AS MATERIALIZED (
    SELECT coalesce(sum(octet_length(result::text)), 0) AS size FROM runs WHERE id = ANY($1::uuid[])
)
SELECT id, size, CASE WHEN size <= $2 THEN result END AS result, approval_values
FROM runs, all_of_them WHERE id = ANY($1::uuid[])
"""
_ADOPT = """
SELECT id, idempotency_key FROM runs
WHERE org_id = $1 AND idempotency_key = ANY($2::text[]) AND trigger_source_id = $3
"""

# One time for all of it: what starts has started when what it waited for has ended.
_NOTE = f"""
WITH at AS MATERIALIZED (SELECT clock_timestamp() AS now),
changed AS (
    UPDATE automation_steps s SET state = c.state, run_id = coalesce(c.run_id, s.run_id), port = c.port,
        reason = c.reason, error = c.error,
        started_at = CASE WHEN c.state = 'running' THEN at.now ELSE s.started_at END,
        completed_at = CASE WHEN c.state = 'running' THEN NULL ELSE at.now END
    FROM at, unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[])
        AS c(key, state, run_id, port, reason, error)
    WHERE s.automation_run_id = $1 AND s.key = c.key
),
moved AS (
    UPDATE automation_runs a SET log_seq = log_seq + cardinality($8::text[]),
        event_seq = event_seq + cardinality($14::text[]), updated_at = at.now,
        started_at = coalesce(started_at, at.now), status = $13::text, outcome = $16, reason = $17, error = $18,
        completed_at = CASE WHEN $13::text = 'running' THEN NULL ELSE at.now END
    FROM at WHERE id = $1
    RETURNING a.id, a.org_id, a.log_seq, a.event_seq, a.updated_at, a.started_at, a.completed_at, a.status,
        a.traceparent
),
logged AS (
    INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, data, worker_id, attempt)
    SELECT moved.id, moved.log_seq - cardinality($8::text[]) + l.place, moved.updated_at, l.level, l.event, l.message,
        l.data, $12, 1
    FROM moved, unnest($8::text[], $9::text[], $10::text[], $11::jsonb[]) WITH ORDINALITY
        AS l(level, event, message, data, place)
)
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, traceparent, writer, wanted)
SELECT moved.id, moved.event_seq - cardinality($14::text[]) + e.place, moved.updated_at, moved.org_id, e.type,
    e.data || jsonb_build_object('startedAt', moved.started_at, 'completedAt',
        CASE WHEN e.type <> 'automation.started' THEN moved.completed_at END),
    moved.traceparent, $19, {wanted("moved.org_id", "e.type")}
FROM moved, unnest($14::text[], $15::jsonb[]) WITH ORDINALITY AS e(type, data, place)
RETURNING subject_id, sequence, type, occurred_at, org_id, data, traceparent, wanted
"""


class TooLarge(Exception):
    """Results have more bytes together than may be read at once: `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Step(NamedTuple):
    """Where a step stands by its row, how the run that it waits for has ended meanwhile, and the error of either."""

    key: str
    standing: Standing
    run_id: UUID | None = None
    ended: Standing | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True)
class Change:
    """A step that stands elsewhere now."""

    key: str
    state: StepStatus
    run_id: UUID | None = None
    port: str | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None


@dataclass
class Notes:
    """What one look came to: all of it is written by one statement."""

    changes: dict[str, Change] = field(default_factory=dict)
    entries: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    """Level, event, message, data."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Type, data."""
    status: str = "running"
    outcome: str | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        return bool(self.changes or self.entries or self.events) or self.status != "running"


async def open_steps(
    conn: Queries, run_id: UUID, plan: Plan, retry_of: UUID | None, changed: Set[str] = frozenset()
) -> None:
    """Writes the steps of an automation run, all waiting; what a retry keeps (`kept`) stands as in the run before."""
    await conn.execute(_OPEN, run_id, [step.key for step in plan.steps])
    if retry_of is not None:
        before = {key: step.standing for key, step in (await read(conn, retry_of)).items()}
        await conn.execute(_KEEP, run_id, retry_of, kept(plan, before, changed))


async def changed_since(conn: Queries, version: Version, run_id: UUID) -> set[str]:
    """The steps that are others now than in the version that an earlier run went by; a name changes nothing."""
    earlier = await conn.fetchval(_EARLIER_STEPS, run_id, version.id)
    if earlier is None:
        return set()
    old = {step["key"]: {**step, "name": None} for step in earlier}
    return {key for key, step in version.steps.items() if old.get(key) != {**step, "name": None}}


async def read(conn: Queries, run_id: UUID) -> dict[str, Step]:
    """Where the steps stand, by key."""
    return {row["key"]: _step(row) for row in await conn.fetch(_READ, run_id)}


def _step(row: Row) -> Step:
    key, state, port, run_id, error, ended, ended_by = row
    outcome = None if ended is None else _standing(ended, ended_by)
    return Step(key, _standing(state, port), run_id, outcome, error)


@lru_cache(1_000)
def _standing(state: str, port: str | None) -> Standing:
    return Standing(StepStatus(state), port)


async def results(conn: Queries, run_ids: Sequence[UUID]) -> dict[UUID, tuple[Any, Any]]:
    """The results of ended runs, and with which values they were approved. Raises `TooLarge`, before one is read."""
    rows = await conn.fetch(_RESULTS, list(run_ids), MOST_BYTES_READ)
    if rows and rows[0]["size"] > MOST_BYTES_READ:
        raise TooLarge(rows[0]["size"])
    return {row["id"]: (row["result"], row["approval_values"]) for row in rows}


async def adopt(conn: Queries, org_id: UUID, source_id: str, keys: Sequence[str]) -> Mapping[str, UUID]:
    """Runs that were made for these idempotency keys before, by key."""
    rows = await conn.fetch(_ADOPT, org_id, list(keys), source_id)
    return {row["idempotency_key"]: row["id"] for row in rows}


async def note(conn: Queries, run_id: UUID, notes: Notes, writer: UUID, worker: str) -> list[Any]:
    """Writes what a look came to; answers the journal's rows, to be published after the commit."""
    changes = [(c.key, c.state.value, c.run_id, c.port, c.reason, c.error) for c in notes.changes.values()]
    columns = list(map(list, zip(*changes, strict=True))) or [[]] * 6
    levels, words, messages, data = map(list, zip(*notes.entries, strict=True)) if notes.entries else ([], [], [], [])
    types = [event_type for event_type, _ in notes.events]
    told = [said for _, said in notes.events]
    ending = (notes.outcome, notes.reason, notes.error)
    return list(
        await conn.fetch(
            _NOTE, run_id, *columns, levels, words, messages, data, worker, notes.status, types, told, *ending, writer
        )
    )

"""Automation runs: one is made for each trigger, and what is asked of one while it runs.

Its lifecycle is short: running, then completed, failed or cancelled. Whoever is triggered makes it; the scheduler alone
ends it (a database trigger holds both). Every statement here is one guarded statement (rule 1).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_common.queries import Queries, Row
from vai_records.lifecycle.sql_fragments import woken
from vai_records.metrics import automation_runs_created

_COLUMNS = (
    "id, org_id, automation_id, version_id, triggered_by, trigger_key, event, inputs, depth, parent_run_id, retry_of,"
    " created_by, traceparent, cause_id, cut_off, waits, retry_from, sealed,"
    " scheduled_for, backfill_id"
)
# Labels go down: of its automation, of the run that calls it, of who triggers it; the last one of a key counts.
_CREATE = f"""
INSERT INTO automation_runs ({_COLUMNS}, labels, created_at, updated_at)
SELECT {", ".join(f"new.{name}" for name in _COLUMNS.split(", "))},
    nullif(coalesce(a.labels, '{{}}') || coalesce(caller.labels, '{{}}') || new.given, '{{}}'), at.now, at.now
FROM (SELECT clock_timestamp() AS now) AS at, unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::int[],
    $10::uuid[], $11::uuid[], $12::uuid[], $13::text[], $14::uuid[], $15::text[], $16::bool[], $17::text[],
    $18::bytea[], $19::timestamptz[], $20::uuid[], $21::jsonb[]) WITH ORDINALITY AS new({_COLUMNS}, given, place)
    LEFT JOIN automations a ON a.id = new.automation_id LEFT JOIN runs caller ON caller.id = new.parent_run_id
ORDER BY new.place
ON CONFLICT DO NOTHING
RETURNING id
"""

_STOP = """
WITH picked AS MATERIALIZED (
    SELECT id FROM automation_runs WHERE org_id = $1 AND (id = ANY($2::uuid[]) OR parent_run_id = ANY($3::uuid[]))
      AND status = 'running' ORDER BY id FOR UPDATE
)
UPDATE automation_runs a SET control = 'cancel', updated_at = clock_timestamp() FROM picked WHERE a.id = picked.id
RETURNING a.id
"""

_BEGIN = """
UPDATE automation_runs SET begins_now = true, updated_at = clock_timestamp()
WHERE org_id = $1 AND id = $2 AND status = 'running' AND started_at IS NULL AND scheduled_for > clock_timestamp()
"""

_LIVE_RUNS = """
SELECT s.run_id FROM automation_steps s
WHERE s.automation_run_id = ANY($1::uuid[]) AND s.state = 'running' AND s.run_id IS NOT NULL ORDER BY s.run_id
"""

_TO_STOP = """
SELECT a.org_id, array_agg(DISTINCT a.id) AS ids FROM automation_runs a
WHERE a.status = 'running' AND a.updated_at < clock_timestamp() - interval '5 s' AND (
    (a.control IS NOT NULL AND EXISTS (
        SELECT FROM automation_steps s JOIN runs r ON r.id = s.run_id WHERE s.automation_run_id = a.id
          AND s.state = 'running' AND r.phase <> 'done' AND r.control IS DISTINCT FROM 'cancel'))
    OR (a.control IS NULL AND EXISTS (
        SELECT FROM runs p WHERE p.id = a.parent_run_id AND p.status = 'cancelled')))
GROUP BY a.org_id
"""


@dataclass(frozen=True)
class NewAutomationRun:
    """All that the row of a new automation run says; `trigger_key` makes one trigger one run.

    `cause_id` is None where it is its own cause; `cut_off` says why it may not begin (`automations.causes`).
    `waits`: it begins after the runs of its schedule before it. `labels`: besides those that it inherits. `sealed`: the
    secrets of its inputs, encrypted for its id. `scheduled_for`: it begins at this time, not before.
    """

    org_id: UUID
    automation_id: UUID
    version_id: UUID
    triggered_by: str
    trigger_key: str | None = None
    event: dict[str, Any] | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    depth: int = 0
    parent_run_id: UUID | None = None
    retry_of: UUID | None = None
    created_by: UUID | None = None
    traceparent: str | None = None
    cause_id: UUID | None = None
    cut_off: str | None = None
    waits: bool = False
    retry_from: str | None = None
    sealed: bytes | None = field(default=None, repr=False)
    scheduled_for: datetime | None = None
    backfill_id: UUID | None = None
    labels: dict[str, str] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid7)

    def columns(self) -> tuple[Any, ...]:
        """The values in the order of the creating statement."""
        return (
            self.id,
            self.org_id,
            self.automation_id,
            self.version_id,
            self.triggered_by,
            self.trigger_key,
            self.event,
            self.inputs,
            self.depth,
            self.parent_run_id,
            self.retry_of,
            self.created_by,
            self.traceparent,
            self.cause_id,
            self.cut_off,
            self.waits,
            self.retry_from,
            self.sealed,
            self.scheduled_for,
            self.backfill_id,
            self.labels,
        )


async def create(conn: Queries, news: Sequence[NewAutomationRun]) -> set[UUID]:
    """Makes automation runs; answers the ids of those that are new. Ring `bell.AUTOMATION` after the commit.

    One that is missing from the answer was made by an earlier message of the same trigger.
    """
    ordered = sorted(news, key=lambda new: (new.automation_id, new.trigger_key or "", new.id))
    columns = [list(column) for column in zip(*(new.columns() for new in ordered), strict=True)]
    made = {row["id"] for row in await conn.fetch(_CREATE, *columns)}
    for word, number in Counter(new.triggered_by for new in news if new.id in made).items():
        automation_runs_created.labels(triggered_by=word).inc(number)
    return made


async def stop(conn: Queries, org_id: UUID, ids: Sequence[UUID], called_by: Sequence[UUID] = ()) -> list[UUID]:
    """Asks automation runs, and those that these runs have called, to stop: no step of them starts any more.

    Answers the ids of those that were running. What runs of them has to be cancelled besides (`live_runs`).
    """
    return [row["id"] for row in await conn.fetch(_STOP, org_id, list(ids), list(called_by))]


async def begin_now(conn: Queries, org_id: UUID, run_id: UUID) -> None:
    """Lets one that waits for its time begin. One that has begun, is due or has ended stays as it is."""
    await conn.execute(_BEGIN, org_id, run_id)


async def to_stop(conn: Queries) -> dict[UUID, list[UUID]]:
    """By organisation, what somebody should have stopped seconds ago: automation runs that are to stop and have runs
    that nobody has cancelled, and those whose calling run was cancelled while it called them."""
    return {row["org_id"]: row["ids"] for row in await conn.fetch(_TO_STOP)}


async def live_runs(conn: Queries, ids: Sequence[UUID]) -> list[UUID]:
    """The runs of the steps that are running, in id order."""
    return [row["run_id"] for row in await conn.fetch(_LIVE_RUNS, list(ids))]


# What the scheduler reads and writes --------------------------------------------------------------------------------

_EARLY = "coalesce({0}.scheduled_for > clock_timestamp() AND NOT {0}.begins_now, false)"
"""Whether the time at which it is to begin has not come yet, and nobody has started it before."""
_LOCK = f"""
SELECT r.id, r.org_id, r.automation_id, r.version_id, r.parent_run_id, r.retry_of, r.depth, r.control, r.triggered_by,
    r.created_by, r.traceparent, r.created_at, r.started_at, r.cut_off, r.waits, r.retry_from, r.labels, a.name, a.slug,
    a.trigger->>'overlap' AS overlap, o.max_running, {_EARLY.format("r")} AS is_early
FROM automation_runs r JOIN automations a ON a.id = r.automation_id JOIN organisations o ON o.id = r.org_id
WHERE r.id = $1 AND r.status = 'running' FOR UPDATE OF r SKIP LOCKED
"""
_IS_RUNNING = "SELECT EXISTS (SELECT FROM automation_runs WHERE id = $1 AND status = 'running')"
_GIVEN = "SELECT event, inputs FROM automation_runs WHERE id = $1"
_SEALED = "SELECT sealed FROM automation_runs WHERE id = $1"
_EARLIER = """
SELECT id, created_by IS NOT NULL AS is_backfill FROM automation_runs
WHERE automation_id = $1 AND status = 'running' AND id < $2 AND triggered_by = 'schedule' ORDER BY id LIMIT 1
"""
_NEXT = f"""
SELECT id FROM automation_runs a WHERE automation_id = $1 AND status = 'running' AND started_at IS NULL
  AND NOT {_EARLY.format("a")}
ORDER BY id LIMIT 1
"""
_YET_TO_START = """
SELECT count(*) FROM (SELECT FROM automation_runs WHERE automation_id = $1 AND status = 'running'
  AND started_at IS NULL LIMIT $2) AS waiting
"""
_WAIT = "UPDATE automation_runs SET waits = true WHERE id = $1 AND NOT waits"
_WAITING = """
SELECT count(*) FROM (SELECT FROM automation_runs WHERE automation_id = $1 AND status = 'running' AND started_at IS NULL
  AND waits AND created_by IS NULL AND id < $2 LIMIT $3) AS waiting
"""
# What waits for an earlier run of its schedule is looked at when that has ended, not each second. Of each sort so many:
# one must not crowd out another.
_WITH_NEWS = f"""
(SELECT id FROM automation_runs a WHERE status = 'running' AND started_at IS NULL AND NOT {_EARLY.format("a")}
  AND created_at < clock_timestamp() - interval '1 s' AND NOT (waits AND EXISTS (
    SELECT FROM automation_runs b WHERE b.automation_id = a.automation_id AND b.status = 'running' AND b.id < a.id
      AND b.triggered_by = 'schedule'))
 ORDER BY id LIMIT $1)
UNION
(SELECT s.automation_run_id FROM automation_steps s JOIN runs r ON r.id = s.run_id
 WHERE s.state = 'running' AND r.phase = 'done' AND r.completed_at < clock_timestamp() - interval '1 s' LIMIT $1)
UNION
(SELECT id FROM automation_runs WHERE status = 'running' AND control IS NOT NULL ORDER BY id LIMIT $1)
"""
_GIVE_UP = "UPDATE automation_runs SET control = 'cancel' WHERE id = $1 AND status = 'running'"
_LEFT_BEHIND = """
SELECT a.org_id, array_agg(r.id ORDER BY r.id) AS ids
FROM automation_runs a JOIN automation_steps s ON s.automation_run_id = a.id JOIN runs r ON r.id = s.run_id
WHERE a.status = 'failed' AND a.control = 'cancel' AND a.completed_at > clock_timestamp() - interval '1 d'
  AND r.phase <> 'done' AND r.control IS DISTINCT FROM 'cancel'
GROUP BY a.org_id
"""
_WAKE_PARENT = woken("= $1")


@dataclass(frozen=True)
class Live:
    """A running automation run whose row is locked; `started_at` is None until its first look."""

    id: UUID
    org_id: UUID
    automation_id: UUID
    version_id: UUID
    parent_run_id: UUID | None
    retry_of: UUID | None
    depth: int
    control: str | None
    triggered_by: str
    created_by: UUID | None
    traceparent: str | None
    created_at: datetime
    started_at: datetime | None
    cut_off: str | None
    waits: bool
    retry_from: str | None
    labels: dict[str, str] | None
    name: str
    slug: str
    overlap: str | None
    max_running: int | None
    is_early: bool = False

    @property
    def is_backfill(self) -> bool:
        """Whether somebody asked for this time of the schedule, after it had passed."""
        return self.triggered_by == "schedule" and self.created_by is not None


async def lock(conn: Queries, run_id: UUID) -> Live | None:
    """Locks a running automation run; None where it has ended or somebody else looks at it (`is_running` tells)."""
    row = await conn.fetchrow(_LOCK, run_id)
    return None if row is None else Live(**row)


async def is_running(conn: Queries, run_id: UUID) -> bool:
    return bool(await conn.fetchval(_IS_RUNNING, run_id))


async def given(conn: Queries, run_id: UUID) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The event and the inputs that the automation run was made with; either may be large."""
    [row] = await conn.fetch(_GIVEN, run_id)
    return row["event"], row["inputs"]


async def sealed(conn: Queries, run_id: UUID) -> bytes | None:
    """The secrets of its inputs, encrypted for it."""
    found: bytes | None = await conn.fetchval(_SEALED, run_id)
    return found


async def earlier(conn: Queries, live: Live) -> Row | None:
    """The earliest run by the same schedule (`id`, `is_backfill`) that is not over yet."""
    return await conn.fetchrow(_EARLIER, live.automation_id, live.id)


async def yet_to_start(conn: Queries, automation_id: UUID, most: int) -> int:
    """How many runs of an automation have not begun; counted up to `most`."""
    found: int = await conn.fetchval(_YET_TO_START, automation_id, most)
    return found


async def wait(conn: Queries, live: Live, most: int) -> bool:
    """Lets it wait for the runs of its schedule before it; False where `most` of those wait already.

    A backfill has a bound of its own, and is not counted.
    """
    if await conn.fetchval(_WAITING, live.automation_id, live.id, most) >= most:
        return False
    await conn.execute(_WAIT, live.id)
    return True


async def give_up(conn: Queries, run_id: UUID) -> None:
    """Marks an automation run that is about to fail for good: its runs are to be cancelled (`left_behind`)."""
    await conn.execute(_GIVE_UP, run_id)


async def left_behind(conn: Queries) -> dict[UUID, list[UUID]]:
    """By organisation, the live runs of steps whose automation run was given up; the gateway cancels them."""
    return {row["org_id"]: row["ids"] for row in await conn.fetch(_LEFT_BEHIND)}


async def next_to_start(conn: Queries, automation_id: UUID) -> UUID | None:
    """The oldest run of an automation that waits for those before it (`overlap: queue`)."""
    found: UUID | None = await conn.fetchval(_NEXT, automation_id)
    return found


async def with_news(conn: Queries, most: int) -> list[UUID]:
    """The sweep: automation runs that somebody should have looked at a second ago."""
    return [row["id"] for row in await conn.fetch(_WITH_NEWS, most)]


async def wake_parent(conn: Queries, parent_run_id: UUID) -> list[tuple[str, UUID]]:
    """parked → queued, or delayed under a limit, in the transaction that ends the automation run.

    Answers what to ring: the kind with the run's id, or `vai_common.messages.bell.ROOM` with the organisation's.
    """
    rows = await conn.fetch(_WAKE_PARENT, parent_run_id)
    return [(ROOM, row["org_id"]) if row["phase"] == "delayed" else (row["kind"], row["id"]) for row in rows]

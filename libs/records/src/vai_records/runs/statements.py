"""The statements in the path of every run: create, claim, log, finish, beat, publish. They take arrays (rule 17).

Each is one guarded statement, and so one transaction. If it does not return a row, the row was not as expected, and the
caller reads it to decide (rule 1). Rows are locked in the order of their ids (rule 2).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from vai_common.metrics import series
from vai_common.queries import Queries, Row
from vai_common.telemetry import CLIENT, span
from vai_records.lifecycle.claimable import (
    HINTED,
    HINTED_SHARED,
    IS_LEASED,
    WAITING,
    WAITING_ALONE,
    WAITING_SHARED,
    WHO_WAITS,
    WHO_WAITS_ALONE,
    passed_over,
)
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.leases import LEASE_SECONDS
from vai_records.lifecycle.sql_fragments import AFTERWARDS, TOLD, WOKEN, logged, told
from vai_records.metrics import runs_created
from vai_records.runs.new_run import COLUMNS, NewRun
from vai_records.runs.row import ClaimedRun, EndedRun, columns

# Create ---------------------------------------------------------------------------------------------------------

_CREATE = f"""
INSERT INTO runs ({COLUMNS}, due_at, created_at, updated_at)
SELECT new.*, at.now, at.now FROM (SELECT clock_timestamp() AS now) AS at, unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
    $9::text[], $10::bool[], $11::jsonb[], $12::bytea[], $13::text[], $14::text[], $15::bytea[], $16::text[],
    $17::text[], $18::text[], $19::bool[], $20::uuid[], $21::text[], $22::bool[], $23::float8[],
    $24::jsonb[], $25::timestamptz[], $25::timestamptz[]) AS new
ON CONFLICT DO NOTHING
RETURNING id, created_at
"""


async def create(conn: Queries, runs: Sequence[NewRun]) -> dict[UUID, datetime]:
    """Insert runs, queued or held. Return the new ones with their `created_at`.

    A run that is missing from the answer has a key that another run has. Batches lock keys in one order. A run with two
    keys does not fit into that order and is inserted alone, so that it holds no lock while it waits for another.
    """
    together = sorted((run for run in runs if len(run.keys) < 2), key=lambda run: (run.org_id, *run.keys, run.id.hex))
    alone = [[run] for run in runs if len(run.keys) > 1]
    made = [row for batch in (together, *alone) if batch for row in await _insert(conn, batch)]
    _count(runs, answer := {row["id"]: row["created_at"] for row in made})
    return answer


def _count(runs: Sequence[NewRun], made: dict[UUID, datetime]) -> None:
    for kind, number in Counter(run.kind for run in runs if run.id in made).items():
        series(runs_created, kind).inc(number)


async def _insert(conn: Queries, runs: Sequence[NewRun]) -> Sequence[Row]:
    values = zip(*(run.columns() for run in runs), strict=True)
    with span("create runs", None, _of_database(len(runs)), CLIENT):
        return await conn.fetch(_CREATE, *map(_array, values))


def _of_database(rows: int) -> dict[str, str | int]:
    """What the span of a statement says: one for its whole batch (decision 65)."""
    return {"db.system.name": "postgresql", "db.operation.batch.size": rows}


def _array(column: tuple[Any, ...]) -> list[Any] | None:
    """None if every value is None: `unnest` fills the column with NULLs, and no array has to be sent."""
    return None if column.count(None) == len(column) else list(column)


# Claim ----------------------------------------------------------------------------------------------------------

# What a worker needs of a run that it claims, and of one that it ended; the last is what log and journal need besides.
_CLAIMED = columns(ClaimedRun)
_ENDED = tuple(name for name in columns(EndedRun) if name != "traceparent")
_TELLING = ("created_at", "trigger_method", "trigger_source_type", "trigger_source_id", "log_seq", "event_seq")


def _of(table: str, names: Sequence[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


_GIVEN = _of("moved", _CLAIMED).replace("moved.definition", "moved.definition::text AS definition")

_LEASE_DATA = f"jsonb_build_object('lease_seconds', {LEASE_SECONDS})"


def _claim(picked: str) -> str:
    return f"""
WITH picked AS MATERIALIZED ({picked}),
moved AS (
    UPDATE runs r SET status = 'running', phase = 'leased', epoch = epoch + 1, lease_owner = $1, recovered = false,
        due_at = clock_timestamp() + interval '{LEASE_SECONDS} s', updated_at = clock_timestamp(),
        started_at = coalesce(started_at, clock_timestamp()), log_seq = log_seq + 1,
        event_seq = event_seq + (picked.status <> 'running')::int
    FROM picked WHERE r.id = picked.id
    RETURNING {_of("r", _CLAIMED)}, {_of("r", _TELLING)}, r.updated_at, r.completed_at, picked.status AS was
),
logged AS (
    {logged("'info'", "'lease_acquired'", "'Lease acquired by ' || $5::text", _LEASE_DATA, "$5::text")}
),
told AS (
    {told("'action.started'", "'{}'::jsonb", "$1::uuid", "moved WHERE moved.was <> 'running'")}
)
SELECT {_GIVEN}, {TOLD} FROM moved LEFT JOIN told ON told.subject_id = moved.id
"""


_CLAIM = _claim(HINTED)
_PULL = _claim(WAITING)
_CLAIM_SHARED = _claim(HINTED_SHARED)
_PULL_SHARED = _claim(WAITING_SHARED)
_PULL_ALONE = _claim(WAITING_ALONE)


@dataclass(frozen=True)
class Share:
    """How many runs organisations may still take: of each of `organisations` its one of `rooms`, of the `others` so
    many."""

    organisations: list[UUID]
    rooms: list[int]
    others: int

    def values(self) -> tuple[list[UUID], list[int], int]:
        return self.organisations, self.rooms, self.others


async def claim(
    conn: Queries,
    owner: UUID,
    kinds: Sequence[str],
    ids: Sequence[UUID],
    most: int,
    worker: str,
    share: Share | None = None,
) -> list[ClaimedRun]:
    """Claim those of the hinted runs that are still queued, at most `most`: running, leased, epoch + 1."""
    with span("claim runs", None, _of_database(len(ids)), CLIENT):
        if share is None:
            rows = await conn.fetch(_CLAIM, owner, kinds, ids, most, worker)
        else:
            rows = await conn.fetch(_CLAIM_SHARED, owner, kinds, ids, most, worker, *share.values())
    return cast("list[ClaimedRun]", rows)


async def pull(
    conn: Queries, owner: UUID, kinds: Sequence[str], most: int, worker: str, share: Share | None = None
) -> list[ClaimedRun]:
    """Claim up to `most` queued runs, recovered ones first, from the organisations in turn."""
    with span("pull runs", None, _of_database(most), CLIENT):
        if share is None:
            rows = await conn.fetch(_PULL, owner, kinds, None, most, worker)
        else:
            rows = await conn.fetch(_PULL_SHARED, owner, kinds, None, most, worker, *share.values())
    return cast("list[ClaimedRun]", rows)


async def pull_alone(
    conn: Queries, owner: UUID, kinds: Sequence[str], worker: str, seconds: int = 0, without: Sequence[UUID] = ()
) -> list[ClaimedRun]:
    """Claim one of the runs that have lost two workers. The caller must hold no other run.

    Not of a kind of which another such run was claimed in the last `seconds`, and none of `without`.
    """
    return cast("list[ClaimedRun]", await conn.fetch(_PULL_ALONE, owner, kinds, list(without), 1, worker, seconds))


async def waiting(conn: Queries, kinds: Sequence[str], most: int) -> list[UUID]:
    """The runs that `pull` would claim, in its order."""
    return [row["id"] for row in await conn.fetch(WHO_WAITS, None, kinds, None, most, None)]


async def waiting_alone(conn: Queries, kinds: Sequence[str], seconds: int, without: Sequence[UUID]) -> list[UUID]:
    """The runs that `pull_alone` would claim."""
    return [row["id"] for row in await conn.fetch(WHO_WAITS_ALONE, None, kinds, list(without), 1, None, seconds)]


# Log ------------------------------------------------------------------------------------------------------------

# A numbered entry is written once, however often it is sent: `log_mark` holds the number of the last one that the row's
# owner has written. The mark contains the epoch, so for a new owner it begins anew by itself.
_LOG = f"""
WITH input AS (
    SELECT *, CASE WHEN number > 0 THEN (epoch::bigint << 32) + number END AS mark
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::int[])
        WITH ORDINALITY AS t(id, epoch, level, event, message, data, number, place)
),
picked AS MATERIALIZED (
    SELECT r.id, r.epoch, r.log_mark FROM runs r JOIN (SELECT DISTINCT id, epoch FROM input) given
        ON given.id = r.id AND given.epoch = r.epoch
    WHERE r.id = ANY($1) AND {IS_LEASED} ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
),
fresh AS (
    SELECT input.* FROM input JOIN picked ON picked.id = input.id AND picked.epoch = input.epoch
    WHERE input.mark IS NULL OR input.mark > picked.log_mark
),
counted AS (SELECT id, count(*)::int AS entries, max(mark) AS mark FROM fresh GROUP BY id),
moved AS (
    UPDATE runs r SET log_seq = log_seq + counted.entries, log_mark = greatest(log_mark, counted.mark)
    FROM counted WHERE r.id = counted.id
    RETURNING r.id, r.log_seq - counted.entries AS before, r.retry_count
),
written AS (
    INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, data, worker_id, attempt)
    SELECT moved.id, moved.before + row_number() OVER (PARTITION BY fresh.id ORDER BY place), clock_timestamp(), level,
           event, message, data, $8, moved.retry_count + 1
    FROM fresh JOIN moved ON moved.id = fresh.id
)
{passed_over("SELECT DISTINCT id, epoch FROM input")}
"""


def _texts(entry: Entry) -> tuple[Any, ...]:
    # Postgres refuses U+0000 in a text, and half a surrogate pair is not valid text.
    message = entry.message.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    return entry.level, entry.event, message, entry.data


async def log(conn: Queries, entries: Sequence[tuple[UUID, int, Entry]], worker: str) -> set[tuple[UUID, int]]:
    """Write entries (run, epoch, entry) in their order, except those of runs that are no longer ours.

    Numbered entries may be sent again if the answer was lost. Return the runs (run, epoch) whose rows are locked: send
    their entries again.
    """
    ids, epochs, found = zip(*entries, strict=True)
    columns = zip(*map(_texts, found), strict=True)
    numbers = [entry.number for entry in found]
    rows = await conn.fetch(_LOG, list(ids), list(epochs), *(list(column) for column in columns), numbers, worker)
    return {(row["id"], row["epoch"]) for row in rows}


_PROGRESS = f"""
WITH picked AS MATERIALIZED (
    SELECT r.id, t.progress FROM runs r
    JOIN unnest($1::uuid[], $2::int[], $3::jsonb[]) AS t(id, epoch, progress) ON t.id = r.id AND t.epoch = r.epoch
    WHERE r.id = ANY($1) AND {IS_LEASED} ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
),
moved AS (
    UPDATE runs r SET progress = picked.progress, updated_at = clock_timestamp() FROM picked WHERE r.id = picked.id
)
{passed_over("SELECT * FROM unnest($1::uuid[], $2::int[]) AS t(id, epoch)")}
"""


async def progress(conn: Queries, values: Sequence[tuple[UUID, int, dict[str, Any]]]) -> set[tuple[UUID, int]]:
    """Replace the progress of runs (run, epoch, progress) that are still ours.

    Return the runs (run, epoch) that were skipped because their rows are locked.
    """
    rows = await conn.fetch(_PROGRESS, *(list(column) for column in zip(*values, strict=True)))
    return {(row["id"], row["epoch"]) for row in rows}


# Finish ---------------------------------------------------------------------------------------------------------

_FINISH = f"""
WITH picked AS MATERIALIZED (
    SELECT i.* FROM runs r JOIN unnest($1::uuid[], $2::int[], $3::text[], $4::jsonb[], $5::jsonb[], $6::jsonb[],
        $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::jsonb[], $14::text[])
        AS i(id, epoch, status, result, error, progress, level, event, message, data, extra, traceparent)
        ON i.id = r.id AND i.epoch = r.epoch
    WHERE r.id = ANY($1) AND {IS_LEASED} AND r.lease_owner = $12
      AND (i.status = 'completed' OR (i.status = 'cancelled') = (r.control IS NOT DISTINCT FROM 'cancel'))
    ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
),
moved AS (
    UPDATE runs r SET status = picked.status, phase = 'done', lease_owner = NULL, due_at = NULL, control = NULL,
        result = picked.result, error = picked.error, progress = coalesce(picked.progress, r.progress),
        completed_at = clock_timestamp(), updated_at = clock_timestamp(), log_seq = log_seq + 1,
        event_seq = event_seq + 1
    FROM picked WHERE r.id = picked.id
    RETURNING {_of("r", _ENDED)}, {_of("r", _TELLING)}, r.parent_run_id, picked.level, picked.event, picked.message,
        picked.data AS log_data, picked.extra, coalesce(picked.traceparent, r.traceparent) AS traceparent
),
logged AS (
    {logged("moved.level", "moved.event", "moved.message", "moved.log_data", "$13::text")}
),
told AS (
    {told("'action.' || moved.status", "moved.extra", "$12::uuid")}
),
woken AS (
    {WOKEN}
)
SELECT {_of("moved", _ENDED)}, moved.traceparent, {TOLD}, {AFTERWARDS}
FROM told JOIN moved ON moved.id = told.subject_id LEFT JOIN woken ON woken.id = moved.parent_run_id
"""


@dataclass(frozen=True)
class Ending:
    """How a run ends: the values for its row, its last log entry and its event.

    The event continues the trace of `traceparent`; None: the run's own.
    """

    run_id: UUID
    epoch: int
    status: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    progress: dict[str, Any] | None
    entry: Entry
    extra: dict[str, Any]
    traceparent: str | None = None


async def finish(conn: Queries, endings: Sequence[Ending], owner: UUID, worker: str) -> list[EndedRun]:
    """End runs that are still ours. Return a row with the event for each that it has ended.

    A cancel comes before a failure, but not before a completion (decision 20). So it does not end a run with a failure
    that is to be cancelled, nor with a cancellation that nobody asked for. Locked rows are skipped.
    """
    fields = [(e.run_id, e.epoch, e.status, e.result, e.error, e.progress, *_texts(e.entry), e.extra) for e in endings]
    values = [list(column) for column in zip(*fields, strict=True)]
    with span("finish runs", None, _of_database(len(endings)), CLIENT):
        under = _array(tuple(e.traceparent for e in endings))
        return cast("list[EndedRun]", await conn.fetch(_FINISH, *values, owner, worker, under))


# Beat -----------------------------------------------------------------------------------------------------------

_BEAT = f"""
WITH beat AS (
    UPDATE processes SET counter = counter + 1, beat_at = clock_timestamp() WHERE id = $1 RETURNING id
)
SELECT beat.id AS process, r.id, r.epoch, r.control,
    extract(epoch FROM clock_timestamp() - r.due_at)::float8 + {LEASE_SECONDS} AS age FROM beat
LEFT JOIN runs r ON r.lease_owner = beat.id AND r.phase = 'leased'
"""


@dataclass(frozen=True)
class Lease:
    """A lease as the database knows it; `age`: seconds since it was taken or renewed."""

    run_id: UUID
    epoch: int
    control: str | None
    age: float = field(default=0.0, compare=False)


async def beat(conn: Queries, process_id: UUID) -> list[Lease] | None:
    """Increase the process's counter. Return its leases, or None if it was declared dead."""
    rows = await conn.fetch(_BEAT, process_id)
    if not rows:
        return None
    return [Lease(row["id"], row["epoch"], row["control"], row["age"]) for row in rows if row["id"] is not None]


_RENEW = f"""
WITH picked AS MATERIALIZED (
    SELECT r.id FROM runs r JOIN unnest($2::uuid[], $3::int[]) AS t(id, epoch) ON t.id = r.id AND t.epoch = r.epoch
    WHERE r.id = ANY($2) AND {IS_LEASED} AND r.lease_owner = $1 ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs r SET due_at = clock_timestamp() + interval '{LEASE_SECONDS} s' FROM picked WHERE r.id = picked.id
"""


async def renew(conn: Queries, process_id: UUID, leases: Sequence[tuple[UUID, int]]) -> None:
    """Give the leases that a process knows of their full time again."""
    await conn.execute(_RENEW, process_id, [run for run, _ in leases], [epoch for _, epoch in leases])


# Publish --------------------------------------------------------------------------------------------------------

_PUBLISHED = """
WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE events e SET published_at = clock_timestamp()
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS t(subject_id, sequence, occurred_at), hasty
WHERE e.subject_id = t.subject_id AND e.sequence = t.sequence AND e.occurred_at = t.occurred_at
  AND e.occurred_at BETWEEN $4 AND $5
"""


async def published(conn: Queries, events: Sequence[tuple[UUID, int, datetime]]) -> None:
    """Mark journal rows (subject, sequence, occurred_at) as published.

    The commit does not wait for the disk: if a crash of Postgres undoes it, the event is sent again, which is allowed.
    """
    subjects, sequences, times = (list(column) for column in zip(*events, strict=True))
    await conn.execute(_PUBLISHED, subjects, sequences, times, min(times), max(times))

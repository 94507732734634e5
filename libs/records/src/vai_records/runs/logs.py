"""Reading a run's log: by sequence, from a cursor, from a level upwards (decisions 5 and 27)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from vai_common.queries import Queries, Row

LEVELS = ("info", "warning", "error")
_SEQUENCE = re.compile(r"0|[1-9][0-9]{0,8}")

# The first day to read begins a minute early: the database's clock may have been set back after the run was made.
_PAGE = """
SELECT seq, occurred_at, level, event, message, data, worker_id, attempt FROM run_logs
WHERE run_id = $1 AND seq > $2 AND occurred_at >= $3::timestamptz - interval '1 min' AND level = ANY($4::text[])
ORDER BY seq LIMIT $5
"""
_PAGE_BACKWARDS = """
SELECT seq, occurred_at, level, event, message, data, worker_id, attempt FROM run_logs
WHERE run_id = $1 AND seq < $2 AND occurred_at >= $3::timestamptz - interval '1 min' AND level = ANY($4::text[])
ORDER BY seq DESC LIMIT $5
"""
_BEYOND = 2**31 - 1  # no sequence is as large: a page that begins at the end of the log

_MOVED = """
SELECT r.id, r.log_seq, r.phase, r.status FROM unnest($1::uuid[], $2::int[]) AS known(id, seq)
JOIN runs r ON r.id = known.id WHERE r.log_seq > known.seq OR r.phase = 'done'
"""

_NEWS = """
SELECT known.id AS run_id, l.* FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS known(id, seq, since)
CROSS JOIN LATERAL (
    SELECT seq, occurred_at, level, event, message, data, worker_id, attempt FROM run_logs
    WHERE run_id = known.id AND seq > known.seq AND occurred_at >= known.since - interval '1 min' ORDER BY seq LIMIT $4
) l ORDER BY known.id, l.seq
"""


class LogRow(TypedDict):
    """An entry of a run's log, or of an automation run's."""

    seq: int
    occurred_at: datetime
    level: str
    event: str
    message: str
    data: dict[str, Any]
    worker_id: str | None
    attempt: int


class NewLogRow(LogRow):
    """An entry of one of several runs."""

    run_id: UUID


class BadCursor(ValueError):
    """The cursor is not the id of a log entry of this run."""


def sequence_of(run_id: UUID, cursor: str | None) -> int:
    """The sequence after which a page begins; an id is `<run>-<seq>`. Raises `BadCursor`."""
    if cursor is None:
        return 0
    subject, _, sequence = cursor.rpartition("-")
    if subject != str(run_id) or not _SEQUENCE.fullmatch(sequence):
        raise BadCursor(f"{cursor[:80]!r} is not the id of a log entry of this run")
    return int(sequence)


def at_least(level: str | None) -> list[str]:
    """The levels from `level` upwards."""
    return list(LEVELS[LEVELS.index(level) :]) if level else list(LEVELS)


async def page(conn: Queries, run: Row, after: int, limit: int, level: str | None = None) -> list[LogRow]:
    """Up to `limit` entries with a sequence above `after`; `run` needs `id` and `created_at` (it bounds the days)."""
    found = await conn.fetch(_PAGE, run["id"], after, run["created_at"], at_least(level), limit)
    return cast("list[LogRow]", found)


async def page_backwards(conn: Queries, run: Row, before: int, limit: int, level: str | None = None) -> list[LogRow]:
    """Up to `limit` entries with a sequence below `before`, newest first; 0 begins at the end of the log."""
    found = await conn.fetch(_PAGE_BACKWARDS, run["id"], before or _BEYOND, run["created_at"], at_least(level), limit)
    return cast("list[LogRow]", found)


async def moved(conn: Queries, known: Mapping[UUID, int]) -> list[Row]:
    """Of runs and the sequences that are known of them: those whose log has grown, and those that have ended."""
    return list(await conn.fetch(_MOVED, list(known), list(known.values())))


async def news(conn: Queries, known: Sequence[tuple[UUID, int, datetime]], limit: int) -> list[NewLogRow]:
    """Up to `limit` entries of each run (id, known sequence, created_at), in order, as `page` answers them."""
    ids, sequences, since = (list(column) for column in zip(*known, strict=True))
    return cast("list[NewLogRow]", await conn.fetch(_NEWS, ids, sequences, since, limit))


def as_json(run_id: UUID, entry: LogRow) -> dict[str, Any]:
    """An entry as the REST API shows it; its id is the cursor."""
    return {
        "attempt": entry["attempt"],
        "data": entry["data"],
        "event": entry["event"],
        "id": f"{run_id}-{entry['seq']}",
        "level": entry["level"],
        "message": entry["message"],
        "occurredAt": entry["occurred_at"],
        "workerId": entry["worker_id"],
    }

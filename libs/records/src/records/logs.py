"""Reading a run's log: by sequence, from a cursor, with a least level (decisions 5 and 27)."""

from typing import Any
from uuid import UUID

LEVELS = ("info", "warning", "error")

_PAGE = """
SELECT seq, occurred_at, level, event, message, data, worker_id, attempt FROM run_logs
WHERE run_id = $1 AND seq > $2 AND occurred_at >= $3 AND level = ANY($4::text[])
ORDER BY seq LIMIT $5
"""


class BadCursor(ValueError):
    """The cursor is no id of a log entry of this run."""


def sequence_of(run_id: UUID, cursor: str | None) -> int:
    """The sequence after which a page begins; an id is `<run>-<seq>`. Raises `BadCursor`."""
    if cursor is None:
        return 0
    subject, _, sequence = cursor.rpartition("-")
    if subject != str(run_id) or not sequence.isdecimal() or len(sequence) > 9:
        raise BadCursor(f"{cursor[:80]!r} is no id of a log entry of this run")
    return int(sequence)


def at_least(level: str | None) -> list[str]:
    """The levels from `level` upwards."""
    return list(LEVELS[LEVELS.index(level) :]) if level else list(LEVELS)


async def page(conn: Any, run: Any, after: int, limit: int, level: str | None = None) -> list[Any]:
    """Up to `limit` entries with a sequence above `after`; `run` needs `id` and `created_at` (it bounds the days)."""
    return list(await conn.fetch(_PAGE, run["id"], after, run["created_at"], at_least(level), limit))


def as_json(run_id: UUID, entry: Any) -> dict[str, Any]:
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

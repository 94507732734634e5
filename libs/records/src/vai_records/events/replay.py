"""Sending events again from a time on (decision 30): their journal rows become unpublished, and the sweep sends them.

So a replay survives whatever happens to the process that was asked for it, a day that is still to be sent is not
dropped, and the records are the same bytes with the same ids. Event triggers do not see it: they look at the journal,
where nothing is new.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from vai_common.queries import Pool, Row
from vai_records.schema.partitions import EVENT_DAYS

JOURNAL = timedelta(days=EVENT_DAYS)
"""How far back events can be sent again."""

_BATCH = 1_000

_PICK = """
SELECT subject_id, sequence, occurred_at FROM events
WHERE org_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND published_at < $4 AND type = ANY($5::text[])
ORDER BY occurred_at, subject_id, sequence LIMIT $6
FOR UPDATE SKIP LOCKED
"""

_MARK = """
UPDATE events e SET published_at = NULL, writer = $4, failures = 0, retry_at = NULL
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS t(subject_id, sequence, occurred_at)
WHERE e.subject_id = t.subject_id AND e.sequence = t.sequence AND e.occurred_at = t.occurred_at
  AND e.occurred_at BETWEEN $5 AND $6
"""


async def replay(
    pool: Pool,
    org_id: UUID,
    since: datetime,
    until: datetime,
    types: Sequence[str],
    writer: UUID,
    batch: int = _BATCH,
) -> int:
    """Marks the organisation's published events of these types, `since` ≤ time < `until`, to be sent by `writer`.

    Answers how many; what is still to be sent anyway is not counted. Each batch is a transaction of its own: after an
    error, what was marked so far is sent, and the whole may be asked for again.
    """
    asked_at = await pool.fetchval("SELECT clock_timestamp()")
    marked, start = 0, since
    while True:
        rows = await _mark_batch(pool, (org_id, start, until, asked_at, list(types), batch), writer)
        marked += len(rows)
        if len(rows) < batch:
            return marked
        start = rows[-1]["occurred_at"]


async def _mark_batch(pool: Pool, wanted: tuple[Any, ...], writer: UUID) -> Sequence[Any]:
    """The rows of one batch in order of time. A row that another holds is being sent or marked: it is left out."""
    async with pool.acquire() as conn, conn.transaction():
        rows: Sequence[Row] = await conn.fetch(_PICK, *wanted)
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await conn.execute(_MARK, *columns, writer, rows[0]["occurred_at"], rows[-1]["occurred_at"])
    return rows

"""What is told of a connection: that it works or does not, and the journal rows of that (decision 30).

Beside `vai_records.connections.connections`, because workers need it and no SQLAlchemy.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.lifecycle.sql_fragments import JOURNAL_DATA, wanted

_TELL = f"""
WITH subject AS (
    UPDATE connections SET event_seq = event_seq + 1 WHERE id = $1 AND org_id = $2
    RETURNING id, org_id, provider, event_seq
)
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, traceparent, writer, run_id, wanted)
SELECT id, event_seq, clock_timestamp(), org_id, $3,
    jsonb_build_object('connectionId', id, 'source', provider) || $4::jsonb, $5, $6, $7,
    {wanted("subject.org_id", "$3")}
FROM subject
RETURNING subject_id, sequence, type, occurred_at, org_id, {JOURNAL_DATA}, traceparent, wanted
"""
_TOLD_OF = """
SELECT sequence FROM events
WHERE subject_id = $1 AND type = 'connection.error' AND data->>'runId' = $2
  AND occurred_at >= coalesce($3::timestamptz, '-infinity')
LIMIT 1
"""
_FAILS = """
UPDATE connections SET status = CASE WHEN status = 'disabled' THEN status ELSE 'error' END, last_error = $3,
    updated_at = clock_timestamp()
WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL
"""
_WORKS = """
UPDATE connections SET status = CASE WHEN status = 'error' THEN 'active' ELSE status END, last_error = NULL,
    updated_at = clock_timestamp()
WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL AND (status = 'error' OR last_error IS NOT NULL)
"""


async def tell(
    conn: Queries,
    org_id: UUID,
    connection_id: UUID,
    event_type: str,
    data: Mapping[str, Any],
    writer: UUID,
    traceparent: str | None = None,
    run_id: UUID | None = None,
) -> Any:
    """Write an event of a connection into the journal; `data` is added to `connectionId` and `source`.

    `run_id`: the run that it tells of, where `data` do not say it (`fragments.JOURNAL_DATA`).
    Answers the journal's row, to be announced after the commit (`events.following`); None where there is no such
    connection.
    """
    return await conn.fetchrow(_TELL, connection_id, org_id, event_type, dict(data), traceparent, writer, run_id)


async def failed(
    conn: Queries,
    org_id: UUID,
    connection_id: UUID,
    error: Mapping[str, Any],
    writer: UUID,
    *,
    run_id: UUID | None = None,
    traceparent: str | None = None,
) -> Any:
    """Note that the connection does not work, and why, and tell it as `connection.error`; answers as `tell`.

    To be called in a transaction.
    """
    await conn.execute(_FAILS, connection_id, org_id, dict(error))
    data = {"error": dict(error)} | ({"runId": str(run_id)} if run_id else {})
    return await tell(conn, org_id, connection_id, "connection.error", data, writer, traceparent)


async def failure_is_told(conn: Queries, connection_id: UUID, run_id: UUID, since: datetime | None) -> bool:
    """Whether a run's `connection.error` is in the journal: asked where the answer to its COMMIT was lost (rule 1)."""
    return await conn.fetchval(_TOLD_OF, connection_id, str(run_id), since) is not None


async def works(conn: Queries, org_id: UUID, connection_id: UUID) -> None:
    """Note that the connection works: an earlier error is forgotten, and one that is disabled stays so."""
    await conn.execute(_WORKS, connection_id, org_id)

"""Backfills: a request that made up for past times of a schedule, and what has become of its automation runs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries, Row

Json = dict[str, Any]

_CREATE = """
INSERT INTO backfills (id, org_id, automation_id, since, until, made, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_COUNTED = """
SELECT b.*, found.* FROM ({}) b CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'running' AND started_at IS NULL) AS waiting,
        count(*) FILTER (WHERE status = 'running' AND started_at IS NOT NULL) AS running,
        count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled
    FROM automation_runs WHERE backfill_id = b.id
) found ORDER BY b.id DESC
"""
_GET = _COUNTED.format("SELECT * FROM backfills WHERE id = $1 AND automation_id = $2 AND org_id = $3")
_PAGE = _COUNTED.format(
    "SELECT * FROM backfills WHERE automation_id = $1 AND org_id = $2 AND ($3::uuid IS NULL OR id < $3)"
    " ORDER BY id DESC LIMIT $4"
)
# Whole or not at all: what dies behind it leaves nothing that goes on. A time whose run never began is free again.
_CANCEL = """
WITH marked AS (
    UPDATE backfills SET cancelled_at = coalesce(cancelled_at, clock_timestamp()),
        cancelled_by = CASE WHEN cancelled_at IS NULL THEN $3::uuid ELSE cancelled_by END
    WHERE id = $1 AND org_id = $2 RETURNING id
), picked AS MATERIALIZED (
    SELECT r.id FROM automation_runs r JOIN marked ON r.backfill_id = marked.id
    WHERE r.status = 'running' ORDER BY r.id FOR UPDATE OF r
)
UPDATE automation_runs a SET control = 'cancel', updated_at = clock_timestamp(),
    trigger_key = CASE WHEN a.started_at IS NULL AND a.control IS NULL THEN a.trigger_key || ':cancelled:' || a.id
        ELSE a.trigger_key END
FROM picked WHERE a.id = picked.id RETURNING a.id
"""


@dataclass(frozen=True)
class NewBackfill:
    """A request to make up for the times from `since` until `until`, by which `made` automation runs are new."""

    org_id: UUID
    automation_id: UUID
    since: datetime
    until: datetime
    made: int
    created_by: UUID | None
    id: UUID = field(default_factory=uuid7)


async def create(conn: Queries, new: NewBackfill) -> None:
    """In the transaction that makes its automation runs."""
    values = (new.id, new.org_id, new.automation_id, new.since, new.until, new.made, new.created_by)
    await conn.execute(_CREATE, *values)


async def get(conn: Queries, org_id: UUID, automation_id: UUID, backfill_id: UUID) -> Row | None:
    """With how many of its automation runs stand where, or None."""
    return await conn.fetchrow(_GET, backfill_id, automation_id, org_id)


async def list_page(conn: Queries, org_id: UUID, automation_id: UUID, behind: UUID | None, limit: int) -> list[Row]:
    """Those of an automation, the newest first, behind one of them."""
    return list(await conn.fetch(_PAGE, automation_id, org_id, behind, limit))


async def cancel(conn: Queries, org_id: UUID, backfill_id: UUID, user_id: UUID | None) -> list[UUID]:
    """Asks all of its automation runs to stop that have not ended; their ids. Cancel what runs of them besides."""
    return [row["id"] for row in await conn.fetch(_CANCEL, backfill_id, org_id, user_id)]


def status_of(row: Row) -> str:
    """Where it stands: `running`, `cancelling`, then `cancelled`, `failed` (some have) or `completed`."""
    if row["waiting"] + row["running"]:
        return "running" if row["cancelled_at"] is None else "cancelling"
    if row["cancelled_at"] is not None:
        return "cancelled"
    return "failed" if row["failed"] + row["cancelled"] else "completed"

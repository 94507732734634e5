"""Changes of an organisation's runs since a time, for screens that follow them (index `runs_changed`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.runs.row import ChangedRun
from vai_records.runs.runs import LISTED

_SINCE = """
SELECT known.org_id, r.* FROM unnest($1::uuid[], $2::timestamptz[]) AS known(org_id, since)
CROSS JOIN LATERAL (
    SELECT id, updated_at, status, phase, control, held_for, deleted_at FROM runs
    WHERE org_id = known.org_id AND updated_at > known.since ORDER BY updated_at LIMIT $3
) r
"""
_ROWS = f"SELECT {LISTED}, r.deleted_at FROM runs r WHERE id = ANY($1::uuid[])"


async def clock(conn: Queries) -> datetime:
    """The time by which rows are stamped."""
    now: datetime = await conn.fetchval("SELECT clock_timestamp()")
    return now


async def since(conn: Queries, known: Mapping[UUID, datetime], most: int) -> list[Row]:
    """For each organisation up to `most` runs that changed after a time, as they are now, oldest change first.

    A change becomes visible at its commit, a little later than its `updated_at`. So look back a little further.
    """
    return list(await conn.fetch(_SINCE, list(known), list(known.values()), most))


async def rows(conn: Queries, run_ids: Sequence[UUID]) -> list[ChangedRun]:
    """The rows of these runs, hidden ones too."""
    return cast("list[ChangedRun]", await conn.fetch(_ROWS, run_ids))

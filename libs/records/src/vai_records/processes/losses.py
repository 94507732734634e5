"""Processes that died: what the watchdog writes down when it removes one, and for how long that is kept."""

from typing import Any
from uuid import UUID

from vai_common.queries import Queries

_FORGET = """
WITH gone AS (
    DELETE FROM processes p WHERE p.id = $1
      AND NOT EXISTS (SELECT FROM runs r WHERE r.lease_owner = p.id AND r.phase = 'leased')
    RETURNING p.id, p.service, p.version, p.started_at, p.beat_at
), noted AS (
    INSERT INTO process_losses (process_id, service, version, why, started_at, beat_at)
    SELECT id, service, version, $2, started_at, beat_at FROM gone ON CONFLICT DO NOTHING
)
SELECT service, extract(epoch FROM clock_timestamp() - beat_at)::float8 AS seconds FROM gone
"""
_FORGET_OLD = "DELETE FROM process_losses WHERE lost_at < clock_timestamp() - interval '30 days'"


async def bury(conn: Queries, process_id: UUID, why: str) -> Any:
    """Removes a process that holds no run, and notes that it was lost. None: it is not there, or still holds some."""
    return await conn.fetchrow(_FORGET, process_id, why)


async def forget_old(conn: Queries) -> None:
    """Losses of more than 30 days ago."""
    await conn.execute(_FORGET_OLD)

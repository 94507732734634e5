"""What the system page is made of. Each statement reads indexes of live rows only, and stops at a bound (rule 24)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_api_gateway.system.kept import Kept
from vai_common.clock import now
from vai_common.queries import Pool, Row
from vai_records.definitions.kinds import KINDS

COUNTED_UP_TO = 10_000
MOST_PROCESSES = 500
_KEPT_SECONDS = 3.0
_SIZE_SECONDS = 300.0
_LATE_SECONDS = 12
"""After so long without a beat a process starts nothing (rule 8)."""

# A lost process whose runs are still taken back is shown until it is buried.
_PROCESSES = f"""
SELECT p.id, p.service, p.version, p.kinds, p.slots, p.stopping, p.started_at, p.beat_at,
    p.beat_at < clock_timestamp() - interval '{_LATE_SECONDS} s' AS late, coalesce(l.runs, 0) AS used,
    count(*) OVER () AS total
FROM processes p
LEFT JOIN (SELECT lease_owner, count(*) AS runs FROM runs WHERE phase = 'leased' GROUP BY lease_owner) l
    ON l.lease_owner = p.id
ORDER BY p.service, p.id LIMIT {MOST_PROCESSES}
"""
_WORKERS = f"""
SELECT k AS kind, count(*) AS workers, sum(p.slots)::bigint AS slots, sum(coalesce(l.runs, 0))::bigint AS used
FROM processes p CROSS JOIN unnest(p.kinds) AS k
LEFT JOIN (SELECT lease_owner, count(*) AS runs FROM runs WHERE phase = 'leased' GROUP BY lease_owner) l
    ON l.lease_owner = p.id
WHERE NOT p.stopping AND p.beat_at >= clock_timestamp() - interval '{_LATE_SECONDS} s' GROUP BY k
"""
_LOSSES = """
SELECT process_id AS id, service, version, why, started_at, beat_at, lost_at FROM process_losses
WHERE lost_at > clock_timestamp() - interval '30 days' ORDER BY lost_at DESC LIMIT 20
"""
# Days come in their order, so the oldest event is among those that are counted.
_JOURNAL = f"""
SELECT count(*) AS unpublished, extract(epoch FROM clock_timestamp() - min(occurred_at))::float8 AS oldest
FROM (SELECT occurred_at FROM events WHERE published_at IS NULL LIMIT {COUNTED_UP_TO}) e
"""
_SERVER = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int AS connections,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most
"""
_SIZE = "SELECT pg_database_size(current_database())"
_QUEUED = f"""
SELECT k.kind, q.runs, extract(epoch FROM clock_timestamp() - q.oldest)::float8 AS oldest
FROM unnest($2::text[]) AS k(kind) CROSS JOIN LATERAL (
    SELECT count(*) AS runs, min(updated_at) AS oldest FROM (
        SELECT updated_at FROM runs WHERE phase = 'queued' AND kind = k.kind AND org_id = $1 LIMIT {COUNTED_UP_TO}
    ) w
) q WHERE q.runs > 0
"""
_LEASED = "SELECT kind, count(*) AS runs FROM runs WHERE phase = 'leased' AND org_id = $1 GROUP BY kind"
_HELD = f"""
SELECT held_for, count(*) AS runs
FROM (SELECT held_for FROM runs WHERE phase = 'held' AND org_id = $1 LIMIT {COUNTED_UP_TO}) h GROUP BY held_for
"""
_CONNECTIONS = f"""
SELECT c.id, c.name, c.slug, c.max_running, l.runs AS live FROM (
    SELECT id, name, slug, max_running FROM connections
    WHERE org_id = $1 AND max_running IS NOT NULL AND deleted_at IS NULL ORDER BY slug LIMIT 50
) c CROSS JOIN LATERAL (
    SELECT count(*) AS runs FROM (
        SELECT FROM runs WHERE phase IN ('queued', 'leased') AND org_id = $1 AND connection_id = c.id
        LIMIT {COUNTED_UP_TO}
    ) r
) l ORDER BY c.slug
"""
_SECONDS = 5.0
"""How long a statement may take."""


@dataclass(frozen=True)
class Installation:
    """What is the same for all who ask."""

    checked_at: datetime
    processes: list[Any]
    workers: dict[str, Row]
    losses: list[Any]
    journal: Row
    server: Row


@dataclass(frozen=True)
class Own:
    """What is an organisation's own."""

    queued: dict[str, Row]
    leased: dict[str, int]
    held: dict[str, int]
    connections: list[Any]


class Measures:
    """One object per process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._installation: Kept[None, Installation] = Kept(_KEPT_SECONDS)
        self._size: Kept[None, int] = Kept(_SIZE_SECONDS)
        self._own: Kept[UUID, Own] = Kept(_KEPT_SECONDS)

    async def installation(self) -> Installation:
        return await self._installation.get(None, self._measure)

    async def size(self) -> int:
        """Bytes of the database. The server reads the sizes of all files for it."""
        return await self._size.get(None, lambda: self._pool.fetchval(_SIZE, timeout=_SECONDS))

    async def own(self, org_id: UUID) -> Own:
        return await self._own.get(org_id, lambda: self._measure_own(org_id))

    async def _measure(self) -> Installation:
        # One after another, on one connection at a time: a page that is looked at must not take the pool.
        rows = [await self._pool.fetch(one, timeout=_SECONDS) for one in (_PROCESSES, _WORKERS, _LOSSES)]
        journal, server = [await self._pool.fetchrow(one, timeout=_SECONDS) for one in (_JOURNAL, _SERVER)]
        assert journal is not None
        assert server is not None
        return Installation(now(), list(rows[0]), {row["kind"]: row for row in rows[1]}, list(rows[2]), journal, server)

    async def _measure_own(self, org_id: UUID) -> Own:
        queued = await self._pool.fetch(_QUEUED, org_id, list(KINDS), timeout=_SECONDS)
        leased, held, connections = [
            await self._pool.fetch(one, org_id, timeout=_SECONDS) for one in (_LEASED, _HELD, _CONNECTIONS)
        ]
        return Own(
            {row["kind"]: row for row in queued},
            {row["kind"]: row["runs"] for row in leased},
            {row["held_for"]: row["runs"] for row in held},
            list(connections),
        )

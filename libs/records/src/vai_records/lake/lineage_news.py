"""What a receiver of OpenLineage events has not been told yet, and the facts of the runs that it is told of.

A row is written with the event, in the same transaction, by a trigger (0044). One scheduler claims it, sends it and
deletes it; a claim that is older than `CLAIM_SECONDS` is of a scheduler that died, and the event is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row

CLAIM_SECONDS = 60
KEPT_DAYS = 7
"""As long as the events themselves: what no receiver took until then is deleted."""

_CLAIM = f"""
UPDATE lineage_news n SET attempts = attempts + 1, due_at = clock_timestamp() + interval '{CLAIM_SECONDS} s'
FROM (
    SELECT id FROM lineage_news w WHERE due_at <= clock_timestamp()
        AND NOT EXISTS (SELECT FROM lineage_news e WHERE e.subject_id = w.subject_id AND e.id < w.id)
    ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
) p
WHERE n.id = p.id
RETURNING n.id, n.subject_id, n.sequence, n.occurred_at, n.attempts
"""
_LATER = """
UPDATE lineage_news SET due_at = clock_timestamp() + make_interval(secs => $2), attempts = attempts - $3
WHERE id = ANY($1::bigint[])
"""
_FORGET = f"""
WITH gone AS (
    DELETE FROM lineage_news WHERE occurred_at < clock_timestamp() - interval '{KEPT_DAYS} days' RETURNING 1
) SELECT count(*) FROM gone
"""
_FACTS = """
SELECT e.subject_id, e.sequence, e.type, e.occurred_at, e.data, o.slug AS org_slug,
    r.kind, r.definition, r.result, r.connection_id, a.slug AS action_slug, c.slug AS connection_slug,
    ar.id AS automation_run_id, m.slug AS automation_slug, s.key AS step_key
FROM events e JOIN runs r ON r.id = e.subject_id JOIN organisations o ON o.id = e.org_id
LEFT JOIN actions a ON a.id = r.action_id AND a.org_id = r.org_id
LEFT JOIN connections c ON c.id = r.connection_id AND c.org_id = r.org_id
LEFT JOIN automation_runs ar ON ar.org_id = r.org_id
    AND ar.id = CASE WHEN r.trigger_source_type = 'automation_run' THEN r.trigger_source_id::uuid END
LEFT JOIN automations m ON m.id = ar.automation_id
LEFT JOIN automation_steps s ON s.automation_run_id = ar.id AND s.run_id = r.id
WHERE (e.subject_id, e.sequence, e.occurred_at) = ($1, $2, $3)
"""
_WRITES = """
SELECT d.id, d.layer || '.' || d.name AS name, d.columns, d.layer, w.resource, w.rows, w.bytes, w.delta_version,
    w.columns_digest, w.inputs, split_part(d.name, '.', 1) AS source, k.outputs, k.input_ids, k.inputs AS columns_read,
    k.hows
FROM dataset_writes w JOIN datasets d ON d.id = w.dataset_id
LEFT JOIN dataset_columns k ON k.dataset_id = w.dataset_id AND k.digest = w.columns_digest
WHERE w.run_id = $1 ORDER BY name, w.resource
"""
_READ = "SELECT id, layer || '.' || name AS name, columns FROM datasets WHERE id = ANY($1::uuid[]) ORDER BY 2"


@dataclass(frozen=True)
class Claimed:
    """One event that this process is to send."""

    id: int
    subject_id: UUID
    sequence: int
    occurred_at: datetime
    attempts: int


@dataclass(frozen=True)
class Facts:
    """An event of the journal with its run, what the run has written (`writes`), and the tables that it read."""

    event: Row
    writes: list[Row]
    read: list[Row]


async def wanted(conn: Queries, is_wanted: bool) -> None:
    """Say whether there is a receiver. Without one nothing is written down."""
    if is_wanted:
        await conn.execute("INSERT INTO lineage_receivers DEFAULT VALUES ON CONFLICT DO NOTHING")
    else:
        await conn.execute("DELETE FROM lineage_receivers")


async def claim(conn: Queries, most: int) -> list[Claimed]:
    """The events that are due, the oldest first, for this process alone; of each run only the first that is left.

    So a run's end is never told before its beginning: catalogues keep what they were told last.
    """
    found = [Claimed(**row) for row in await conn.fetch(_CLAIM, most)]
    return sorted(found, key=lambda one: one.id)


async def done(conn: Queries, ids: Sequence[int]) -> None:
    """They are sent, or given up."""
    await conn.execute("DELETE FROM lineage_news WHERE id = ANY($1::bigint[])", list(ids))


async def later(conn: Queries, ids: Sequence[int], seconds: float, *, tried: bool) -> None:
    """They are due again after so many seconds; not `tried`: the attempt does not count."""
    await conn.execute(_LATER, list(ids), seconds, 0 if tried else 1)


async def facts(conn: Queries, claimed: Claimed) -> Facts | None:
    """None: the event or its run is no longer there."""
    event = await conn.fetchrow(_FACTS, claimed.subject_id, claimed.sequence, claimed.occurred_at)
    if event is None:
        return None
    writes = list(await conn.fetch(_WRITES, claimed.subject_id))
    ids: set[UUID] = {each for row in writes for each in row["inputs"] or ()}
    read = list(await conn.fetch(_READ, list(ids))) if ids else []
    return Facts(event, writes, read)


async def waiting(conn: Queries) -> tuple[int, float]:
    """How many events wait, and for how many seconds the oldest has."""
    row: Any = await conn.fetchrow(
        """SELECT count(*) AS many, coalesce(extract(epoch FROM clock_timestamp() - min(occurred_at)), 0)::float8 AS old
           FROM (SELECT occurred_at FROM lineage_news ORDER BY id LIMIT 100000) n"""
    )
    return row["many"], row["old"]


async def forget_old(conn: Queries) -> int:
    """Delete what was not taken for a week, as the events themselves are. How many."""
    return int(await conn.fetchval(_FORGET))

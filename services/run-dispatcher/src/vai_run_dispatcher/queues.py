"""Depth and age of the queue of each kind, and who could work on it: what scaling and alerts read (rule 20)."""

from vai_common.queries import Pool
from vai_records.definitions.kinds import KINDS
from vai_run_dispatcher import metrics

_LIVE = """
SELECT kind, phase, count(*) AS depth, extract(epoch FROM clock_timestamp() - min(updated_at))::float8 AS age
FROM runs WHERE phase IN ('queued', 'leased') GROUP BY kind, phase
"""
_WORKERS = """
SELECT kind, count(*) AS workers, sum(slots) AS slots FROM processes, unnest(kinds) AS kind
WHERE NOT stopping AND beat_at > clock_timestamp() - interval '20 s' GROUP BY kind
"""

MOST_ORGANISATIONS = 50
"""So many organisations, those with the most live runs, have a series each."""

_OF_ORGANISATIONS = f"""
WITH live AS MATERIALIZED (SELECT org_id, phase FROM runs WHERE phase IN ('queued', 'leased')),
top AS (SELECT org_id FROM live GROUP BY org_id ORDER BY count(*) DESC LIMIT {MOST_ORGANISATIONS})
SELECT coalesce(o.slug, o.id::text) AS organisation, live.phase, count(*) AS depth
FROM live JOIN top USING (org_id) JOIN organisations o ON o.id = org_id GROUP BY 1, live.phase
"""


async def measure_once(pool: Pool) -> None:
    """Set the gauges of every kind; those of kinds without runs become zero."""
    found = {(row["kind"], row["phase"]): row for row in await pool.fetch(_LIVE)}
    workers = {row["kind"]: row for row in await pool.fetch(_WORKERS)}
    for kind in KINDS:
        for phase in ("queued", "leased"):
            row = found.get((kind, phase))
            metrics.runs_live.labels(kind=kind, phase=phase).set(row["depth"] if row else 0)
        queued, serving = found.get((kind, "queued")), workers.get(kind)
        metrics.queue_oldest_seconds.labels(kind=kind).set(queued["age"] if queued else 0)
        metrics.kind_workers.labels(kind=kind).set(serving["workers"] if serving else 0)
        metrics.kind_slots.labels(kind=kind).set(serving["slots"] if serving else 0)


async def measure_organisations_once(pool: Pool) -> None:
    """The same for the organisations with the most live runs; one without live runs is left out."""
    rows = await pool.fetch(_OF_ORGANISATIONS)
    metrics.organisation_runs_live.clear()
    for row in rows:
        metrics.organisation_runs_live.labels(organisation=row["organisation"], phase=row["phase"]).set(row["depth"])

"""Depth and age of the queue of each kind: what scaling reads (rule 20)."""

from vai_common.queries import Pool
from vai_common.telemetry import oldest_queued_seconds, runs_live
from vai_records.definitions.kinds import KINDS

_LIVE = """
SELECT kind, phase, count(*) AS depth, extract(epoch FROM clock_timestamp() - min(updated_at))::float8 AS age
FROM runs WHERE phase IN ('queued', 'leased') GROUP BY kind, phase
"""


async def measure_once(pool: Pool) -> None:
    """Sets the gauges of every kind, those without runs to zero."""
    found = {(row["kind"], row["phase"]): row for row in await pool.fetch(_LIVE)}
    for kind in KINDS:
        for phase in ("queued", "leased"):
            row = found.get((kind, phase))
            runs_live.labels(kind=kind, phase=phase).set(row["depth"] if row else 0)
        queued = found.get((kind, "queued"))
        oldest_queued_seconds.labels(kind=kind).set(queued["age"] if queued else 0)

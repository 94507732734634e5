"""What waits outside the queues, the journal, and the database itself: measured for alerts and dashboards."""

from vai_common.queries import Pool
from vai_records.lifecycle.transitions import HeldFor
from vai_run_dispatcher import metrics

_MOST = 100_000

_HELD = f"""
SELECT held_for, count(*) AS runs FROM (SELECT held_for FROM runs WHERE phase = 'held' LIMIT {_MOST}) h
GROUP BY held_for
"""
_WAITING = f"""
SELECT (SELECT count(*) FROM (SELECT FROM automation_runs WHERE status = 'running' LIMIT {_MOST}) a) AS automations,
    (SELECT count(*) FROM (SELECT FROM events WHERE wanted LIMIT {_MOST}) w) AS unhandled,
    (SELECT count(*) FROM (SELECT FROM events WHERE published_at IS NULL LIMIT {_MOST}) u) AS unpublished,
    (SELECT extract(epoch FROM clock_timestamp() - min(occurred_at)) FROM events
     WHERE published_at IS NULL)::float8 AS unpublished_for,
    (SELECT extract(epoch FROM clock_timestamp() - min(due_at)) FROM automations
     WHERE due_at IS NOT NULL AND status = 'active' AND deleted_at IS NULL)::float8 AS overdue
"""
# From the catalogue's counters, which every user may read.
_SERVER = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int AS connections,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most
"""
_SIZE = "SELECT pg_database_size(current_database())"


async def measure_waiting_once(pool: Pool) -> None:
    """Held runs by their reason, automation runs, events of the journal, the schedule that is most overdue."""
    held = {row["held_for"]: row["runs"] for row in await pool.fetch(_HELD)}
    for reason in HeldFor:
        metrics.runs_held.labels(reason=reason).set(held.get(reason, 0))
    row = await pool.fetchrow(_WAITING)
    if row is not None:
        metrics.automation_runs_live.set(row["automations"])
        metrics.events_unhandled.set(row["unhandled"])
        metrics.journal_unpublished_events.set(row["unpublished"])
        metrics.journal_oldest_unpublished_seconds.set(max(0.0, row["unpublished_for"] or 0.0))
        metrics.schedule_overdue_seconds.set(max(0.0, row["overdue"] or 0.0))


async def measure_server_once(pool: Pool) -> None:
    """How many connections the database server has open, and how many it allows."""
    row = await pool.fetchrow(_SERVER)
    if row is not None:
        metrics.database_connections.set(row["connections"])
        metrics.database_connections_limit.set(row["most"])


async def measure_size_once(pool: Pool) -> None:
    """Bytes of the database. Ask seldom: the server reads the sizes of all files."""
    metrics.database_size_bytes.set(await pool.fetchval(_SIZE))

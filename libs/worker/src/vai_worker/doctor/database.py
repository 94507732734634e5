"""What can be wrong with the database: its schema, clock, rights, connections, partitions, and who serves the kinds."""

from collections.abc import Collection
from datetime import timedelta

import asyncpg

from vai_common import poolers
from vai_common.clock import now, steady_seconds
from vai_common.db import AWAY, REFUSES, open_pool
from vai_common.queries import Pool
from vai_records.definitions.kinds import KINDS
from vai_records.schema import needed
from vai_records.schema.partitions import EVENT_DAYS, LOG_DAYS
from vai_records.schema.scalers import ROLE
from vai_records.secrets import trust
from vai_records.secrets.keys import Keyring, SecretError
from vai_worker.doctor.finding import Finding

CLOCK_SECONDS = 2.0
"""How far the database's clock may be from this machine's."""

BUSY_SHARE = 0.9

_NO_RIGHT = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (
    has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
    AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
ORDER BY c.relname LIMIT 5
"""
_SERVER = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int AS connections,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most
"""
_SCALER = """
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS is_there,
    coalesce((SELECT has_table_privilege(oid, 'worker_load', 'SELECT') FROM pg_roles WHERE rolname = $1), false)
        AS reads,
    coalesce((SELECT has_table_privilege(oid, 'runs', 'SELECT') FROM pg_roles WHERE rolname = $1), false) AS too_much
"""
_PARTITIONS = """
SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::text::regclass
"""
_SERVED = (
    "SELECT DISTINCT unnest(kinds) AS kind FROM processes WHERE NOT stopping AND beat_at > now() - interval '20 s'"
)


def not_opened(error: Exception) -> Finding:
    """Why no session could be opened."""
    if isinstance(error, REFUSES):
        advice = "See user, password and database in VAI_DATABASE_URL and VAI_DATABASE_DIRECT_URL"
        return Finding("database", f"it refuses the session: {error}", advice)
    if isinstance(error, asyncpg.InsufficientResourcesError):
        advice = "Raise max_connections of the server, or lower pools and numbers of processes"
        return Finding("database", f"it takes no further session: {error}", advice)
    fault = f"it does not answer: {type(error).__name__}: {error}"
    return Finding("database", fault, "See VAI_DATABASE_URL, the network, and whether Postgres runs")


async def schema(pool: Pool) -> Finding:
    return Finding.of("schema", await needed.fault(pool), f"serves services of {needed.NEEDED}")


async def clock(pool: Pool) -> Finding:
    """The database's time against this machine's, in the middle of the question."""
    sent, before = steady_seconds(), now()
    there = await pool.fetchval("SELECT clock_timestamp()")
    took = steady_seconds() - sent
    apart = abs((there - before).total_seconds() - took / 2)
    if apart <= CLOCK_SECONDS + took / 2:
        return Finding("clock", seen=f"{apart:.1f} s between the database and this machine")
    fault = f"the database's clock and this machine's are {apart:.0f} s apart"
    return Finding("clock", fault, "Let both keep time by NTP: leases, schedules and tokens are judged by it")


async def rights(pool: Pool) -> Finding:
    tables = [row["relname"] for row in await pool.fetch(_NO_RIGHT)]
    if not tables:
        return Finding("rights")
    advice = "Let the services' user own the database's tables (docs/running.md, the database's sessions)"
    return Finding("rights", f"this user may not read and write {', '.join(tables)}", advice)


async def pooler(url: str, direct_url: str) -> Finding:
    """Whether services can work through what stands at VAI_DATABASE_URL, as they ask at their start."""
    try:
        pool = await open_pool(url, "doctor", 1)
        try:
            stands = await poolers.check(pool, url, direct_url, None)
        finally:
            pool.terminate()
    except (*AWAY, asyncpg.PostgresError, poolers.PoolerLoses) as error:
        told = error if isinstance(error, poolers.PoolerLoses) else poolers.told_of(error)
        return Finding.of("pooler", str(told or f"VAI_DATABASE_URL does not answer: {error!r}: see its address"))
    return Finding("pooler", seen="keeps what services need" if stands else "none before the database")


async def connections(pool: Pool) -> Finding:
    row = await pool.fetchrow(_SERVER)
    assert row is not None
    told = f"{row['connections']} of {row['most']} connections are taken"
    if row["connections"] < BUSY_SHARE * row["most"]:
        return Finding("connections", seen=told)
    return Finding("connections", told, "Lower VAI_POOL_SIZE, run fewer processes, or raise max_connections")


async def partitions(pool: Pool) -> Finding:
    """Today's, tomorrow's, and none that should have gone."""
    today = now().date()
    missing, old = [], []
    for table, kept in (("run_logs", LOG_DAYS), ("events", EVENT_DAYS)):
        names = {row["name"] for row in await pool.fetch(_PARTITIONS, table)}
        wanted = [f"{table}_{today + timedelta(days=ahead):%Y%m%d}" for ahead in (0, 1)]
        missing += [name for name in wanted if name not in names]
        oldest = f"{table}_{today - timedelta(days=kept + 2):%Y%m%d}"
        old += sorted(name for name in names if name < oldest and not name.endswith("default"))
    if missing:
        return Finding("partitions", f"{', '.join(missing)} are not there", "Start a watchdog, or run `make migrate`")
    if old:
        advice = "Start a watchdog; a day of events stays while some of them are unpublished"
        return Finding("partitions", f"{', '.join(old[:5])} should have been dropped", advice)
    return Finding("partitions")


async def scaling(pool: Pool) -> Finding:
    row = await pool.fetchrow(_SCALER, ROLE)
    assert row is not None
    if not row["is_there"]:
        advice = f"As an administrator of the server: CREATE ROLE {ROLE} NOLOGIN; then run `make migrate`"
        return Finding("scaling view", f"there is no role {ROLE}", advice)
    if not row["reads"]:
        return Finding("scaling view", f"{ROLE} may not read worker_load", "Run `make migrate`")
    if row["too_much"]:
        return Finding(
            "scaling view", f"{ROLE} may read runs", f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLE}"
        )
    load = {row["kind"] for row in await pool.fetch("SELECT kind FROM worker_load")}
    return Finding("scaling view", seen=f"{len(load)} kinds")


async def workers(pool: Pool, resting: Collection[str] = ()) -> Finding:
    """Every kind has a live worker, but those that may rest."""
    served = {row["kind"] for row in await pool.fetch(_SERVED)}
    unserved = [kind for kind in KINDS.values() if kind.available and kind.name not in served]
    missing = [kind for kind in unserved if kind.name not in resting]
    if not unserved:
        return Finding("workers", seen="every kind has a live worker")
    if not missing:
        return Finding("workers", seen=f"all but {', '.join(kind.name for kind in unserved)}, which may rest")
    services = sorted({kind.service for kind in missing})
    names = ", ".join(kind.name for kind in missing)
    return Finding(
        "workers", f"no live worker serves {names}", f"Start {', '.join(services)}, or scale it up from zero"
    )


async def secrets(pool: Pool, keys: str) -> Finding:
    """Whether the given keys open what is stored."""
    try:
        ring = Keyring(keys)
    except SecretError as error:
        return Finding("secrets", str(error).rstrip("."), "Write it as docs/running.md says")
    return Finding.of("secrets", await trust.fault(pool, ring))

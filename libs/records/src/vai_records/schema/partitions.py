"""Partitions by day of logs and events: made seven days ahead, dropped when they are too old (rule 15)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import asyncpg

from vai_common.queries import Pool
from vai_common.rows import Rows

DAYS_AHEAD = 7
LOG_DAYS = 30
"""How long log entries are kept (document 004)."""
EVENT_DAYS = 7
"""How long events can be sent again (decision 30)."""

_TABLES = {"run_logs": LOG_DAYS, "events": EVENT_DAYS}

_FILLED = {"events": 50}
"""How full pages are made, in percent. Each event is marked as published soon after it was written: with room for that
on its own page only the difference goes to the WAL, a sixth of all that a run writes there."""

_CHILDREN = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass
"""

# Read from the table: to_regclass may answer from the session's cache, which a wait for a lock does not refresh.
_THERE = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND relkind = 'r')"


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def make_ahead(pool: Pool, today: date, rows: Rows[str] | None = None) -> list[str]:
    """Makes the partitions of today and the days ahead; answers the names of those that were missing.

    Where `rows` are given, a day that cannot be made keeps no other from being made; else it raises.
    """
    made: list[str] = []
    for table in _TABLES:
        for offset in range(DAYS_AHEAD + 1):
            day = today + timedelta(days=offset)

            async def make(name: str, table: str = table, day: date = day) -> None:
                if await _make(pool, table, day):
                    made.append(name)

            await _alone(rows, _name(table, day), make)
    return made


async def _alone(rows: Rows[str] | None, name: str, do: Callable[[str], Awaitable[None]]) -> None:
    await (do(name) if rows is None else rows.one(name, do))


_MOVE_SECONDS = 600.0
"""A longer time limit than the watchdog's usual one, since the rows of a day may have to be moved."""


async def _make(pool: Pool, table: str, day: date) -> bool:
    name, start, end = _name(table, day), _start(day), _start(day + timedelta(days=1))
    if await pool.fetchval(_THERE, name):
        return False
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(f"SET LOCAL statement_timeout = '{_MOVE_SECONDS:.0f}s'")
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('vai.partitions'))")
        if await conn.fetchval(_THERE, name):
            return False
        await conn.execute(
            f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)"
            f" WITH (fillfactor = {_FILLED.get(table, 100)})"
        )
        await conn.execute(f"LOCK TABLE {table}_default IN SHARE ROW EXCLUSIVE MODE")
        await conn.execute(
            f"WITH moved AS (DELETE FROM {table}_default WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved",
            start,
            end,
            timeout=_MOVE_SECONDS,
        )
        bounds = f"FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        await conn.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}")
    return True


async def drop_old(pool: Pool, today: date, rows: Rows[str] | None = None) -> list[str]:
    """Drops the days that are no longer kept; a day of events that are unpublished or wanted stays (rule 9).

    Where `rows` are given, a day that cannot be dropped keeps no other from being dropped; else it raises.
    """
    dropped: list[str] = []
    for table, days in _TABLES.items():

        async def drop(name: str, table: str = table) -> None:
            if await _drop(pool, table, name):
                dropped.append(name)

        for name in await _older(pool, table, today - timedelta(days=days)):
            await _alone(rows, name, drop)
    return dropped


async def _older(pool: Pool, table: str, oldest: date) -> list[str]:
    rows = await pool.fetch(_CHILDREN, table)
    kept = _name(table, oldest)
    return sorted(row["relname"] for row in rows if row["relname"] < kept and not row["relname"].endswith("default"))


async def _drop(pool: Pool, table: str, name: str) -> bool:
    needed = f"SELECT EXISTS (SELECT FROM {name} WHERE published_at IS NULL OR wanted)"
    async with pool.acquire() as conn, conn.transaction():
        # All writers wait behind this statement, so it waits only a short time. The next turn may find the table free.
        await conn.execute("SET LOCAL lock_timeout = '200ms'")
        try:
            # A replay must not mark rows between the check and the drop.
            await conn.execute(f"LOCK TABLE {name} IN SHARE MODE")
            if table == "events" and await conn.fetchval(needed):
                return False
            await conn.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
        except asyncpg.LockNotAvailableError:
            return False
        await conn.execute(f"DROP TABLE {name}")
    return True

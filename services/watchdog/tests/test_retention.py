"""Days of logs and events: made ahead, dropped when they are old (rule 15)."""

from datetime import date, timedelta

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.schema import partitions
from vai_testkit.database import Database
from vai_watchdog.retention import keep_once


async def _days(database: Database) -> set[str]:
    rows = await (await database.owner()).fetch(
        """SELECT inhrelid::regclass::text AS name FROM pg_inherits
        WHERE inhparent IN ('run_logs'::regclass, 'events'::regclass)"""
    )
    return {row["name"] for row in rows if not row["name"].endswith("_default")}


def _names(table: str, first: date, days: int) -> set[str]:
    return {f"{table}_{first + timedelta(days=offset):%Y%m%d}" for offset in range(days)}


async def test_the_days_ahead_are_there_and_the_old_ones_are_not(own_database: Database) -> None:
    pool, today = await own_database.pool("watchdog"), now().date()
    for ago in (60, 20):
        await partitions.make_ahead(pool, today - timedelta(days=ago))
    last = today + timedelta(days=partitions.DAYS_AHEAD)
    await pool.execute(f"DROP TABLE events_{last:%Y%m%d}")

    await keep_once(pool, 400)

    ahead = _names("run_logs", today, 8) | _names("events", today, 8)
    assert await _days(own_database) == ahead | _names("run_logs", today - timedelta(days=20), 8)


async def test_a_day_with_events_that_nobody_has_heard_of_stays(own_database: Database) -> None:
    pool, owner = await own_database.pool("watchdog"), await own_database.owner()
    old = now() - timedelta(days=40)
    await partitions.make_ahead(pool, old.date())
    await owner.execute(
        """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data)
        VALUES ($1, 1, $2, $1, 'action.failed', '{}')""",
        uuid7(),
        old,
    )
    await keep_once(pool, 400)
    kept = _names("events", old.date(), 1)
    assert kept <= await _days(own_database)

    await owner.execute("UPDATE events SET published_at = clock_timestamp()")
    await keep_once(pool, 400)
    assert not kept & await _days(own_database)

"""Days of logs and events, with today given as a date."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.runs import statements
from vai_records.schema import partitions
from vai_testkit.database import Database

TODAY = date(2031, 3, 28)


async def _days(database: Database, table: str) -> set[str]:
    rows = await (await database.owner()).fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::text::regclass", table
    )
    return {row["name"] for row in rows}


async def _event(database: Database, day: date, published: bool = True, wanted: bool = False) -> Any:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return await (await database.owner()).fetchval(
        """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, published_at, wanted)
        VALUES ($1, 1, $2, $1, 'action.completed', '{}', $3, $4) RETURNING tableoid::regclass::text""",
        uuid7(),
        at,
        at if published else None,
        wanted,
    )


async def _entry(database: Database, day: date) -> Any:
    at = datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC)
    return await (await database.owner()).fetchval(
        """INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, attempt)
        VALUES ($1, 1, $2, 'info', 'e', 'm', 1) RETURNING tableoid::regclass::text""",
        uuid7(),
        at,
    )


async def _where(database: Database, table: str) -> set[str]:
    rows = await (await database.owner()).fetch(f"SELECT DISTINCT tableoid::regclass::text AS name FROM {table}")
    return {row["name"] for row in rows}


async def test_migrating_makes_the_days_ahead(own_database: Database) -> None:
    for table in ("run_logs", "events"):
        found = await _days(own_database, table)
        first = date.fromisoformat(min(found - {f"{table}_default"}).removeprefix(f"{table}_"))
        assert timedelta() <= now().date() - first <= timedelta(days=1)  # the tests may have begun before midnight
        days = {f"{table}_{first + timedelta(days=offset):%Y%m%d}" for offset in range(8)}
        assert days | {f"{table}_default"} <= found


async def test_today_and_seven_days_ahead_are_made_once(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    made = await partitions.make_ahead(pool, TODAY)
    expected = [f"{table}_203103{day}" for table in ("run_logs", "events") for day in (28, 29, 30, 31)]
    expected += [f"{table}_2031040{day}" for table in ("run_logs", "events") for day in (1, 2, 3, 4)]
    assert sorted(made) == sorted(expected)
    assert await partitions.make_ahead(pool, TODAY) == []
    assert len(await partitions.make_ahead(pool, TODAY + timedelta(days=1))) == 2


async def test_rows_that_came_before_their_day_was_made_are_moved_into_it(own_database: Database) -> None:
    assert await _event(own_database, TODAY) == "events_default"
    assert await _entry(own_database, TODAY) == "run_logs_default"
    await _event(own_database, TODAY + timedelta(days=30))

    await partitions.make_ahead(await own_database.pool("watchdog"), TODAY)

    assert await _where(own_database, "events") == {"events_20310328", "events_default"}
    assert await _where(own_database, "run_logs") == {"run_logs_20310328"}
    assert await _event(own_database, TODAY) == "events_20310328"
    assert await _entry(own_database, TODAY) == "run_logs_20310328"


async def test_two_who_make_days_at_once_do_not_trip_over_each_other(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    made = await asyncio.gather(*(partitions.make_ahead(pool, TODAY) for _ in range(3)))
    names = [name for found in made for name in found]
    assert len(names) == len(set(names)) == 16


async def test_days_are_dropped_when_they_are_no_longer_kept(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    await partitions.make_ahead(pool, TODAY)
    later = TODAY + timedelta(days=partitions.EVENT_DAYS + 2)

    dropped = await partitions.drop_old(pool, later)
    old = {name for name in dropped if "_2031" in name}
    assert old == {"events_20310328", "events_20310329"}
    assert "events_20310330" in await _days(own_database, "events")

    much_later = TODAY + timedelta(days=partitions.LOG_DAYS + 1)
    dropped = await partitions.drop_old(pool, much_later)
    assert {name for name in dropped if name.startswith("run_logs")} == {"run_logs_20310328"}
    assert {"run_logs_default", "run_logs_20310329"} <= await _days(own_database, "run_logs")


async def test_a_day_with_unpublished_events_stays(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    await partitions.make_ahead(pool, TODAY)
    await _event(own_database, TODAY, published=False)
    await _event(own_database, TODAY + timedelta(days=1), published=True)
    later = TODAY + timedelta(days=30)

    dropped = await partitions.drop_old(pool, later)
    assert "events_20310329" in dropped
    assert "events_20310328" not in dropped

    await (await own_database.owner()).execute("UPDATE events SET published_at = now()")
    assert "events_20310328" in await partitions.drop_old(pool, later)


async def test_a_day_with_events_that_automations_wait_for_stays(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    await partitions.make_ahead(pool, TODAY)
    await _event(own_database, TODAY, wanted=True)
    later = TODAY + timedelta(days=30)

    assert "events_20310328" not in await partitions.drop_old(pool, later)

    await (await own_database.owner()).execute("UPDATE events SET wanted = false")
    assert "events_20310328" in await partitions.drop_old(pool, later)


async def test_a_table_in_use_is_dropped_another_time(own_database: Database) -> None:
    pool = await own_database.pool("watchdog")
    await partitions.drop_old(pool, TODAY)
    await partitions.make_ahead(pool, TODAY)
    reader = await own_database.connect("api-gateway")
    async with reader.transaction():
        await reader.fetch("SELECT 1 FROM run_logs LIMIT 1")
        assert "run_logs_20310328" not in await partitions.drop_old(pool, TODAY + timedelta(days=31))
    assert "run_logs_20310328" in await partitions.drop_old(pool, TODAY + timedelta(days=31))


_PAGES = "SELECT subject_id, (ctid::text::point)[0] AS page FROM events ORDER BY subject_id"


async def test_an_event_that_is_marked_as_published_stays_on_its_page(own_database: Database) -> None:
    """On another page the whole event would go to the WAL once more."""
    owner = await own_database.owner()
    rows = await owner.fetch(
        """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data)
        SELECT gen_random_uuid(), 1, clock_timestamp(), gen_random_uuid(), 'action.completed',
            jsonb_build_object('text', repeat('words ', 80)) FROM generate_series(1, 100)
        RETURNING subject_id, sequence, occurred_at"""
    )
    before = await owner.fetch(_PAGES)
    await statements.published(await own_database.pool("watchdog"), [tuple(row) for row in rows])
    assert len({row["page"] for row in before}) > 1
    assert await owner.fetch(_PAGES) == before

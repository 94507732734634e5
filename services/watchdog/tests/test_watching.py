"""From a look to a burial: a real lock, a real connection that breaks, a process that comes back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from vai_common.boot import Service
from vai_common.ids import uuid7
from vai_records.processes.life import Abilities, Life
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.wait import wait_for
from vai_watchdog import wiring
from vai_watchdog.deaths import Looks


async def _living(database: Database) -> tuple[UUID, Any]:
    """A registered process with its lock, on a connection of its own."""
    process = await database.register(lock_key=(key := uuid7().int % 2**62))
    connection = await database.connect("extract-worker")
    await connection.execute("SELECT pg_advisory_lock($1)", key)
    return process, connection


async def test_a_watchdog_sees_itself_and_stays(kennel: Any, database: Database) -> None:
    """It has no lock here and its beat stands still: others may judge that, it may not."""
    watching, owner = await database.connect("watchdog"), await database.owner()
    await owner.execute("UPDATE processes SET started_at = started_at - interval '1 h' WHERE id = $1", kennel.id)
    for _ in range(6):
        await kennel.watchdog.look_at_locks_once(watching)
        await kennel.watchdog.look_at_counters_once(watching)
    assert await kennel.is_registered(kennel.id)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service[Any]]:
    async with opened_service(database.url, "extract-worker") as service:
        yield service


async def test_a_process_that_was_buried_while_its_lock_was_gone_hears_of_it(
    kennel: Any, database: Database, service: Service[Any]
) -> None:
    """It takes its lock again by itself: it must not go on with runs that are no longer its own (rule 8)."""
    deaths: list[bool] = []
    life = Life(service, Abilities(("dlt_extract",), 8))
    life.on_death = lambda: deaths.append(True)
    await life.beat_once()
    key = await (await database.owner()).fetchval("SELECT lock_key FROM processes WHERE id = $1", life.id)
    run_id = await kennel.held_by(life.id)
    await (await database.owner()).execute(
        """SELECT pg_terminate_backend(pid) FROM pg_locks
        WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = $1""",
        key,
    )
    await wait_for(lambda: not life.is_steady(), what="the loss is noticed")
    await kennel.watchdog.bury(life.id, "its connection closed")
    assert (await database.where(run_id), deaths) == ("running/queued", [])

    await life.beat_once()

    assert deaths == [True]
    assert life.is_steady()
    assert await kennel.is_registered(life.id)
    await life.stop()


class Counted(Looks):
    """Notes how often all was forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks = 0

    def forget(self) -> None:
        super().forget()
        self.breaks += 1


async def test_when_its_own_connection_breaks_a_watchdog_begins_anew(
    kennel: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "LOCK_SECONDS", 0.01)
    monkeypatch.setattr(wiring, "COUNTER_LOOKS", 1_000_000)  # one a connection: nobody beats here
    process, _ = await _living(database)
    kennel.watchdog.looks = looks = Counted()
    async with opened_service(database.url, "watchdog") as service:
        watching = asyncio.create_task(wiring._watch(service, kennel.watchdog))
        await wait_for(lambda: process in looks.seen, what="the process is seen")
        assert looks.breaks == 1
        looks.seen[process].still_looks = 3
        await (await database.owner()).execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'watchdog' AND query LIKE '%pg_locks%' AND datname = current_database()
              AND pid <> pg_backend_pid()"""
        )
        await wait_for(lambda: looks.breaks == 2 and process in looks.seen, what="the process is seen again")
        watching.cancel()
        await asyncio.wait([watching])
    assert looks.seen[process].still_looks == 0


async def test_leases_count_only_after_a_while_of_unbroken_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an absence of the database every lease has run out: the living renew theirs first."""
    monkeypatch.setattr(wiring, "LOCK_SECONDS", 0.0)
    turns: list[str] = []

    class Turning:
        async def look_at_locks_once(self, _conn: Any) -> None:
            turns.append("lock")

        async def look_at_counters_once(self, _conn: Any) -> None:
            turns.append("counter")

        async def sweep_leases_once(self) -> None:
            turns.append("lease")

    watching = asyncio.create_task(wiring._look_until_broken(None, Turning()))  # type: ignore[arg-type]
    await wait_for(lambda: turns.count("lease") == 2, every=0)
    watching.cancel()
    await asyncio.wait([watching])
    assert turns[: turns.index("lease")].count("lock") == wiring.LEASES_AFTER + 1
    assert turns[: turns.index("lease")].count("counter") == wiring.LEASES_AFTER // wiring.COUNTER_LOOKS + 1

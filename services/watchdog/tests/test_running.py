"""The watchdog as a service: it looks by itself, on a connection whose break makes it forget, and keeps the days."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from common.boot import Service
from common.clock import now
from testkit.database import Database
from testkit.opened import opened_service
from testkit.wait import wait_for
from watchdog import looks
from watchdog.handlers import running
from watchdog.retention import keep_once

_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'watchdog' AND query LIKE '%pg_locks%' AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def service(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service[Any]]:
    monkeypatch.setattr(looks, "UNSEEN_SECONDS", 1.0)
    async with opened_service(own_database.url, "watchdog") as service, running(service):
        yield service


async def test_the_dead_are_buried_without_being_asked(own_database: Database, service: Service[Any]) -> None:
    process = await own_database.register(kinds=["dlt_extract"])
    run_id = await own_database.put("running", "leased", lease_owner=process)

    async def taken_back() -> bool:
        return await own_database.where(run_id) == "running/queued"

    await wait_for(taken_back, what="the run is taken back")
    assert service.health.problems() == []


async def test_a_watchdog_whose_connection_broke_goes_on_watching(
    own_database: Database, service: Service[Any]
) -> None:
    owner = await own_database.owner()

    async def broken() -> bool:
        return bool(await owner.fetch(_SESSIONS))

    await wait_for(broken, what="its connection is broken")
    process = await own_database.register()

    async def buried() -> bool:
        return not await owner.fetchval("SELECT EXISTS (SELECT FROM processes WHERE id = $1)", process)

    await wait_for(buried, what="the process is buried")


async def test_days_are_made_and_dropped_by_one_turn(own_database: Database) -> None:
    owner = await own_database.owner()
    day = f"events_{now():%Y%m%d}"
    await owner.execute(f"DROP TABLE {day}")
    await owner.execute(
        "CREATE TABLE events_20200101 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')"
    )
    await keep_once(await own_database.pool("watchdog"))
    assert await owner.fetchval("SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1)", day)
    assert not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'events_20200101')")

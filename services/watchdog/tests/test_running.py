"""The watchdog as a service: it looks by itself, on a connection whose break makes it forget, and keeps the days."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from vai_common.boot import Service
from vai_common.clock import now
from vai_records.processes.life import Abilities, Life
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.wait import wait_for
from vai_watchdog import deaths, wiring
from vai_watchdog.retention import keep_once
from vai_watchdog.settings import Settings
from vai_watchdog.wiring import running

_EVERYBODY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name NOT IN ('', 'test') AND pid <> pg_backend_pid()
"""
_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'watchdog' AND query LIKE '%pg_locks%' AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def service(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service[Any]]:
    monkeypatch.setattr(deaths, "UNSEEN_SECONDS", 1.0)
    async with opened_service(own_database.url, "watchdog", Settings) as service, running(service):
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
    await keep_once(await own_database.pool("watchdog"), 400)
    assert await owner.fetchval("SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1)", day)
    assert not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'events_20200101')")


async def test_two_watchdogs_bury_nobody_alive_and_each_dead_one_once_when_postgres_restarts(
    own_database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restart ends every session at once: nobody holds a lock at the first looks after it."""
    monkeypatch.setattr(deaths, "UNSEEN_SECONDS", 2.0)
    monkeypatch.setattr(wiring, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(wiring, "COUNTER_LOOKS", 50)  # 5 s apart, as ever: the living beat at their own pace
    owner, url = await own_database.owner(), own_database.url
    async with AsyncExitStack() as stack:
        lives = []
        for name in ("watchdog", "watchdog", "extract-worker", "agent-worker"):
            service = await stack.enter_async_context(opened_service(url, name, Settings))
            if name == "watchdog":
                await stack.enter_async_context(running(service))
            else:
                lives.append(life := Life(service, Abilities(("dlt_extract",), 8)))
                await life.start()
                stack.push_async_callback(life.stop)
        kept = [await own_database.put("running", "leased", lease_owner=life.id) for life in lives]
        alive = {row["id"] for row in await owner.fetch("SELECT id FROM processes")}
        assert len(alive) == 4
        dead = [await own_database.register(kinds=["dlt_extract"]) for _ in range(3)]
        lost = [await own_database.put("running", "leased", lease_owner=process) for process in dead]
        assert len(await owner.fetch(_EVERYBODY)) >= 6
        await wait_for(lambda: _are(own_database, lost, "running/queued"), what="the runs of the dead are taken back")
        await wait_for(lambda: _only(owner, alive), what="the dead are gone")
        assert await _are(own_database, kept, "running/leased")
        for run_id in lost:
            assert [entry["event"] for entry in await own_database.log(run_id)] == ["watchdog_fast_recovery"]
            assert (await own_database.run(run_id))["interrupt_count"] == 1
        # Before the end of the block: who is stopped there beats no more while the watchdogs still look.
        said = capsys.readouterr().out
    assert "declared_dead" not in said
    assert not [line for line in said.splitlines() if "process_buried" in line and any(str(id) in line for id in alive)]


async def _are(database: Database, run_ids: list[UUID], place: str) -> bool:
    return [await database.where(run_id) for run_id in run_ids] == [place] * len(run_ids)


async def _only(owner: Any, alive: set[UUID]) -> bool:
    return {row["id"] for row in await owner.fetch("SELECT id FROM processes")} == alive

"""How a process shows that it lives, and when it may not be sure of it (rules 6 and 8)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from vai_common.boot import Service
from vai_common.clock import steady_seconds
from vai_common.vitals import VERSION
from vai_records.processes import life as life_module
from vai_records.processes.life import STEADY_SECONDS, Abilities, Life, process_channel
from vai_records.runs.statements import Lease
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.wait import wait_for

_HELD = """
SELECT l.pid FROM processes p JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32 | l.objid::bigint) = p.lock_key AND l.database = (
    SELECT oid FROM pg_database WHERE datname = current_database())
WHERE p.id = $1
"""


class Clock:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return steady_seconds() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(life_module, "steady_seconds", clock)
    return clock


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service[Any]]:
    async with opened_service(database.url, "extract-worker") as service:
        yield service


@pytest.fixture
async def life(service: Service[Any]) -> AsyncIterator[Life]:
    """It beats when a test says so."""
    life = Life(service, Abilities(("dlt_extract",), 8, "127.0.0.1:9"))
    await life.beat_once()
    yield life
    await life.stop()


async def _row(database: Database, process_id: UUID) -> Any:
    return await (await database.owner()).fetchrow("SELECT * FROM processes WHERE id = $1", process_id)


async def _holder(database: Database, process_id: UUID) -> Any:
    return await (await database.owner()).fetchval(_HELD, process_id)


async def test_a_process_registers_what_it_can_do_and_holds_its_lock(database: Database, life: Life) -> None:
    row = await _row(database, life.id)
    assert (row["service"], row["kinds"], row["slots"], row["address"]) == (
        "extract-worker",
        ["dlt_extract"],
        8,
        "127.0.0.1:9",
    )
    assert (row["counter"], row["version"]) == (1, VERSION)
    assert await _holder(database, life.id) is not None


async def test_a_beat_is_a_good_word_from_the_database(service: Service[Any]) -> None:
    life = Life(service)
    assert service.health.problems() != []
    await life.start()
    assert service.health.problems() == []
    await life.stop()


async def test_a_beat_tells_of_the_leases(database: Database, life: Life) -> None:
    heard: list[list[Lease]] = []
    life.on_beat = heard.append
    run_id = await database.put("running", "leased", lease_owner=life.id, epoch=7, control="cancel")
    await life.beat_once()
    assert heard == [[Lease(run_id, 7, "cancel")]]


async def test_twelve_seconds_after_its_last_good_beat_a_process_is_not_sure(life: Life, clock: Clock) -> None:
    assert life.is_steady()
    clock.ahead = STEADY_SECONDS - 1
    assert life.is_steady()
    clock.ahead = STEADY_SECONDS + 1
    assert not life.is_steady()
    await life.beat_once()
    assert life.is_steady()


async def test_who_is_not_sure_waits_until_it_is(life: Life, clock: Clock) -> None:
    await asyncio.wait_for(life.steady(), 30)
    clock.ahead = STEADY_SECONDS + 1
    waiting = asyncio.create_task(life.steady())
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    await life.beat_once()
    await asyncio.wait_for(waiting, 30)


async def test_a_beat_counts_from_when_it_was_sent(database: Database, life: Life, clock: Clock) -> None:
    """A beat whose answer took long says little about now."""
    other = await database.connect("watchdog")
    async with other.transaction():
        await other.execute("SELECT 1 FROM processes WHERE id = $1 FOR UPDATE", life.id)
        beating = asyncio.create_task(life.beat_once())
        await asyncio.wait([beating], timeout=0.1)
        clock.ahead = STEADY_SECONDS + 1
    await beating
    assert not life.is_steady()


async def test_without_its_lock_a_process_is_not_sure_and_takes_it_again(database: Database, life: Life) -> None:
    before = (await _row(database, life.id))["lock_key"]
    owner = await database.owner()
    await owner.execute("SELECT pg_terminate_backend($1)", await _holder(database, life.id))
    await wait_for(lambda: not life.is_steady(), what="the loss is noticed")

    await life.beat_once()

    assert life.is_steady()
    assert (await _row(database, life.id))["lock_key"] != before
    assert await _holder(database, life.id) is not None


async def test_who_was_taken_for_dead_is_told_and_registers_again(database: Database, life: Life) -> None:
    deaths: list[bool] = []
    beats: list[Any] = []
    life.on_death, life.on_beat = lambda: deaths.append(True), beats.append
    await (await database.owner()).execute("DELETE FROM processes WHERE id = $1", life.id)

    await life.beat_once()
    assert (deaths, beats) == ([True], [])
    assert (await _row(database, life.id))["kinds"] == ["dlt_extract"]

    await life.beat_once()
    assert (deaths, beats) == ([True], [[]])


async def test_who_leaves_takes_its_row_and_its_lock_along(database: Database, service: Service[Any]) -> None:
    life = Life(service)
    await life.start()
    pid = await _holder(database, life.id)
    await life.stop()
    assert await _row(database, life.id) is None
    owner = await database.owner()

    async def gone() -> bool:
        return not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)

    await wait_for(gone, what="the session that held the lock has ended")


async def test_two_processes_have_ids_names_and_channels_of_their_own(service: Service[Any]) -> None:
    one, two = Life(service), Life(service)
    assert len({one.id, two.id}) == len({one.name, two.name}) == 2
    assert one.name.startswith("extract-worker-")
    assert process_channel(one.id) != process_channel(two.id)


async def test_a_lock_whose_key_could_not_be_written_is_not_kept(
    database: Database, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the row would name the old key, which nobody holds: a death that is none."""
    register = life._register

    async def fails() -> bool:
        raise ConnectionResetError("no answer")

    life._lock.terminate()
    monkeypatch.setattr(life, "_register", fails)
    with pytest.raises(ConnectionResetError):
        await life.beat_once()
    assert not life.is_steady()
    monkeypatch.setattr(life, "_register", register)
    await life.beat_once()
    assert life.is_steady()
    assert await _holder(database, life.id) is not None


async def test_a_lock_that_falls_is_taken_again_at_once(database: Database, service: Service[Any]) -> None:
    """Who looks for it calls a process dead at the second look, a second apart; a beat is five."""
    life = Life(service)
    await life.start()
    pid = await _holder(database, life.id)
    await (await database.owner()).execute("SELECT pg_terminate_backend($1)", pid)

    async def taken_again() -> bool:
        return await _holder(database, life.id) not in (None, pid)

    await wait_for(taken_again, 3, what="the lock is taken again")
    await life.stop()

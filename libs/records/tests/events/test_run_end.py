"""What follows the end of a run: its event goes out, its parent is rung for, and who waits hears of it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_common.messages.notifications import Listener
from vai_records.events.publication import Publisher
from vai_records.events.run_end import ENDED_CHANNEL, follow, watch
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[list[UUID]]:
    """The ids that are sent on the channel of the ended."""
    ids: list[UUID] = []
    ready = asyncio.Event()
    listener = Listener(database.url, "api-gateway")
    listener.on(ENDED_CHANNEL, lambda payload: ids.extend(UUID(hex=word) for word in payload.split(",")))
    listener.on_return(ready.set)
    listening = asyncio.create_task(listener.listen())
    await asyncio.wait_for(ready.wait(), 10)
    yield ids
    listening.cancel()
    await asyncio.wait([listening])


async def _end(database: Database, *run_ids: UUID, owner: UUID) -> tuple[MemoryBell, MemoryProducer]:
    """Ends runs as a worker does, and what follows."""
    pool, bell, producer = await database.pool("extract-worker"), MemoryBell(), MemoryProducer()
    publisher = Publisher(pool, producer, owner)
    endings = [
        statements.Ending(run_id, 1, "completed", {}, None, None, Entry("run_completed", "m", {}), {})
        for run_id in run_ids
    ]
    await follow(await statements.finish(pool, endings, owner, "w"), pool, bell, publisher)
    await publisher.close(5)
    return bell, producer


async def test_who_waits_for_a_run_hears_of_its_end(database: Database, heard: list[UUID]) -> None:
    owner = uuid7()
    watched, other = [await database.put("running", "leased", lease_owner=owner) for _ in range(2)]
    assert await watch(await database.pool("api-gateway"), watched)
    _, producer = await _end(database, watched, other, owner=owner)
    await wait_for(lambda: heard, what="the end is heard")
    assert heard == [watched]
    assert {record.key for record in producer.records} == {str(watched).encode(), str(other).encode()}


async def test_nobody_waits_for_what_has_ended(database: Database) -> None:
    assert not await watch(await database.pool("api-gateway"), await database.put("failed", "done"))


async def test_many_who_are_waited_for_fit_into_their_notifications(database: Database, heard: list[UUID]) -> None:
    owner = uuid7()
    ids = [await database.put("running", "leased", lease_owner=owner, watched=True) for _ in range(300)]
    await _end(database, *ids, owner=owner)
    await wait_for(lambda: len(heard) == 300, what="all ends are heard")
    assert set(heard) == set(ids)


async def test_a_parent_that_was_woken_is_rung_for(database: Database) -> None:
    owner, parent = uuid7(), await database.put("running", "parked", kind="call_automation")
    bell, _ = await _end(
        database, await database.put("running", "leased", lease_owner=owner, parent_run_id=parent), owner=owner
    )
    assert bell.rung == [("call_automation", parent)]


async def test_where_others_wait_for_room_the_dispatcher_is_rung_for(database: Database) -> None:
    owner, org_id, alone = uuid7(), uuid7(), uuid7()
    ids = [await database.put("running", "leased", lease_owner=owner, org_id=one) for one in (org_id, org_id, alone)]
    await database.put("pending", "held", held_for="limit", org_id=org_id)
    bell, _ = await _end(database, *ids, owner=owner)
    assert bell.rung == [(ROOM, org_id)]

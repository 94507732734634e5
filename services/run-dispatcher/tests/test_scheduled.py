"""Scheduled runs start when their time has come, and then wait for whatever else holds them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_records.runs import statements
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_testkit.database import Database, new_run
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer

PAST, LATER = timedelta(seconds=-1), timedelta(hours=1)


class Desk:
    """A dispatcher whose turns a test takes."""

    def __init__(self, database: Database, pool: Any) -> None:
        self.database, self.bell = database, MemoryBell()
        self.dispatcher = Dispatcher(pool, self.bell, Publisher(pool, MemoryProducer(), uuid7()), uuid7())

    async def scheduled(self, when: timedelta, **columns: Any) -> UUID:
        gateway = await self.database.pool("api-gateway")
        new = new_run(held_for="scheduled", scheduled_for=now() + when, **columns)
        await statements.create(gateway, [new])
        return new.id

    async def row(self, run_id: UUID) -> Any:
        return await self.database.run(run_id)


@pytest.fixture
async def desk(own_database: Database) -> Desk:
    return Desk(own_database, await own_database.pool("run-dispatcher"))


async def test_what_is_due_is_queued_and_the_rest_waits(desk: Desk) -> None:
    due, later = await desk.scheduled(PAST), await desk.scheduled(LATER)
    await desk.dispatcher.late_once()
    await desk.dispatcher.start_once()
    row, other = await desk.row(due), await desk.row(later)
    assert (row["status"], row["phase"], row["held_for"], row["due_at"]) == ("pending", "queued", None, None)
    assert row["scheduled_for"] is not None
    assert (other["phase"], other["held_for"], other["due_at"]) == ("held", "scheduled", other["scheduled_for"])
    assert desk.bell.rung == [("dlt_extract", due)]


async def test_an_approval_is_asked_for_when_the_time_has_come(desk: Desk) -> None:
    run_id = await desk.scheduled(PAST, requires_approval=True, approval_timeout_seconds=60.0, may_rerun=True)
    await desk.dispatcher.hold_once()
    assert (await desk.row(run_id))["status"] == "pending"
    await desk.dispatcher.start_once()
    assert desk.dispatcher.wake.is_set()
    await desk.dispatcher.hold_once()
    row = await desk.row(run_id)
    assert (row["status"], row["held_for"], row["due_at"] > now()) == ("awaiting_approval", "approval", True)


async def test_under_a_limit_it_waits_for_room(desk: Desk) -> None:
    org_id = uuid7()
    text = "INSERT INTO organisations (id, slug, name, settings) VALUES ($1, $2, 'Acme', $3)"
    await (await desk.database.owner()).execute(text, org_id, org_id.hex, {"max_running": 1})
    run_id = await desk.scheduled(PAST, org_id=org_id)
    await desk.dispatcher.start_once()
    await desk.dispatcher.limits.drained()
    row = await desk.row(run_id)
    assert (row["phase"], row["due_at"]) == ("queued", None)


async def test_two_dispatchers_start_each_run_once(desk: Desk) -> None:
    ids = [await desk.scheduled(PAST) for _ in range(20)]
    other = Desk(desk.database, await desk.database.pool("run-dispatcher"))
    await asyncio.gather(*(one.dispatcher.start_once() for one in (desk, other) for _ in range(3)))
    assert sorted(run_id for _, run_id in desk.bell.rung + other.bell.rung) == sorted(ids)

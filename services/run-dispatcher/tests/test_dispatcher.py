"""What waits, on a real database: approvals, retries, limits, parked parents, lost rings."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from vai_common.boot import Service
from vai_common.ids import uuid7
from vai_common.loops import every
from vai_common.messages.bell import ROOM
from vai_records.events.publication import Publisher
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_run_dispatcher import backlog, dispatcher, limits, queues, wiring
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_run_dispatcher.queues import measure_once
from vai_run_dispatcher.settings import Settings
from vai_run_dispatcher.wiring import running
from vai_testkit.database import Database, new_run
from vai_testkit.opened import opened_service
from vai_testkit.plans import reads_of_ended_runs
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for


class Desk:
    """A dispatcher whose turns a test takes."""

    def __init__(self, database: Database, pool: Any) -> None:
        self.database, self.pool = database, pool
        self.bell, self.producer = MemoryBell(), MemoryProducer()
        self.publisher = Publisher(pool, self.producer, uuid7())
        self.dispatcher = Dispatcher(pool, self.bell, self.publisher, uuid7())

    async def let_in(self) -> None:
        """One sweep of the limits, and all that follows from it."""
        self.dispatcher.limits._rest_until = 0
        await self.dispatcher.limits.sweep_once()
        await self.dispatcher.limits.drained()

    async def told(self) -> list[str]:
        await self.publisher.close(5)
        return [record.topic for record in self.producer.records]


@pytest.fixture
async def desk(own_database: Database) -> AsyncIterator[Desk]:
    desk = Desk(own_database, await own_database.pool("run-dispatcher"))
    yield desk
    await desk.publisher.close(5)


async def _organisation(database: Database, max_running: int | None = None) -> UUID:
    org_id = uuid7()
    settings = {} if max_running is None else {"max_running": max_running}
    await (await database.owner()).execute(
        "INSERT INTO organisations (id, slug, name, settings) VALUES ($1, $2, 'Acme', $3)", org_id, org_id.hex, settings
    )
    return org_id


async def _connection(database: Database, org_id: UUID, max_running: int | None) -> UUID:
    connection_id = uuid7()
    await (await database.owner()).execute(
        """INSERT INTO connections (id, org_id, name, slug, provider, max_running)
        VALUES ($1, $2, 'Shop', $3, 'shopify', $4)""",
        *(connection_id, org_id, connection_id.hex, max_running),
    )
    return connection_id


# Approvals


async def test_what_is_held_for_an_approval_awaits_it(desk: Desk) -> None:
    held, deferred = await desk.database.make(new_run(held_for="approval"), new_run(held_for="deferred"))
    await desk.dispatcher.hold_once()
    assert await desk.database.where(held) == "awaiting_approval/held"
    assert await desk.database.where(deferred) == "pending/held"
    assert await desk.told() == ["action.awaiting_approval"]
    await desk.dispatcher.hold_once()
    assert len(await desk.database.log(held)) == 1


async def test_an_approval_that_nobody_gave_in_time_rejects(desk: Desk) -> None:
    parent = await desk.database.put("running", "parked", kind="call_automation")
    run_id = await desk.database.put("awaiting_approval", "held", held_for="approval", parent_run_id=parent)
    await desk.dispatcher.late_once()
    assert await desk.database.where(run_id) == "awaiting_approval/held"
    await desk.database.change(run_id, "due_at = now()")
    await desk.dispatcher.late_once()
    assert await desk.database.where(run_id) == "rejected/done"
    assert await desk.told() == ["action.rejected"]
    assert await desk.database.where(parent) == "running/queued"


# Retries


async def test_retries_go_back_when_they_are_due_and_are_rung_for(desk: Desk) -> None:
    due, later = await desk.database.put("running", "delayed"), await desk.database.put("running", "delayed")
    await desk.database.change(due, "due_at = now()")
    await desk.dispatcher.retry_once()
    assert await desk.database.where(due) == "running/queued"
    assert await desk.database.where(later) == "running/delayed"
    assert desk.bell.rung == [("dlt_extract", due)]


async def test_two_dispatchers_do_each_thing_once(desk: Desk) -> None:
    second = Desk(desk.database, desk.pool)
    ids = [await desk.database.put("running", "delayed") for _ in range(50)]
    await (await desk.database.owner()).execute("UPDATE runs SET due_at = now()")
    held = await desk.database.make(*(new_run(held_for="approval") for _ in range(50)))
    await asyncio.gather(
        *(each.dispatcher.retry_once() for each in (desk, second)),
        *(each.dispatcher.hold_once() for each in (desk, second)),
    )
    rung = Counter(run_id for _, run_id in desk.bell.rung + second.bell.rung)
    assert rung == dict.fromkeys(ids, 1)
    assert len(await desk.told() + await second.told()) == len(held)


# Parents


async def test_a_parent_whose_child_ended_unheard_is_swept(desk: Desk) -> None:
    parent, waiting = await desk.database.put("running", "parked"), await desk.database.put("running", "parked")
    await desk.database.put("completed", "done", parent_run_id=parent)
    await desk.database.put("running", "delayed", parent_run_id=waiting)
    await desk.dispatcher.unpark_once()
    assert await desk.database.where(parent) == "running/queued"
    assert await desk.database.where(waiting) == "running/parked"
    assert desk.bell.rung == [("dlt_extract", parent)]


# Rings


async def test_what_nobody_took_is_rung_for_again(desk: Desk) -> None:
    forgotten, fresh = await desk.database.put("pending", "queued"), await desk.database.put("pending", "queued")
    await desk.database.change(forgotten, "updated_at = now() - interval '4 s'")
    await desk.dispatcher.ring_again_once()
    assert desk.bell.rung == [("dlt_extract", forgotten)]
    assert fresh not in dict(desk.bell.rung).values()


async def test_no_look_reads_the_runs_that_have_ended(own_database: Database) -> None:
    """Each look comes several times a second: it may cost what waits, not what was."""
    assert await reads_of_ended_runs(own_database, dispatcher, queues, backlog) == {}


# Limits


async def test_an_organisation_gets_as_many_as_it_may(desk: Desk) -> None:
    org_id = await _organisation(desk.database, 3)
    await desk.database.put("running", "leased", org_id=org_id)
    ids = await desk.database.make(*(new_run(org_id=org_id, held_for="limit") for _ in range(5)))
    await desk.let_in()
    assert [await desk.database.where(run_id) for run_id in sorted(ids)] == ["pending/queued"] * 2 + [
        "pending/held"
    ] * 3
    assert [run_id for _, run_id in desk.bell.rung] == sorted(ids)[:2]
    await desk.let_in()
    assert len(desk.bell.rung) == 2


@pytest.mark.parametrize("place", ["running/delayed", "running/paused", "running/parked", "completed/done"])
async def test_what_holds_no_slot_does_not_count(desk: Desk, place: str) -> None:
    org_id = await _organisation(desk.database, 1)
    await desk.database.put(*place.split("/"), org_id=org_id)
    (run_id,) = await desk.database.make(new_run(org_id=org_id, held_for="limit"))
    await desk.let_in()
    assert await desk.database.where(run_id) == "pending/queued"


async def test_a_connection_gets_as_many_as_it_may_and_does_not_stand_in_the_way(desk: Desk) -> None:
    org_id = await _organisation(desk.database, 4)
    narrow, wide = await _connection(desk.database, org_id, 1), await _connection(desk.database, org_id, None)
    first = await desk.database.make(
        *(new_run(org_id=org_id, connection_id=narrow, held_for="limit") for _ in range(6))
    )
    rest = await desk.database.make(*(new_run(org_id=org_id, connection_id=wide, held_for="limit") for _ in range(6)))
    await desk.let_in()
    queued = {run_id for _, run_id in desk.bell.rung}
    assert len(queued & set(first)) == 1
    assert len(queued & set(rest)) == 3


async def test_an_approved_run_waits_for_the_limit_like_the_others(desk: Desk) -> None:
    org_id = await _organisation(desk.database, 1)
    approved = await desk.database.put("awaiting_approval", "held", org_id=org_id, held_for="limit")
    await desk.let_in()
    assert await desk.database.where(approved) == "awaiting_approval/queued"


async def test_a_limit_that_is_gone_holds_nobody(desk: Desk) -> None:
    org_id = await _organisation(desk.database)
    ids = await desk.database.make(*(new_run(org_id=org_id, held_for="limit") for _ in range(5)))
    await desk.let_in()
    assert {run_id for _, run_id in desk.bell.rung} == set(ids)


async def test_two_dispatchers_never_let_in_more_than_there_is_room_for(desk: Desk) -> None:
    """Runs come and end all the time; at every moment the count is looked at."""
    org_id, rng = await _organisation(desk.database, 5), random.Random(17)
    narrow = await _connection(desk.database, org_id, 2)
    total = 80
    await desk.database.make(
        *(
            new_run(org_id=org_id, held_for="limit", connection_id=narrow if rng.random() < 0.5 else None)
            for _ in range(total)
        )
    )
    worker, owner = await desk.database.pool("extract-worker"), await desk.database.owner()
    process, ended, most = uuid7(), 0, Counter[str]()

    async def dispatch() -> None:
        while ended < total:
            await limits.let_in(desk.pool, org_id)

    async def work() -> None:
        nonlocal ended
        endings: dict[UUID, Ending] = {}
        while ended < total:
            for row in await statements.pull(worker, process, ["dlt_extract"], 3, "w"):
                entry = Entry("run_completed", "m", {})
                endings[row["id"]] = Ending(row["id"], row["epoch"], "completed", {}, None, None, entry, {})
            if endings:
                # A dispatcher may hold a row at this moment: it is not answered, and asked for again.
                finished = await statements.finish(worker, list(endings.values()), process, "w")
                for row in finished:
                    del endings[row["id"]]
                ended += len(finished)
            await asyncio.sleep(0)

    async def look() -> None:
        while ended < total:
            row = await owner.fetchrow(
                "SELECT count(*) AS org, count(*) FILTER (WHERE connection_id = $1) AS narrow FROM runs"
                " WHERE phase IN ('queued', 'leased')",
                narrow,
            )
            most["org"], most["narrow"] = max(most["org"], row["org"]), max(most["narrow"], row["narrow"])

    await asyncio.wait_for(asyncio.gather(dispatch(), dispatch(), work(), work(), look()), 60)
    assert (most["org"], most["narrow"]) == (5, 2)


# Queues


async def test_depth_and_age_of_the_queues_are_measured(desk: Desk) -> None:
    for _ in range(3):
        await desk.database.put("pending", "queued", kind="file_sync")
    await desk.database.put("running", "leased", kind="file_sync")
    await (await desk.database.owner()).execute("UPDATE runs SET updated_at = now() - interval '9 s'")
    await measure_once(desk.pool)
    assert _gauge("vai_runs_live", kind="file_sync", phase="queued") == 3
    assert _gauge("vai_runs_live", kind="file_sync", phase="leased") == 1
    assert _gauge("vai_queue_oldest_seconds", kind="file_sync") == pytest.approx(9, abs=2)
    assert _gauge("vai_runs_live", kind="dlt_extract", phase="queued") == 0

    await (await desk.database.owner()).execute("DELETE FROM runs")
    await measure_once(desk.pool)
    assert _gauge("vai_runs_live", kind="file_sync", phase="queued") == 0
    assert _gauge("vai_queue_oldest_seconds", kind="file_sync") == 0


def _gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


# The service


@pytest.fixture
async def service(own_database: Database) -> AsyncIterator[Service[Any]]:
    async with opened_service(own_database.url, "run-dispatcher", Settings) as service, running(service):
        yield service


async def test_the_service_does_all_of_it_by_itself(own_database: Database, service: Service[Any]) -> None:
    org_id = await _organisation(own_database, 1)
    approval, limit = await own_database.make(new_run(held_for="approval"), new_run(org_id=org_id, held_for="limit"))
    delayed = await own_database.put("running", "delayed")
    await own_database.change(delayed, "due_at = now() + interval '0.1 s'")
    expected = {approval: "awaiting_approval/held", limit: "pending/queued", delayed: "running/queued"}

    async def all_done() -> bool:
        return all([await own_database.where(run_id) == place for run_id, place in expected.items()])

    await wait_for(all_done, what="each has gone on")


@pytest.fixture
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself a loop turns once at its start and then not again."""
    monkeypatch.setattr(wiring, "every", lambda _seconds, *loop: every(3_600, *loop))


@pytest.mark.usefixtures("no_hurry")
async def test_a_ring_makes_it_look_at_once(own_database: Database, service: Service[Any]) -> None:
    for _ in range(5):
        (run_id,) = await own_database.make(new_run(held_for="approval"))
        service.bell.ring("held", [run_id])

        async def awaits(run_id: UUID = run_id) -> bool:
            return await own_database.where(run_id) == "awaiting_approval/held"

        await wait_for(awaits, every=0.005, what="it awaits approval")


@pytest.mark.usefixtures("no_hurry")
async def test_who_waits_for_room_is_let_in_by_a_ring_and_not_by_the_sweep(
    own_database: Database, service: Service[Any]
) -> None:
    for _ in range(3):
        org_id = await _organisation(own_database, 1)
        (run_id,) = await own_database.make(new_run(org_id=org_id, held_for="limit"))
        service.bell.ring(ROOM, [org_id])

        async def is_in(run_id: UUID = run_id) -> bool:
            return await own_database.where(run_id) == "pending/queued"

        await wait_for(is_in, timeout=30, every=0.005, what="it is let in")

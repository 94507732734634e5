"""One bad row stops nobody, in each of the dispatcher's loops (rule 22)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for

LOOPS: dict[str, tuple[str, str, str, Callable[[Dispatcher], Awaitable[Any]]]] = {
    "approvals": ("pending/held", "held_for = 'approval'", "awaiting_approval/held", Dispatcher.hold_once),
    "late": (
        "awaiting_approval/held",
        "held_for = 'approval', due_at = now()",
        "rejected/done",
        Dispatcher.late_once,
    ),
    "retries": ("running/delayed", "due_at = now()", "running/queued", Dispatcher.retry_once),
    "parked": ("running/parked", "kind = kind", "running/queued", Dispatcher.unpark_once),
}


async def _poison(database: Database, run_id: UUID) -> None:
    await database.poison("runs", f"OLD.id = '{run_id}'")


@pytest.mark.parametrize("loop", LOOPS)
async def test_a_row_that_cannot_be_moved_stops_no_other(own_database: Database, loop: str) -> None:
    place, given, then, turn = LOOPS[loop]
    pool = await own_database.pool("run-dispatcher")
    dispatcher = Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    ids = [await own_database.put(*place.split("/")) for _ in range(5)]
    for run_id in ids:
        await own_database.change(run_id, given)
    bad = ids[2]
    await _poison(own_database, bad)

    await turn(dispatcher)
    assert [await own_database.where(run_id) for run_id in ids if run_id != bad] == [then] * 4
    assert await own_database.where(bad) == place

    later = await own_database.put(*place.split("/"))
    await own_database.change(later, given)
    await turn(dispatcher)
    assert await own_database.where(later) == then


async def test_an_organisation_whose_runs_cannot_be_let_in_stops_no_other(own_database: Database) -> None:
    pool, owner = await own_database.pool("run-dispatcher"), await own_database.owner()
    dispatcher = Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    ids = []
    for _ in range(5):
        org_id = uuid7()
        await owner.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex)
        ids.append(await own_database.put("pending", "held", held_for="limit", org_id=org_id))
    await _poison(own_database, ids[0])
    await dispatcher.limits.sweep_once()
    places = [await own_database.where(run_id) for run_id in ids]
    assert places == ["pending/held"] + ["pending/queued"] * 4


async def test_a_run_that_cannot_be_let_in_stops_no_other_of_its_organisation(own_database: Database) -> None:
    pool, owner = await own_database.pool("run-dispatcher"), await own_database.owner()
    dispatcher = Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    org_id = uuid7()
    await owner.execute(
        "INSERT INTO organisations (id, slug, name, settings) VALUES ($1, $2, 'O', $3)",
        *(org_id, org_id.hex, {"max_running": 1}),
    )
    ids = sorted([await own_database.put("pending", "held", held_for="limit", org_id=org_id) for _ in range(4)])
    await _poison(own_database, ids[0])

    async def are(*phases: str) -> bool:
        return [(await own_database.where(run_id)).split("/")[1] for run_id in ids] == list(phases)

    dispatcher.limits.on_room("", [org_id])
    await wait_for(lambda: are("held", "queued", "held", "held"), what="the next one is let in")
    await own_database.change(ids[1], "status = 'cancelled', phase = 'done', completed_at = now()")
    dispatcher.limits.on_room("", [org_id])
    await wait_for(lambda: are("held", "done", "queued", "held"), what="room is used as it comes")
    await dispatcher.limits.drained()

"""Approvals, decided by a person, a clock and a cancellation at the same moment (decision 22)."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.transitions import Phase, Status
from vai_run_dispatcher import lifecycle
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_testkit.database import Database, new_run
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer

_AWAITING = Status.AWAITING_APPROVAL
APPROVE = Step(_AWAITING, (Phase.HELD,), _AWAITING, Phase.QUEUED, sets="decided_at = clock_timestamp()")
APPROVE_INTO_LIMIT = Step(_AWAITING, (Phase.HELD,), _AWAITING, Phase.HELD, sets="held_for = 'limit'")
REJECT = Step(_AWAITING, (Phase.HELD, Phase.QUEUED), Status.REJECTED, Phase.DONE)
CANCEL = Step(Status.PENDING, (Phase.HELD,), Status.CANCELLED, Phase.DONE)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def dispatcher(database: Database) -> AsyncIterator[Dispatcher]:
    pool, process = await database.pool("run-dispatcher"), uuid7()
    publisher = Publisher(pool, MemoryProducer(), process)
    yield Dispatcher(pool, MemoryBell(), publisher, process)
    await publisher.close(5)


async def _told(database: Database, run_id: UUID) -> list[str]:
    return [event["type"] for event in await database.events(run_id)]


async def _awaiting(database: Database, **columns: Any) -> UUID:
    return await database.put("awaiting_approval", "held", **{"held_for": "approval", "due_at": now(), **columns})


async def test_a_child_that_awaits_approval_does_not_wake_its_parent(
    database: Database, dispatcher: Dispatcher
) -> None:
    parent = await database.put("running", "parked", kind="call_automation")
    (child,) = await database.make(new_run(held_for="approval", parent_run_id=parent))
    await dispatcher.hold_once()
    await dispatcher.unpark_once()
    assert await database.where(child) == "awaiting_approval/held"
    assert await database.where(parent) == "running/parked"


async def test_what_was_decided_in_time_is_left_alone(database: Database, dispatcher: Dispatcher) -> None:
    gateway = await database.pool("api-gateway")
    approved, limited, rejected = [await _awaiting(database) for _ in range(3)]
    await apply(gateway, APPROVE, [approved])
    await apply(gateway, APPROVE_INTO_LIMIT, [limited])
    await apply(gateway, REJECT, [rejected], entry=Entry("run_rejected", "No", {}), event="action.rejected")

    await dispatcher.late_once()

    assert await database.where(approved) == "awaiting_approval/queued"
    assert await database.where(limited) == "awaiting_approval/held"
    assert [entry["message"] for entry in await database.log(rejected)] == ["No"]
    assert await _told(database, rejected) == ["action.rejected"]


async def test_an_approval_against_the_clock_has_one_winner(database: Database, dispatcher: Dispatcher) -> None:
    gateway, rng = await database.pool("api-gateway"), random.Random(5)
    ends = set()
    for _ in range(30):
        runs = [await _awaiting(database) for _ in range(6)]

        async def decide(runs: list[UUID] = runs) -> set[UUID]:
            steps = [(rng.choice([APPROVE, APPROVE_INTO_LIMIT]), run_id) for run_id in runs]
            return {row["id"] for step, run_id in steps for row in await apply(gateway, step, [run_id])}

        approved, _, _ = await asyncio.gather(decide(), dispatcher.late_once(), dispatcher.late_once())

        for run_id in runs:
            where = await database.where(run_id)
            ends.add(where)
            assert (where == "rejected/done") == (run_id not in approved)
            assert await _told(database, run_id) == (["action.rejected"] if where == "rejected/done" else [])
    assert len(ends) == 3


async def test_a_cancellation_against_the_question_has_one_winner(database: Database, dispatcher: Dispatcher) -> None:
    gateway = await database.pool("api-gateway")
    for _ in range(30):
        runs = await database.make(*(new_run(held_for="approval") for _ in range(4)))

        async def cancel(runs: list[UUID] = runs) -> None:
            entry = Entry("run_cancelled", "Cancelled", {})
            for run_id in runs:
                await apply(gateway, CANCEL, [run_id], entry=entry, event="action.cancelled")

        await asyncio.gather(cancel(), dispatcher.hold_once(), dispatcher.hold_once())

        expected = {"awaiting_approval/held": "action.awaiting_approval", "cancelled/done": "action.cancelled"}
        for run_id in runs:
            assert await _told(database, run_id) == [expected[await database.where(run_id)]]


async def test_the_clock_runs_from_the_question_not_from_the_making(database: Database, dispatcher: Dispatcher) -> None:
    definition = {"source": "noop", "approval_timeout_seconds": 90.5}
    (run_id,) = await database.make(new_run(held_for="approval", definition=definition))
    await database.change(run_id, "created_at = created_at - interval '1 h'")
    before = now()

    await dispatcher.hold_once()

    due: Any = (await database.run(run_id))["due_at"]
    assert timedelta(seconds=90.5) <= due - before < timedelta(seconds=100)
    await database.change(run_id, "due_at = $2", now() - MINUTE)
    await dispatcher.late_once()
    row = await database.run(run_id)
    assert (row["status"], row["due_at"], row["error"]["code"]) == ("rejected", None, "REJECTED")
    assert await _told(database, run_id) == ["action.awaiting_approval", "action.rejected"]


async def test_a_parent_goes_on_when_the_last_of_its_children_has_ended(
    database: Database, dispatcher: Dispatcher
) -> None:
    parent = await database.put("running", "parked", kind="call_automation")
    ended = [await database.put(status, "done", parent_run_id=parent) for status in ("completed", "rejected")]
    places = [("pending", "held"), ("awaiting_approval", "held"), ("running", "paused"), ("running", "parked")]
    # a child that is itself parked waits for a child of its own
    living = [await database.put(*place, parent_run_id=parent) for place in places]
    await database.put("running", "leased", parent_run_id=living[-1])
    for child in living:
        await dispatcher.unpark_once()
        assert await database.where(parent) == "running/parked"
        await database.change(child, "status = 'cancelled', phase = 'done', held_for = NULL, completed_at = now()")
    await dispatcher.unpark_once()
    assert await database.where(parent) == "running/queued"
    assert [await database.where(child) for child in ended] == ["completed/done", "rejected/done"]


async def test_a_parent_goes_on_only_when_the_automation_that_it_called_has_ended(
    database: Database, dispatcher: Dispatcher
) -> None:
    parent = await database.put("running", "parked", kind="call_automation")
    owner, called = await database.owner(), uuid7()
    await owner.execute(
        """INSERT INTO automation_runs (id, org_id, automation_id, version_id, triggered_by, parent_run_id)
        VALUES ($1, $1, $1, $1, 'automation', $2)""",
        *(called, parent),
    )
    pool = await database.pool("run-dispatcher")
    await dispatcher.unpark_once()
    assert await lifecycle.unpark(pool, [parent]) == []
    assert await database.where(parent) == "running/parked"
    await owner.execute("UPDATE automation_runs SET status = 'completed', completed_at = now() WHERE id = $1", called)
    await dispatcher.unpark_once()
    assert await database.where(parent) == "running/queued"


async def test_a_parent_that_has_a_new_child_meanwhile_stays_parked(database: Database) -> None:
    """The sweep looks, then moves: in between the parent may have been woken, gone on and be waiting again."""
    parent = await database.put("running", "parked", kind="call_automation")
    await database.put("pending", "queued", parent_run_id=parent)
    assert await lifecycle.unpark(await database.pool("run-dispatcher"), [parent]) == []


async def test_each_turn_rings_for_every_kind_of_run_that_nobody_took(database: Database) -> None:
    pool, bell = await database.pool("run-dispatcher"), MemoryBell()
    dispatcher = Dispatcher(pool, bell, Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    places = [("pending", "queued"), ("awaiting_approval", "queued"), ("running", "queued")]
    left = [await database.put(*place, kind="web_search", updated_at=now() - 4 * MINUTE) for place in places]
    fresh = await database.put("pending", "queued", kind="web_search")
    held = [
        await database.put(*place, kind="web_search", updated_at=now() - MINUTE)
        for place in [("running", "leased"), ("running", "delayed"), ("pending", "held"), ("completed", "done")]
    ]
    await dispatcher.ring_again_once()
    rung = [run_id for kind, run_id in bell.rung if kind == "web_search"]
    assert sorted(rung) == sorted(left)
    assert not {fresh, *held} & set(rung)

    await dispatcher.ring_again_once()
    assert [run_id for kind, run_id in bell.rung if kind == "web_search"] == rung * 2


async def test_a_ring_for_held_runs_only_says_look(dispatcher: Dispatcher) -> None:
    assert not dispatcher.wake.is_set()
    dispatcher.on_held("held", [uuid7()])
    assert dispatcher.wake.is_set()

"""Ending runs: by who holds them, once, with the last log entry and the event in the same statement."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.events import events
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_testkit.database import Database

OWNER = uuid7()


def _ending(run_id: UUID, status: str = "completed", epoch: int = 1, **changes: Any) -> Ending:
    failed = {"code": "DATA_ERROR", "message": "bad", "details": {}, "retryable": False}
    ending = Ending(
        run_id=run_id,
        epoch=epoch,
        status=status,
        result={"recordsProcessed": 3} if status == "completed" else None,
        error=failed if status == "failed" else None,
        progress=None,
        entry=Entry(f"run_{status}", "It ended", {"rows": 3}),
        extra={"recordCount": 3},
    )
    return replace(ending, **changes)


async def _leased(database: Database, **columns: Any) -> UUID:
    return await database.put("running", "leased", lease_owner=OWNER, **columns)


async def _finish(database: Database, *endings: Ending, owner: UUID = OWNER) -> list[Any]:
    return await statements.finish(await database.pool("extract-worker"), endings, owner, "worker-1")


async def test_an_end_leaves_the_whole_story_in_one_statement(database: Database) -> None:
    run_id = await _leased(database, log_seq=4, event_seq=1, progress={"schema_version": 2})

    (row,) = await _finish(database, _ending(run_id))

    stored = await database.run(run_id)
    assert (stored["status"], stored["phase"], stored["lease_owner"], stored["due_at"]) == (
        "completed",
        "done",
        None,
        None,
    )
    assert stored["result"] == {"recordsProcessed": 3}
    assert stored["progress"] == {"schema_version": 2}
    assert stored["completed_at"] is not None
    (entry,) = await database.log(run_id)
    assert (entry["seq"], entry["event"], entry["worker_id"], entry["data"]) == (
        5,
        "run_completed",
        "worker-1",
        {"rows": 3},
    )
    (event,) = await database.events(run_id)
    assert (event["type"], event["sequence"], event["writer"]) == ("action.completed", 2, OWNER)
    assert event["data"]["recordCount"] == 3
    assert event["data"]["status"] == "completed"
    assert events.Event.of(row) == events.Event.of(event)


@pytest.mark.parametrize("epoch", [0, 2])
async def test_another_epoch_ends_nothing(database: Database, epoch: int) -> None:
    run_id = await _leased(database)
    assert await _finish(database, _ending(run_id, epoch=epoch)) == []
    assert await database.where(run_id) == "running/leased"
    assert await database.log(run_id) == []


async def test_another_process_ends_nothing(database: Database) -> None:
    run_id = await _leased(database)
    assert await _finish(database, _ending(run_id), owner=uuid7()) == []


@pytest.mark.parametrize("place", ["running/queued", "running/paused", "running/parked", "failed/done"])
async def test_what_is_not_leased_is_not_ended(database: Database, place: str) -> None:
    run_id = await database.put(*place.split("/"), epoch=1)
    assert await _finish(database, _ending(run_id)) == []
    assert await database.where(run_id) == place


@pytest.mark.parametrize(
    ("status", "control", "ends"),
    [
        ("completed", None, True),
        ("completed", "pause", True),
        ("completed", "cancel", True),
        ("failed", None, True),
        ("failed", "pause", True),
        ("failed", "cancel", False),
        ("cancelled", "cancel", True),
        ("cancelled", "pause", False),
        ("cancelled", None, False),
    ],
)
async def test_cancel_beats_a_failure_and_never_a_completion(
    database: Database, status: str, control: str | None, ends: bool
) -> None:
    run_id = await _leased(database, control=control)
    rows = await _finish(database, _ending(run_id, status))
    assert bool(rows) is ends
    stored = await database.run(run_id)
    assert stored["status"] == (status if ends else "running")
    assert stored["control"] == (None if ends else control)


async def test_an_end_that_comes_twice_ends_once(database: Database) -> None:
    run_id = await _leased(database)
    assert len(await _finish(database, _ending(run_id))) == 1
    assert await _finish(database, _ending(run_id, "failed")) == []
    assert await _finish(database, _ending(run_id)) == []
    assert [event["type"] for event in await database.events(run_id)] == ["action.completed"]


async def test_two_ends_of_one_run_in_one_batch_are_one(database: Database) -> None:
    run_id = await _leased(database)
    assert len(await _finish(database, _ending(run_id), _ending(run_id))) == 1
    assert len(await database.log(run_id)) == 1


async def test_a_batch_ends_what_it_can(database: Database) -> None:
    mine, lost = await _leased(database), await _leased(database, epoch=5)
    rows = await _finish(database, _ending(lost), _ending(mine))
    assert [row["id"] for row in rows] == [mine]


async def test_batches_in_crossed_order_never_wait_in_a_circle(database: Database) -> None:
    for _ in range(20):
        ids = [await _leased(database) for _ in range(12)]
        forth, back = [_ending(run_id) for run_id in ids], [_ending(run_id, "failed") for run_id in reversed(ids)]
        answers = await asyncio.gather(_finish(database, *forth), _finish(database, *back))
        assert sum(map(len, answers)) == len(ids)


async def test_the_end_of_a_child_wakes_its_parent(database: Database) -> None:
    parent = await database.put("running", "parked", kind="call_automation")
    child = await _leased(database, parent_run_id=parent)
    (row,) = await _finish(database, _ending(child, "failed"))
    assert (row["woken_id"], row["woken_kind"]) == (parent, "call_automation")
    assert await database.where(parent) == "running/queued"


@pytest.mark.parametrize("phase", ["leased", "paused", "queued", "delayed"])
async def test_a_parent_that_does_not_wait_is_left_alone(database: Database, phase: str) -> None:
    parent = await database.put("running", phase)
    child = await _leased(database, parent_run_id=parent)
    (row,) = await _finish(database, _ending(child))
    assert row["woken_id"] is None
    assert await database.where(parent) == f"running/{phase}"


async def test_a_locked_parent_is_left_to_the_sweep(database: Database) -> None:
    parent = await database.put("running", "parked")
    child = await _leased(database, parent_run_id=parent)
    other = await database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", parent)
        (row,) = await _finish(database, _ending(child))
    assert row["woken_id"] is None
    assert await database.where(parent) == "running/parked"


async def test_two_children_that_end_together_wake_their_parent_once(database: Database) -> None:
    parent = await database.put("running", "parked")
    children = [await _leased(database, parent_run_id=parent) for _ in range(2)]
    rows = await _finish(database, *(_ending(child) for child in children))
    assert [row["woken_id"] for row in rows] == [parent, parent]


async def test_who_waits_is_said_in_the_answer(database: Database) -> None:
    run_id = await _leased(database, watched=True)
    (row,) = await _finish(database, _ending(run_id))
    assert row["watched"] is True

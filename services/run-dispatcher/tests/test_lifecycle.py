"""The run-dispatcher's slice by name: a table of where a run stands, what is done, and where it is then."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.lifecycle.transitions import PHASES
from vai_run_dispatcher import lifecycle
from vai_testkit.database import Database

WRITER = uuid7()

Trigger = Callable[[Any, Sequence[UUID]], Awaitable[Any]]

TRIGGERS: dict[str, Trigger] = {
    "require_approval": lambda conn, ids: lifecycle.require_approval(conn, ids, WRITER),
    "time_out": lambda conn, ids: lifecycle.time_out(conn, ids, WRITER),
    "retry": lifecycle.retry,
    "unpark": lifecycle.unpark,
}

PAST, FUTURE = "now() - interval '1 s'", "now() + interval '1 h'"

# (place, held for, due, trigger, where the run is then)
TABLE = [
    ("pending/held", "approval", None, "require_approval", "awaiting_approval/held"),
    ("pending/held", "limit", None, "require_approval", "pending/held"),
    ("pending/held", "deferred", None, "require_approval", "pending/held"),
    ("awaiting_approval/held", "approval", PAST, "time_out", "rejected/done"),
    ("awaiting_approval/held", "approval", FUTURE, "time_out", "awaiting_approval/held"),
    ("awaiting_approval/held", "approval", None, "time_out", "awaiting_approval/held"),
    ("awaiting_approval/held", "limit", PAST, "time_out", "awaiting_approval/held"),
    ("running/delayed", None, PAST, "retry", "running/queued"),
    ("running/delayed", None, FUTURE, "retry", "running/delayed"),
    ("running/parked", None, None, "unpark", "running/queued"),
]
STARTS = {(trigger, place) for place, _, _, trigger, then in TABLE if then != place}


@pytest.mark.parametrize(("place", "held_for", "due", "trigger", "expected"), TABLE)
async def test_what_becomes_of_a_run_that_waits(
    database: Database, place: str, held_for: str | None, due: str | None, trigger: str, expected: str
) -> None:
    run_id = await database.put(*place.split("/"), **({"held_for": held_for} if held_for else {}))
    if due:
        await database.change(run_id, f"due_at = {due}")
    moved = await TRIGGERS[trigger](await database.pool("run-dispatcher"), [run_id])
    assert bool(moved) is (expected != place)
    assert await database.where(run_id) == expected


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("place", [f"{status}/{phase}" for status, phases in PHASES.items() for phase in phases])
async def test_nothing_else_is_moved(database: Database, trigger: str, place: str) -> None:
    run_id = await database.put(*place.split("/"))
    if (trigger, place) not in STARTS:
        assert await TRIGGERS[trigger](await database.pool("run-dispatcher"), [run_id]) == []
        assert await database.where(run_id) == place


async def test_the_clock_of_an_approval_starts_when_it_is_asked_for(database: Database) -> None:
    definition = {"approval_timeout_seconds": 60}
    run_id = await database.put("pending", "held", held_for="approval", definition=definition)
    (row,) = await lifecycle.require_approval(await database.pool("run-dispatcher"), [run_id], WRITER)
    assert 55 < (row["due_at"] - now()).total_seconds() <= 60
    assert row["held_for"] == "approval"
    assert [event["type"] for event in await database.events(run_id)] == ["action.awaiting_approval"]
    assert [entry["event"] for entry in await database.log(run_id)] == ["awaiting_approval"]


async def test_without_a_limit_an_approval_may_take_for_ever(database: Database) -> None:
    run_id = await database.put("pending", "held", held_for="approval")
    (row,) = await lifecycle.require_approval(await database.pool("run-dispatcher"), [run_id], WRITER)
    assert row["due_at"] is None


async def test_an_approval_that_nobody_gave_is_a_rejection_with_its_reason(database: Database) -> None:
    run_id = await database.put("awaiting_approval", "held", held_for="approval", due_at=now())
    await lifecycle.time_out(await database.pool("run-dispatcher"), [run_id], WRITER)
    row = await database.run(run_id)
    assert (row["status"], row["error"]["message"]) == ("rejected", "Nobody approved in time")
    assert [event["type"] for event in await database.events(run_id)] == ["action.rejected"]
    (entry,) = await database.log(run_id)
    assert entry["data"] == {"reason": "timeout"}


async def test_a_retry_that_is_due_keeps_its_count_and_its_last_error(database: Database) -> None:
    error = {"code": "RATE_LIMITED", "message": "m", "details": {}, "retryable": True}
    run_id = await database.put("running", "delayed", retry_count=2, error=error, due_at=now())
    (row,) = await lifecycle.retry(await database.pool("run-dispatcher"), [run_id])
    assert (row["retry_count"], row["error"], row["due_at"], row["recovered"]) == (2, error, None, False)


async def test_a_parent_whose_child_lives_stays_parked(database: Database) -> None:
    parent = await database.put("running", "parked")
    child = await database.put("running", "leased", parent_run_id=parent)
    pool = await database.pool("run-dispatcher")
    assert await lifecycle.unpark(pool, [parent]) == []
    await database.change(
        child, "status = 'failed', phase = 'done', lease_owner = NULL, due_at = NULL, completed_at = now()"
    )
    assert len(await lifecycle.unpark(pool, [parent])) == 1

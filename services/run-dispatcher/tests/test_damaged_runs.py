"""A run that waits and cannot be moved as it is goes to where it ends, after a few turns (rule 23)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from vai_common.clock import steady_seconds
from vai_common.ids import uuid7
from vai_common.rows import HOPELESS_AFTER, LONGEST_WAIT
from vai_records.events.publication import Publisher
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for

FULL = 2_147_483_647
_BOUND = "approval_timeout_in_bounds"

Turn = Callable[[Dispatcher], Awaitable[Any]]


async def _let_in(dispatcher: Dispatcher) -> None:
    await dispatcher.limits.sweep_once()
    dispatcher.limits._rest_until = 0.0


WAITING: dict[str, tuple[str, str, Turn, str]] = {
    "a new run for its approval": ("pending/held", "held_for = 'approval'", Dispatcher.hold_once, "rejected/done"),
    "an approval in time": (
        "awaiting_approval/held",
        "held_for = 'approval', due_at = now()",
        Dispatcher.late_once,
        "rejected/done",
    ),
    "the next attempt": ("running/delayed", "due_at = now()", Dispatcher.retry_once, "running/queued"),
    "a child that has ended": ("running/parked", "kind = kind", Dispatcher.unpark_once, "running/queued"),
    "room, new": ("pending/held", "held_for = 'limit'", _let_in, "pending/queued"),
    "room, approved": ("awaiting_approval/held", "held_for = 'limit'", _let_in, "awaiting_approval/queued"),
    "room, again": ("running/delayed", "due_at = 'infinity'", _let_in, "running/queued"),
}
"""What a run waits for: where it stands, how it is put there, whose turn it is, and where it ends or is claimed."""


@pytest.mark.parametrize("waits_for", WAITING)
async def test_a_damaged_run_that_waits_is_let_go(
    own_database: Database, waits_for: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old value that a newer constraint refuses, and no number for another log entry."""
    place, given, turn, then = WAITING[waits_for]
    owner, org_id = await own_database.owner(), uuid7()
    await owner.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex)
    bad = await own_database.put(*place.split("/"), org_id=org_id)
    await own_database.change(bad, f"{given}, definition = '[\"nonsense\"]', log_seq = {FULL}")
    await owner.execute(f"ALTER TABLE runs DROP CONSTRAINT {_BOUND}")
    await own_database.change(bad, "approval_timeout_seconds = -1")
    await owner.execute(f"ALTER TABLE runs ADD CONSTRAINT {_BOUND} CHECK (approval_timeout_seconds > 0) NOT VALID")
    dispatcher, times = await _dispatcher(own_database), 0

    async def is_let_go() -> bool:
        nonlocal times
        await turn(dispatcher)
        await dispatcher.limits.drained()
        _rest(dispatcher, times := times + 1)
        return await own_database.where(bad) != place

    await wait_for(is_let_go, what="it is let go")
    assert await own_database.where(bad) == then
    assert capsys.readouterr().out.count("row_failed") == HOPELESS_AFTER
    row = await own_database.run(bad)
    assert (row["error"] or {}).get("code") == ("INTERNAL_ERROR" if then.startswith("rejected") else None)
    assert row["completed_at"] is not None or (row["due_at"], row["held_for"]) == (None, None)


@pytest.mark.parametrize("held_for", ["approval", "deferred"])
async def test_a_damaged_run_is_not_let_go_past_an_approval(own_database: Database, held_for: str) -> None:
    run_id = await own_database.put("pending", "held", held_for=held_for)
    dispatcher = await _dispatcher(own_database)
    assert not await dispatcher._queue_damaged(run_id)
    assert await own_database.where(run_id) == "pending/held"


async def _dispatcher(database: Database) -> Dispatcher:
    pool = await database.pool("run-dispatcher")
    return Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())


def _rest(dispatcher: Dispatcher, times: int) -> None:
    """The rows that failed have rested for long enough."""
    parts = (dispatcher._approvals, dispatcher._retries, dispatcher._late, dispatcher._parked, dispatcher.limits._runs)
    for rows in parts:
        rows._clock = lambda: steady_seconds() + times * 2 * LONGEST_WAIT

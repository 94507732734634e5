"""How a worker lets a run go: a table of where it stands, who asks, and what becomes of it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from common.clock import now
from common.errors import ErrorCode, Retryable
from common.ids import uuid7
from records.lifecycle import PHASES
from testkit.database import Database
from worker import lifecycle
from worker.kind import Park
from worker.lifecycle import Holder

HOLDER = Holder(uuid7(), "worker-1")
SLOW = Retryable(ErrorCode.RATE_LIMITED, "Slow down.", {"status": 429})
CHILD = uuid7()

Trigger = Callable[[Any, Holder, UUID, int], Awaitable[Any]]


async def _retry(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
    return await lifecycle.retry(conn, holder, run_id, epoch, SLOW, 12.5)


async def _interrupt(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
    return await lifecycle.interrupt(conn, holder, [run_id], "The worker stops")


async def _park(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
    return await lifecycle.park(conn, holder, run_id, epoch, Park(CHILD, "Waiting"))


TRIGGERS: dict[str, Trigger] = {
    "retry": _retry,
    "pause": lifecycle.pause,
    "interrupt": _interrupt,
    "park": _park,
}

# (control, trigger, where the run is then)
TABLE = [
    (None, "retry", "running/delayed"),
    ("pause", "retry", "running/leased"),
    ("cancel", "retry", "running/leased"),
    (None, "pause", "running/leased"),
    ("pause", "pause", "running/paused"),
    ("cancel", "pause", "running/leased"),
    (None, "interrupt", "running/queued"),
    ("pause", "interrupt", "running/leased"),
    ("cancel", "interrupt", "running/leased"),
    (None, "park", "running/parked"),
    ("pause", "park", "running/leased"),
    ("cancel", "park", "running/leased"),
]


@pytest.mark.parametrize(("control", "trigger", "expected"), TABLE)
async def test_what_becomes_of_a_run_that_is_held(
    database: Database, control: str | None, trigger: str, expected: str
) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, control=control)
    moved = await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)
    assert bool(moved) is (expected != "running/leased")
    assert await database.where(run_id) == expected
    assert len(await database.log(run_id)) == int(bool(moved))


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_what_somebody_else_holds_is_left_alone(database: Database, trigger: str) -> None:
    pool = await database.pool("extract-worker")
    run_id = await database.put("running", "leased", control="pause" if trigger == "pause" else None)
    assert not await TRIGGERS[trigger](pool, HOLDER, run_id, 1)
    assert await database.where(run_id) == "running/leased"


@pytest.mark.parametrize("trigger", [name for name in TRIGGERS if name != "interrupt"])
async def test_an_older_epoch_moves_nothing(database: Database, trigger: str) -> None:
    run_id = await database.put(
        "running", "leased", lease_owner=HOLDER.id, epoch=2, control="pause" if trigger == "pause" else None
    )
    assert not await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize(
    "place", [f"{s}/{p}" for s, phases in PHASES.items() for p in phases if f"{s}/{p}" != "running/leased"]
)
async def test_what_is_not_leased_is_left_alone(database: Database, trigger: str, place: str) -> None:
    run_id = await database.put(*place.split("/"))
    assert not await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 0)
    assert await database.where(run_id) == place


async def test_a_retry_waits_and_counts_and_keeps_the_error(database: Database) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, retry_count=1)
    await _retry(await database.pool("extract-worker"), HOLDER, run_id, 1)
    row = await database.run(run_id)
    assert (row["retry_count"], row["interrupt_count"], row["error"]) == (2, 0, SLOW.as_json())
    assert 11 < (row["due_at"] - now()).total_seconds() <= 12.5
    (entry,) = await database.log(run_id)
    assert (entry["event"], entry["message"]) == ("run_retrying", "Slow down. Trying again in 12.5 s.")


@pytest.mark.parametrize(("trigger", "control"), [("interrupt", None), ("pause", "pause")])
async def test_giving_a_run_back_costs_no_retry_and_puts_it_first(
    database: Database, trigger: str, control: str | None
) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, control=control)
    await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)
    row = await database.run(run_id)
    assert (row["retry_count"], row["interrupt_count"], row["recovered"], row["control"]) == (0, 1, True, None)
    assert (row["lease_owner"], row["due_at"]) == (None, None)

"""The watchdog's slice by name: a table of where a run stands, what is done, and where it is then."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle.transitions import PHASES, TERMINAL
from vai_testkit.database import Database
from vai_watchdog import lifecycle
from vai_watchdog.lifecycle import Lost

LOST, WRITER = Lost(uuid7()), uuid7()
EXPIRED = Lost(LOST.owner, only_expired=True)

Trigger = Callable[[Any, Sequence[UUID], Lost], Awaitable[Any]]

TRIGGERS: dict[str, Trigger] = {
    "recover": lambda conn, ids, lost: lifecycle.recover(conn, ids, lost, "watchdog_recovery", "why"),
    "cancel": lambda conn, ids, lost: lifecycle.cancel(conn, ids, lost, WRITER),
    "fail_unsafe": lambda conn, ids, lost: lifecycle.fail_unsafe(conn, ids, lost, WRITER),
    "fail_too_often_lost": lambda conn, ids, lost: lifecycle.fail_too_often_lost(conn, ids, lost, WRITER),
}

STAYS = "running/leased"
# (losses so far, control, trigger, where the run is then)
TABLE = [
    (0, None, "recover", "running/queued"),
    (0, "pause", "recover", "running/paused"),
    (0, "cancel", "recover", STAYS),
    (2, None, "recover", STAYS),
    (2, "pause", "recover", "running/paused"),
    (0, None, "cancel", STAYS),
    (0, "pause", "cancel", STAYS),
    (0, "cancel", "cancel", "cancelled/done"),
    (2, "cancel", "cancel", "cancelled/done"),
    (0, None, "fail_unsafe", "failed/done"),
    (0, "pause", "fail_unsafe", "failed/done"),
    (0, "cancel", "fail_unsafe", STAYS),
    (0, None, "fail_too_often_lost", STAYS),
    (1, None, "fail_too_often_lost", STAYS),
    (2, None, "fail_too_often_lost", "failed/done"),
    (2, "cancel", "fail_too_often_lost", STAYS),
]


@pytest.mark.parametrize(("losses", "control", "trigger", "expected"), TABLE)
async def test_what_becomes_of_a_lost_run(
    database: Database, losses: int, control: str | None, trigger: str, expected: str
) -> None:
    run_id = await database.put("running", "leased", lease_owner=LOST.owner, losses=losses, control=control)
    moved = await TRIGGERS[trigger](await database.pool("watchdog"), [run_id], LOST)
    assert bool(moved) is (expected != STAYS)
    assert await database.where(run_id) == expected
    assert len(await database.log(run_id)) == len(moved)


@pytest.mark.parametrize(("losses", "control", "trigger", "expected"), [row for row in TABLE if row[3] != STAYS])
async def test_a_lease_that_has_not_run_out_is_spared_where_only_those_are_meant(
    database: Database, losses: int, control: str | None, trigger: str, expected: str
) -> None:
    pool = await database.pool("watchdog")
    run_id = await database.put("running", "leased", lease_owner=LOST.owner, losses=losses, control=control)
    assert await TRIGGERS[trigger](pool, [run_id], EXPIRED) == []
    await database.change(run_id, "due_at = now() - interval '1 s'")
    await TRIGGERS[trigger](pool, [run_id], EXPIRED)
    assert await database.where(run_id) == expected


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_what_another_process_holds_is_left_alone(database: Database, trigger: str) -> None:
    control = "cancel" if trigger == "cancel" else None
    run_id = await database.put("running", "leased", losses=2 if "often" in trigger else 0, control=control)
    assert await TRIGGERS[trigger](await database.pool("watchdog"), [run_id], LOST) == []


@pytest.mark.parametrize("trigger", [*TRIGGERS, "abandon"])
@pytest.mark.parametrize("place", [f"{s}/{p}" for s, phases in PHASES.items() for p in phases if f"{s}/{p}" != STAYS])
async def test_what_nobody_holds_is_left_alone(database: Database, trigger: str, place: str) -> None:
    run_id = await database.put(*place.split("/"))
    pool = await database.pool("watchdog")
    if trigger == "abandon":
        assert await lifecycle.abandon(pool, [run_id], WRITER) == []
    else:
        assert await TRIGGERS[trigger](pool, [run_id], LOST) == []
    assert await database.where(run_id) == place


def test_the_watchdog_ends_nothing_well() -> None:
    ends = {edge.target for edge in lifecycle.EDGES if edge.target in TERMINAL}
    assert {str(end) for end in ends} == {"failed", "cancelled"}

"""A run whose log or journal cannot be written any more ends all the same (rule 23)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.transitions import Phase, Status
from vai_testkit.database import Database

FULL = 2_147_483_647
CANCEL = Step(Status.RUNNING, (Phase.QUEUED, Phase.PAUSED), Status.CANCELLED, Phase.DONE, sets="error = $6::jsonb")
ERROR = {"code": "INTERNAL_ERROR"}

Damage = Callable[[Database, UUID], Awaitable[Any]]


async def _no_more_entries(database: Database, run_id: UUID) -> None:
    await database.change(run_id, f"log_seq = {FULL}")


async def _no_more_events(database: Database, run_id: UUID) -> None:
    await database.change(run_id, f"event_seq = {FULL}")


async def _entries_of_the_future(database: Database, run_id: UUID) -> None:
    owner = await database.owner()
    await owner.execute("CREATE UNIQUE INDEX IF NOT EXISTS one_of_each ON run_logs (run_id, seq, occurred_at)")
    await database.poison("runs", f"OLD.id = '{run_id}' AND NEW.log_seq <> OLD.log_seq")


async def _a_constraint_that_is_newer(database: Database, run_id: UUID) -> None:
    await database.change(run_id, f"approval_timeout_seconds = 1, log_seq = {FULL}")
    owner = await database.owner()
    await owner.execute("ALTER TABLE runs DROP CONSTRAINT approval_timeout_in_bounds")
    await database.change(run_id, "approval_timeout_seconds = -1")
    await owner.execute(
        "ALTER TABLE runs ADD CONSTRAINT approval_timeout_in_bounds CHECK (approval_timeout_seconds > 0) NOT VALID"
    )


DAMAGES: dict[str, tuple[Damage, bool]] = {
    "no number for an entry": (_no_more_entries, True),
    "no number for an event": (_no_more_events, False),
    "entries are refused": (_entries_of_the_future, True),
    "an old value that is refused now": (_a_constraint_that_is_newer, False),
}
"""What was done to the row by hand, and whether its event can still be told."""


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("phase", ["queued", "paused"])
async def test_a_damaged_run_ends_with_what_can_be_written(own_database: Database, name: str, phase: str) -> None:
    damage, is_told = DAMAGES[name]
    run_id = await own_database.put("running", phase)
    await damage(own_database, run_id)
    pool = await own_database.pool("api-gateway")
    with pytest.raises(asyncpg.PostgresError):
        await apply(pool, CANCEL, [run_id], ERROR, entry=Entry("run_cancelled", "m", {}), event="action.cancelled")
    async with pool.acquire() as conn:
        ended, rows = await last_resort.end(conn, CANCEL, run_id, ERROR, event="action.cancelled", writer=uuid7())
    assert (ended, len(rows)) == (True, int(is_told))
    assert await own_database.where(run_id) == "cancelled/done"
    assert (await own_database.run(run_id))["error"] == ERROR
    assert [row["type"] for row in await own_database.events(run_id)] == ["action.cancelled"] * is_told


async def test_a_run_that_stands_elsewhere_is_left_alone(own_database: Database) -> None:
    run_id = await own_database.put("running", "leased")
    pool = await own_database.pool("api-gateway")
    async with pool.acquire() as conn:
        assert await last_resort.end(conn, CANCEL, run_id, ERROR, event="action.cancelled") == (False, [])
    assert await own_database.where(run_id) == "running/leased"


async def test_a_row_that_refuses_every_change_says_so(own_database: Database) -> None:
    run_id = await own_database.put("running", "queued")
    await own_database.poison("runs", f"OLD.id = '{run_id}'")
    pool = await own_database.pool("api-gateway")
    async with pool.acquire() as conn:
        with pytest.raises(asyncpg.DataError):
            await last_resort.end(conn, CANCEL, run_id, ERROR, event="action.cancelled")
        assert await conn.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("status", ["pending", "running", "awaiting_approval"])
async def test_a_lease_is_taken_without_an_entry(own_database: Database, status: str) -> None:
    run_id, owner = await own_database.put(status, "queued", log_seq=FULL, epoch=FULL), uuid7()
    pool = await own_database.pool("extract-worker")
    async with pool.acquire() as conn:
        assert await last_resort.take(conn, run_id, owner) == FULL
        assert await last_resort.take(conn, run_id, owner) is None
    assert await own_database.where(run_id) == "running/leased"

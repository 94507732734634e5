"""The one guarded statement of every transition that is not hot."""

import asyncio

import asyncpg
import pytest

from vai_common.ids import uuid7
from vai_records.events.events import Event
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.transitions import Phase, Status
from vai_testkit.database import Database

PAUSE = Step(Status.RUNNING, (Phase.QUEUED, Phase.DELAYED), Status.RUNNING, Phase.PAUSED)
CANCEL = Step(Status.RUNNING, (Phase.QUEUED, Phase.PAUSED, Phase.PARKED), Status.CANCELLED, Phase.DONE)
ENTRY = Entry("run_paused", "Paused", {"why": "ünïcode"}, "warning")


async def test_a_step_moves_what_stands_where_it_starts_and_answers_it(database: Database) -> None:
    pool = await database.pool("api-gateway")
    queued, delayed = await database.put("running", "queued"), await database.put("running", "delayed")
    leased, ended = await database.put("running", "leased"), await database.put("completed", "done")

    rows = await apply(pool, PAUSE, [ended, delayed, leased, queued, uuid7()])

    assert {row["id"] for row in rows} == {queued, delayed}
    assert await database.where(queued) == await database.where(delayed) == "running/paused"
    assert await database.where(leased) == "running/leased"
    assert (await database.run(delayed))["due_at"] is None


async def test_a_step_taken_twice_is_taken_once(database: Database) -> None:
    pool = await database.pool("api-gateway")
    run_id = await database.put("running", "queued")
    assert len(await apply(pool, PAUSE, [run_id], entry=ENTRY)) == 1
    assert await apply(pool, PAUSE, [run_id], entry=ENTRY) == []
    assert len(await database.log(run_id)) == 1


async def test_an_entry_is_written_with_the_step(database: Database) -> None:
    pool = await database.pool("api-gateway")
    run_id = await database.put("running", "queued", log_seq=6, retry_count=1)
    (row,) = await apply(pool, PAUSE, [run_id], entry=ENTRY, worker="somebody")
    (entry,) = await database.log(run_id)
    assert (entry["seq"], entry["level"], entry["message"]) == (7, "warning", "Paused")
    assert (entry["data"], entry["worker_id"], entry["attempt"]) == ({"why": "ünïcode"}, "somebody", 2)
    assert row["log_seq"] == 7


async def test_an_end_is_told_with_the_step(database: Database) -> None:
    pool = await database.pool("api-gateway")
    parent = await database.put("running", "parked")
    run_id = await database.put("running", "paused", event_seq=1, parent_run_id=parent, control="cancel")
    writer = uuid7()

    (row,) = await apply(
        pool, CANCEL, [run_id], entry=ENTRY, event="action.cancelled", extra={"error": None}, writer=writer
    )

    (event,) = await database.events(run_id)
    assert Event.of(row) == Event.of(event)
    assert (event["sequence"], event["type"], event["writer"]) == (2, "action.cancelled", writer)
    assert event["data"]["status"] == "cancelled"
    assert row["woken_id"] == parent
    stored = await database.run(run_id)
    assert (stored["control"], stored["completed_at"] is not None) == (None, True)


async def test_a_guard_and_assignments_see_the_callers_values(database: Database) -> None:
    pool = await database.pool("api-gateway")
    mine, other = await database.put("running", "queued", kind="file_sync"), await database.put("running", "queued")
    step = Step(
        Status.RUNNING,
        (Phase.QUEUED,),
        Status.RUNNING,
        Phase.PAUSED,
        sets="trigger_source_id = $7::text",
        guard="r.kind = $6",
    )
    rows = await apply(pool, step, [mine, other], "file_sync", "seen")
    assert [(row["id"], row["trigger_source_id"]) for row in rows] == [(mine, "seen")]


async def test_a_locked_run_is_waited_for_unless_the_step_sweeps(database: Database) -> None:
    gateway = await database.pool("api-gateway")
    run_id = await database.put("running", "queued")
    other = await database.connect("api-gateway")
    sweep = Step(Status.RUNNING, (Phase.QUEUED,), Status.RUNNING, Phase.PAUSED, skip_locked=True)
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", run_id)
        assert await apply(gateway, sweep, [run_id]) == []
        waiting = asyncio.create_task(apply(gateway, PAUSE, [run_id]))
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
    assert len(await waiting) == 1


async def test_a_step_outside_a_services_slice_is_refused_by_the_database(database: Database) -> None:
    run_id = await database.put("running", "queued")
    with pytest.raises(asyncpg.PostgresError, match="watchdog cannot move run"):
        await apply(await database.pool("watchdog"), PAUSE, [run_id])
    assert await database.where(run_id) == "running/queued"


async def test_steps_in_crossed_order_never_wait_in_a_circle(database: Database) -> None:
    pool = await database.pool("api-gateway")
    for _ in range(20):
        ids = [await database.put("running", "queued") for _ in range(12)]
        answers = await asyncio.gather(apply(pool, PAUSE, ids), apply(pool, PAUSE, ids[::-1]))
        assert sum(map(len, answers)) == len(ids)

"""Beats, renewals, and the marks of what is published."""

from datetime import timedelta

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.events.events import Event
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_testkit.database import Database


async def test_a_beat_raises_the_counter_and_brings_the_leases(database: Database) -> None:
    process = await database.register()
    pool = await database.pool("extract-worker")
    mine = await database.put("running", "leased", lease_owner=process, epoch=3, control="pause")
    await database.put("running", "leased")

    assert await statements.beat(pool, process) == [statements.Lease(mine, 3, "pause")]
    await statements.beat(pool, process)
    assert await pool.fetchval("SELECT counter FROM processes WHERE id = $1", process) == 2


async def test_a_process_without_leases_lives(database: Database) -> None:
    assert await statements.beat(await database.pool("watchdog"), await database.register()) == []


async def test_a_process_that_was_buried_is_told_so(database: Database) -> None:
    assert await statements.beat(await database.pool("extract-worker"), uuid7()) is None


async def test_a_renewal_gives_the_full_time_to_what_is_held(database: Database) -> None:
    process = uuid7()
    soon = now() + timedelta(seconds=5)
    mine = await database.put("running", "leased", lease_owner=process, due_at=soon, epoch=2)
    old_epoch = await database.put("running", "leased", lease_owner=process, due_at=soon, epoch=2)
    other = await database.put("running", "leased", due_at=soon)

    await statements.renew(await database.pool("extract-worker"), process, [(mine, 2), (old_epoch, 1), (other, 1)])

    assert (await database.run(mine))["due_at"] > now() + timedelta(seconds=80)
    assert (await database.run(old_epoch))["due_at"] == soon
    assert (await database.run(other))["due_at"] == soon


async def test_a_renewal_waits_for_no_locked_row(database: Database) -> None:
    process, soon = uuid7(), now() + timedelta(seconds=5)
    runs = [await database.put("running", "leased", lease_owner=process, due_at=soon) for _ in range(2)]
    other = await database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", runs[0])
        await statements.renew(await database.pool("extract-worker"), process, [(run, 1) for run in runs])
    assert (await database.run(runs[0]))["due_at"] == soon
    assert (await database.run(runs[1]))["due_at"] > soon


async def test_only_the_named_events_are_marked_published(database: Database) -> None:
    run_id = await database.put("pending", "queued")
    pool = await database.pool("extract-worker")
    (started,) = await statements.claim(pool, owner := uuid7(), ["dlt_extract"], [run_id], 1, "w")
    ending = statements.Ending(run_id, 1, "completed", {}, None, None, Entry("run_completed", "m", {}), {})
    await statements.finish(pool, [ending], owner, "w")

    await statements.published(pool, [Event.of(started).key])

    marks = [(row["type"], row["published_at"] is not None) for row in await database.events(run_id)]
    assert marks == [("action.started", True), ("action.completed", False)]

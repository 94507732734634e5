"""Which losses count (decision 16), and what a dead process still holds in the database (rule 24)."""

from uuid import UUID

import pytest

from services.watchdog.tests.guard import Guard
from vai_common import db
from vai_common.ids import uuid7
from vai_records.runs import checkpoints, statements
from vai_testkit.wait import wait_for
from vai_watchdog import lifecycle


async def _lose(guard: Guard, *runs: UUID) -> None:
    """A worker holds these runs, and no other, and dies."""
    process = await guard.database.register()
    for run_id in runs:
        leased = "phase = 'leased', lease_owner = $2, epoch = epoch + 1, due_at = clock_timestamp() + interval '90 s'"
        await guard.database.change(run_id, leased, process)
    await guard.dog.bury(process, "it died")


async def test_three_crashes_of_a_worker_fail_none_of_those_that_it_held(guard: Guard) -> None:
    """The first in company is spared, the second counts, and from then on each is claimed alone."""
    runs = [await guard.database.put("running", "queued") for _ in range(5)]
    await _lose(guard, *runs)
    await _lose(guard, *runs)
    pool = await guard.database.pool("extract-worker")
    assert await statements.pull(pool, uuid7(), ["dlt_extract"], 10, "w") == []
    assert await statements.claim(pool, uuid7(), ["dlt_extract"], runs, 10, "w") == []
    (alone,) = await statements.pull_alone(pool, uuid7(), ["dlt_extract"], "w")
    await _lose(guard, alone["id"])
    assert {await guard.database.where(run_id) for run_id in runs} == {"running/queued"}


@pytest.mark.parametrize(
    ("company", "fails_at"),
    [
        ([0, 0, 0, 0], 3),
        ([1, 1, 0, 0, 0], 4),
        ([1, 0, 0, 0], 4),
        ([0, 1, 0, 0], 3),
        ([1, 1, 1, 1, 1], 4),
    ],
)
async def test_a_run_that_kills_its_workers_ends_whoever_is_with_it(
    guard: Guard, company: list[int], fails_at: int
) -> None:
    run_id = await guard.database.put("running", "queued")
    for loss, others in enumerate(company, 1):
        innocents = [await guard.database.put("running", "queued") for _ in range(others)]
        await _lose(guard, run_id, *innocents)
        assert {await guard.database.where(each) for each in innocents} <= {"running/queued"}
        if loss == fails_at:
            break
        assert await guard.database.where(run_id) == "running/queued"
    assert await guard.database.where(run_id) == "failed/done"


async def test_who_was_locked_at_the_first_look_is_not_taken_for_alone_at_the_second(guard: Guard) -> None:
    process = await guard.database.register()
    one, other = await guard.held_by(process), await guard.held_by(process)
    holder = await guard.database.connect("extract-worker")
    async with holder.transaction():
        await holder.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", one)
        await guard.dog.bury(process, "it died")
    await guard.dog.bury(process, "it died")
    for run_id in (one, other):
        row = await guard.database.run(run_id)
        assert (row["phase"], row["losses"], row["spared"]) == ("queued", 0, True)


async def test_a_checkpoint_forgives_what_was_spared_too(guard: Guard) -> None:
    run_id, other = await guard.database.put("running", "queued"), await guard.database.put("running", "queued")
    await _lose(guard, run_id, other)
    await checkpoints.save(await guard.database.pool("extract-worker"), run_id, {"slice": 1})
    row = await guard.database.run(run_id)
    assert (row["losses"], row["spared"]) == (0, False)


async def test_who_buries_a_process_that_stands_still_ends_its_transactions(guard: Guard) -> None:
    """Else its locks would stay, and its run could be neither taken over nor cancelled."""
    name = f"extract-worker-{uuid7().hex[-8:]}"
    frozen = await db.connect(guard.database.url, "extract-worker", name=name)
    lock = await db.connect(guard.database.url, "extract-worker", name=name)
    await lock.execute("SELECT pg_advisory_lock($1)", key := uuid7().int % 2**62)
    bystander = await db.connect(guard.database.url, "extract-worker", name="extract-worker-another")
    process = await guard.database.register(lock_key=key, session=name)
    run_id = await guard.held_by(process)
    for connection in (frozen, bystander):
        await connection.execute("BEGIN")
    await frozen.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run_id)

    await guard.dog.bury(process, "its beat stood still")

    assert await guard.database.where(run_id) == "running/queued"
    await wait_for(lambda: frozen.is_closed() and lock.is_closed(), what="its sessions are ended")
    assert not bystander.is_closed()
    await bystander.close()


async def test_sessions_of_a_process_of_an_older_version_are_left_alone(guard: Guard) -> None:
    old = await guard.database.connect("extract-worker")
    await old.execute("BEGIN")
    await guard.dog.bury(await guard.database.register(), "its beat stood still")
    assert await old.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("moved_by", ["extract-worker", "api-gateway", "run-dispatcher"])
async def test_only_what_the_watchdog_took_back_can_be_abandoned(guard: Guard, moved_by: str) -> None:
    """Also where somebody else has moved the run between the look and the statement."""
    runs = [await guard.database.put("running", "queued", recovered=True, moved_by=by) for by in (moved_by, "watchdog")]
    for run_id in runs:
        await guard.database.change(run_id, "updated_at = clock_timestamp() - interval '181 s'")
    ended = await lifecycle.abandon(await guard.database.pool("watchdog"), runs, guard.id)
    assert [row["id"] for row in ended] == runs[1:]

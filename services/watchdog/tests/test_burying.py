"""What becomes of the runs of a dead process (decisions 16, 20, 23, 24)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.lifecycle.entry import Entry
from vai_records.runs import checkpoints, statements
from vai_records.runs.statements import Ending
from vai_testkit.database import Database
from vai_testkit.wait import wait_for
from vai_watchdog.watchdog import PASSED_OVER_LOOKS

POST = {"method": "POST", "url": "https://shop.example/orders"}
WHY = "its connection closed"


async def test_a_run_of_the_dead_is_queued_again(kennel: Any, database: Database, worker: UUID) -> None:
    run_id = await kennel.held_by(worker, epoch=4, retry_count=1, interrupt_count=2)

    await kennel.watchdog.bury(worker, WHY)

    row = await database.run(run_id)
    assert await database.where(run_id) == "running/queued"
    assert (row["recovered"], row["lease_owner"], row["due_at"], row["moved_by"]) == (True, None, None, "watchdog")
    assert (row["epoch"], row["retry_count"], row["interrupt_count"], row["losses"]) == (4, 1, 3, 1)
    (entry,) = await database.log(run_id)
    assert (entry["event"], entry["level"], entry["worker_id"]) == ("watchdog_fast_recovery", "warning", "watchdog")
    assert (entry["attempt"], entry["data"]) == (2, {"worker": str(worker)})
    assert str(worker) in entry["message"]
    assert WHY in entry["message"]
    assert await kennel.told(run_id) == []
    assert kennel.bell.rung == [("dlt_extract", run_id)]


async def test_what_the_dead_did_not_hold_stays_where_it_is(kennel: Any, database: Database, worker: UUID) -> None:
    delayed, ended = await database.put("running", "delayed"), await database.put("completed", "done")
    parked = await database.put("running", "parked")
    await kennel.watchdog.bury(worker, WHY)
    assert [await database.where(run_id) for run_id in (delayed, ended, parked)] == [
        "running/delayed",
        "completed/done",
        "running/parked",
    ]


async def test_a_call_that_may_not_be_sent_twice_fails(kennel: Any, database: Database, worker: UUID) -> None:
    run_id = await kennel.held_by(worker, kind="http_request", definition=POST)

    await kennel.watchdog.bury(worker, WHY)

    error = (await database.run(run_id))["error"]
    assert await database.where(run_id) == "failed/done"
    assert (error["code"], error["retryable"]) == ("INTERNAL_ERROR", True)
    assert "may not be done twice" in error["message"]
    (entry,) = await database.log(run_id)
    assert (entry["event"], entry["level"], entry["message"]) == ("run_failed", "error", error["message"])
    (event,) = await database.events(run_id)
    assert (event["type"], event["data"]["error"]) == ("action.failed", error)
    assert await kennel.sent(run_id) == ["action.failed"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"url": "https://shop.example"}, "running/queued"),
        ({**POST, "method": "PUT"}, "running/queued"),
        ({**POST, "method": "delete"}, "running/queued"),
        ({**POST, "idempotent": True}, "running/queued"),
        ({**POST, "method": "patch"}, "failed/done"),
        ({**POST, "headers": {"Authorization": {"secret": True}}, "requires_approval": True}, "failed/done"),
    ],
)
async def test_the_kind_says_whether_it_is_done_again(
    kennel: Any, database: Database, worker: UUID, definition: dict[str, Any], expected: str
) -> None:
    run_id = await kennel.held_by(worker, kind="http_request", definition=definition)
    await kennel.watchdog.bury(worker, WHY)
    assert await database.where(run_id) == expected


async def test_a_call_that_was_to_pause_fails_if_it_may_not_be_sent_twice(
    kennel: Any, database: Database, worker: UUID
) -> None:
    run_id = await kennel.held_by(worker, kind="http_request", definition=POST, control="pause")
    await kennel.watchdog.bury(worker, WHY)
    assert await database.where(run_id) == "failed/done"
    assert (await database.run(run_id))["control"] is None


async def _lose(kennel: Any, run_id: UUID) -> None:
    """A worker holds the run, and no other, and dies."""
    owner = await kennel.database.register()
    leased = "phase = 'leased', status = 'running', lease_owner = $2, due_at = clock_timestamp() + interval '90 s'"
    await kennel.database.change(run_id, leased, owner)
    await kennel.watchdog.bury(owner, WHY)


async def test_a_checkpoint_from_before_the_last_loss_does_not_help(kennel: Any, database: Database) -> None:
    run_id = await database.put("pending", "queued")
    owner = await database.register()
    await kennel.claim(run_id, owner)
    await checkpoints.save(await database.pool("extract-worker"), run_id, {"slice": 1})
    await kennel.watchdog.bury(owner, WHY)
    await _lose(kennel, run_id)
    await _lose(kennel, run_id)
    assert await database.where(run_id) == "failed/done"


async def test_a_checkpoint_of_the_run_that_a_retry_goes_on_from_is_not_its_own(
    kennel: Any, database: Database
) -> None:
    earlier = await database.put("failed", "done")
    await checkpoints.save(await database.pool("extract-worker"), earlier, {"slice": 1})
    run_id = await database.put("pending", "queued", retry_of=earlier)
    for _ in range(3):
        await _lose(kennel, run_id)
    assert await database.where(run_id) == "failed/done"


async def test_a_child_that_is_queued_again_wakes_nobody(kennel: Any, database: Database, worker: UUID) -> None:
    parent = await database.put("running", "parked", kind="call_automation", definition={})
    await kennel.held_by(worker, parent_run_id=parent)
    await kennel.watchdog.bury(worker, WHY)
    assert await database.where(parent) == "running/parked"


async def test_who_waits_for_the_run_is_told_of_its_end(kennel: Any, database: Database, worker: UUID) -> None:
    heard: list[object] = []
    listening = await database.connect("api-gateway")
    await listening.add_listener("run_ended", lambda *said: heard.append(said[-1]))
    run_id = await kennel.held_by(worker, control="cancel", watched=True)
    await kennel.watchdog.bury(worker, WHY)
    assert await wait_for(lambda: heard) == [run_id.hex]


async def test_another_watchdog_buries_it(another: Callable[[], Awaitable[Any]]) -> None:
    one, two = await another(), await another()
    await one.watchdog.bury(two.id, WHY)
    assert not await one.is_registered(two.id)


async def test_watchdogs_that_bury_at_once_take_each_run_once(
    another: Callable[[], Awaitable[Any]], database: Database
) -> None:
    one, two, three = await another(), await another(), await another()
    for _ in range(5):
        owner = await database.register()
        again = [await one.held_by(owner) for _ in range(12)]
        paused = [await one.held_by(owner, control="pause") for _ in range(3)]
        cancelled = [await one.held_by(owner, control="cancel") for _ in range(3)]
        unsafe = [await one.held_by(owner, kind="http_request", definition=POST) for _ in range(3)]
        tired = [await one.held_by(owner, losses=2) for _ in range(3)]

        await asyncio.gather(*(kennel.watchdog.bury(owner, WHY) for kennel in (one, two, three, one)))

        for runs, where, said, told in (
            (again, "running/queued", ["watchdog_fast_recovery"], []),
            (paused, "running/paused", ["watchdog_fast_recovery"], []),
            (cancelled, "cancelled/done", ["watchdog_cancelled"], ["action.cancelled"]),
            (unsafe + tired, "failed/done", ["run_failed"], ["action.failed"]),
        ):
            for run_id in runs:
                assert await database.where(run_id) == where
                assert (await one.said(run_id), await one.told(run_id)) == (said, told)
        assert not await one.is_registered(owner)
    rung = [run_id for kennel in (one, two, three) for _, run_id in kennel.bell.rung]
    assert len(rung) == len(set(rung)) == 60


async def test_what_somebody_has_in_hand_is_taken_at_the_next_look(
    kennel: Any, database: Database, worker: UUID
) -> None:
    """Passed over, not given up: neither failed for losses that it did not have, nor left until its lease ends."""
    run_id, free = await kennel.held_by(worker), await kennel.held_by(worker)
    call = await kennel.held_by(worker, kind="http_request", definition=POST)
    other = await database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = ANY($1::uuid[]) FOR UPDATE", [run_id, call])
        await kennel.watchdog.bury(worker, WHY)
        assert await database.where(free) == "running/queued"
        assert await database.where(run_id) == await database.where(call) == "running/leased"
        assert await kennel.is_registered(worker)

    await kennel.watchdog.bury(worker, WHY)

    assert await database.where(run_id) == "running/queued"
    assert await database.where(call) == "failed/done"
    assert not await kennel.is_registered(worker)


async def test_a_loss_is_noted_once_when_the_process_holds_nothing_any_more(
    kennel: Any, database: Database, worker: UUID
) -> None:
    run_id = await kennel.held_by(worker)
    other = await database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", run_id)
        await kennel.watchdog.bury(worker, WHY)
        assert await _losses(database, worker) == []
    for _ in range(2):
        await kennel.watchdog.bury(worker, WHY)
    assert [(one["service"], one["why"]) for one in await _losses(database, worker)] == [("extract-worker", WHY)]


async def _losses(database: Database, process_id: UUID) -> list[Any]:
    owner = await database.owner()
    return list(await owner.fetch("SELECT * FROM process_losses WHERE process_id = $1", process_id))


async def _speak(database: Database, run_id: UUID, owner: UUID, epoch: int) -> None:
    """All that a worker can write for a run that it believes to be its own."""
    pool = await database.pool("extract-worker")
    late = Ending(run_id, epoch, "completed", {"late": True}, None, {"late": True}, Entry("run_completed", "L", {}), {})
    assert await statements.finish(pool, [late], owner, "late") == []
    await statements.log(pool, [(run_id, epoch, Entry("late", "Late", {}))], "late")
    await statements.progress(pool, [(run_id, epoch, {"late": True})])
    await statements.renew(pool, owner, [(run_id, epoch)])


async def test_who_was_buried_writes_nothing_more(kennel: Any, database: Database, worker: UUID) -> None:
    run_id = await database.put("pending", "queued")
    epoch = (await kennel.claim(run_id, worker))["epoch"]
    await kennel.watchdog.bury(worker, WHY)
    before = dict(await database.run(run_id))

    await _speak(database, run_id, worker, epoch)
    assert dict(await database.run(run_id)) == before

    heir = uuid7()
    taken = await kennel.claim(run_id, heir)
    before = dict(await database.run(run_id))
    await _speak(database, run_id, worker, epoch)
    assert dict(await database.run(run_id)) == before
    assert await kennel.said(run_id) == ["lease_acquired", "watchdog_fast_recovery", "lease_acquired"]
    assert await kennel.told(run_id) == ["action.started"]

    pool = await database.pool("extract-worker")
    real = Ending(run_id, taken["epoch"], "completed", {}, None, None, Entry("run_completed", "Done", {}), {})
    assert len(await statements.finish(pool, [real], heir, "heir")) == 1


async def test_leases_of_a_process_that_is_not_there_any_more_are_taken_back(kennel: Any, database: Database) -> None:
    past = now() - timedelta(seconds=1)
    safe, unsafe = [
        await kennel.held_by(uuid7(), due_at=past, kind="http_request", definition=definition)
        for definition in ({"url": "https://a.example"}, POST)
    ]
    await kennel.watchdog.sweep_leases_once()
    assert await database.where(safe) == "running/queued"
    assert await database.where(unsafe) == "failed/done"
    assert ("http_request", safe) in kennel.bell.rung


async def test_sweeps_at_once_take_each_run_once(another: Callable[[], Awaitable[Any]], database: Database) -> None:
    one, two = await another(), await another()
    past = now() - timedelta(seconds=1)
    runs = [await one.held_by(uuid7(), due_at=past) for _ in range(30)]
    await asyncio.gather(*(kennel.watchdog.sweep_leases_once() for kennel in (one, two, one, two)))
    assert {(await database.run(run_id))["interrupt_count"] for run_id in runs} == {1}
    assert all([await one.said(run_id) == ["watchdog_recovery"] for run_id in runs])


async def _left_lying(kennel: Any, kind: str, seconds: float, **columns: Any) -> UUID:
    """A run of the dead that nobody has claimed since."""
    owner = await kennel.database.register()
    run_id: UUID = await kennel.held_by(owner, kind=kind, definition={}, **columns)
    await kennel.watchdog.bury(owner, WHY)
    ago = timedelta(seconds=seconds)
    await kennel.database.change(run_id, "updated_at = clock_timestamp() - $2::interval", ago)
    return run_id


async def _look_until_passed_over(kennel: Any) -> None:
    for _ in range(PASSED_OVER_LOOKS):
        await kennel.watchdog.abandon_once()


async def test_a_run_of_the_dead_that_nobody_takes_in_180_seconds_fails(kennel: Any, database: Database) -> None:
    await database.register(kinds=["web_search", "fetch_page"], slots=1)
    late, not_yet = await _left_lying(kennel, "fetch_page", 181), await _left_lying(kennel, "fetch_page", 170)

    await _look_until_passed_over(kennel)

    assert await database.where(not_yet) == "running/queued"
    assert await database.where(late) == "failed/done"
    row = await database.run(late)
    assert (row["error"]["code"], row["error"]["retryable"]) == ("INTERNAL_ERROR", True)
    assert await kennel.said(late) == ["watchdog_fast_recovery", "run_failed"]
    assert await kennel.sent(late) == ["action.failed"]


async def test_a_run_that_nobody_alive_could_take_waits_on(kennel: Any, database: Database) -> None:
    run_id = await _left_lying(kennel, "agent_search", 1_000)
    await database.register(kinds=["agent_search"], slots=1, stopping=True)
    await database.register(kinds=["agent_fetch_page"], slots=1)
    await _look_until_passed_over(kennel)
    assert await database.where(run_id) == "running/queued"

    await database.register(kinds=["agent_search"], slots=1)
    await _look_until_passed_over(kennel)
    assert await database.where(run_id) == "failed/done"


async def test_a_run_that_was_claimed_again_is_not_abandoned(kennel: Any, database: Database) -> None:
    run_id = await _left_lying(kennel, "dlt_extract", 181)
    await kennel.claim(run_id, await database.register(kinds=["dlt_extract"], slots=2))
    await database.change(run_id, "updated_at = clock_timestamp() - interval '181 s'")
    await _look_until_passed_over(kennel)
    assert await database.where(run_id) == "running/leased"


async def test_abandoning_at_once_is_abandoning_once(another: Callable[[], Awaitable[Any]], database: Database) -> None:
    one, two = await another(), await another()
    await database.register(kinds=["explain_schema"], slots=1)
    runs = [await _left_lying(one, "explain_schema", 181) for _ in range(10)]
    await asyncio.gather(*(_look_until_passed_over(kennel) for kennel in (one, two, one)))
    assert all([await one.told(run_id) == ["action.failed"] for run_id in runs])

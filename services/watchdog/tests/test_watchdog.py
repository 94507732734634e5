"""Deaths on a real database: who died, and what becomes of their runs (rule 7, decisions 16, 20, 23 and 24)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from services.watchdog.tests.guard import Guard
from vai_common.boot import Service
from vai_records.processes.life import Abilities, Life
from vai_records.runs import checkpoints, statements
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.plans import reads_of_ended_runs
from vai_testkit.wait import wait_for
from vai_watchdog import deaths, watchdog
from vai_watchdog.lifecycle import MOST_LOSSES
from vai_watchdog.watchdog import PASSED_OVER_LOOKS


@pytest.fixture
async def service(own_database: Database) -> AsyncIterator[Service[Any]]:
    async with opened_service(own_database.url, "extract-worker") as service:
        yield service


# Looking


async def test_no_look_reads_the_runs_that_have_ended(own_database: Database) -> None:
    assert await reads_of_ended_runs(own_database, watchdog) == {}


# Noticing


async def test_a_process_whose_connection_closed_is_buried_at_the_second_look(
    guard: Guard, service: Service[Any]
) -> None:
    life = Life(service, Abilities(("dlt_extract",), 8))
    await life.beat_once()
    run_id = await guard.held_by(life.id, retry_count=1)
    await guard.look_at_locks()
    life._lock.terminate()

    async def released() -> bool:
        owner = await guard.database.owner()
        return not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")

    await wait_for(released, what="Postgres has noticed")
    await guard.look_at_locks()
    assert await guard.database.where(run_id) == "running/leased"
    await guard.look_at_locks()

    row = await guard.database.run(run_id)
    assert (row["status"], row["phase"], row["recovered"]) == ("running", "queued", True)
    assert (row["retry_count"], row["interrupt_count"], row["losses"]) == (1, 1, 1)
    assert not await guard.there(life.id)
    assert guard.bell.rung == [("dlt_extract", run_id)]
    (entry,) = await guard.database.log(run_id)
    assert (entry["event"], entry["worker_id"]) == ("watchdog_fast_recovery", "watchdog")


async def test_a_living_process_is_left_alone(guard: Guard, service: Service[Any]) -> None:
    life = Life(service)
    for _ in range(8):
        await life.beat_once()
        await guard.look_at_locks()
        await guard.dog.look_at_counters_once(guard.conn)
    assert await guard.there(life.id)
    await life.stop()


async def test_a_process_that_holds_its_lock_and_beats_no_more_is_buried(guard: Guard, service: Service[Any]) -> None:
    life = Life(service)
    await life.beat_once()
    run_id = await guard.held_by(life.id)
    for _ in range(4):
        await guard.look_at_locks()
        await guard.dog.look_at_counters_once(guard.conn)
    assert await guard.there(life.id)
    await guard.dog.look_at_counters_once(guard.conn)
    assert not await guard.there(life.id)
    assert await guard.database.where(run_id) == "running/queued"
    await life.stop()


async def test_a_process_that_was_never_seen_has_half_a_minute(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await guard.database.register()
    for _ in range(3):
        await guard.look_at_locks()
    assert await guard.there(process)
    await (await guard.database.owner()).execute("UPDATE processes SET started_at = started_at - interval '1 h'")
    await guard.look_at_locks()
    assert await guard.there(process)
    monkeypatch.setattr(deaths, "UNSEEN_SECONDS", 0.0)
    await guard.look_at_locks()
    await guard.look_at_locks()
    assert not await guard.there(process)


async def test_the_watchdog_does_not_bury_itself(guard: Guard) -> None:
    await guard.database.register(guard.id)
    await guard.dog.bury(guard.id, "it was asked to")
    assert await guard.there(guard.id)


async def test_a_lease_that_ran_out_is_taken_back_whatever_its_worker_says(guard: Guard) -> None:
    process = await guard.database.register()
    late, fresh = await guard.held_by(process), await guard.held_by(process)
    await guard.database.change(late, "due_at = now() - interval '1 s'")
    await guard.dog.sweep_leases_once()
    assert await guard.database.where(late) == "running/queued"
    assert await guard.database.where(fresh) == "running/leased"
    assert [entry["event"] for entry in await guard.database.log(late)] == ["watchdog_recovery"]
    assert await guard.there(process)


# What becomes of a run


@pytest.mark.parametrize(
    ("columns", "place", "event"),
    [
        ({}, "running/queued", "watchdog_fast_recovery"),
        ({"control": "pause"}, "running/paused", "watchdog_fast_recovery"),
        ({"control": "cancel"}, "cancelled/done", "watchdog_cancelled"),
        ({"losses": MOST_LOSSES - 2}, "running/queued", "watchdog_fast_recovery"),
        ({"losses": MOST_LOSSES - 1}, "failed/done", "run_failed"),
        ({"losses": MOST_LOSSES - 1, "control": "cancel"}, "cancelled/done", "watchdog_cancelled"),
        (
            {"kind": "http_request", "definition": {"url": "https://a.example", "method": "POST"}},
            "failed/done",
            "run_failed",
        ),
        (
            {"kind": "http_request", "definition": {"url": "https://a.example", "method": "POST", "idempotent": True}},
            "running/queued",
            "watchdog_fast_recovery",
        ),
        (
            {"kind": "http_request", "definition": {"url": "https://a.example"}},
            "running/queued",
            "watchdog_fast_recovery",
        ),
        (
            {"kind": "http_request", "definition": {"url": "https://a.example", "method": "POST"}, "control": "cancel"},
            "cancelled/done",
            "watchdog_cancelled",
        ),
        ({"definition": {"what": "no longer reads"}}, "running/queued", "watchdog_fast_recovery"),
    ],
)
async def test_what_becomes_of_a_run_whose_worker_died(
    guard: Guard, columns: dict[str, Any], place: str, event: str
) -> None:
    process = await guard.database.register()
    run_id = await guard.held_by(process, **columns)
    await guard.dog.bury(process, "a test says so")
    assert await guard.database.where(run_id) == place
    assert [entry["event"] for entry in await guard.database.log(run_id)] == [event]
    told = [row["type"] for row in await guard.database.events(run_id)]
    assert told == ([f"action.{place.partition('/')[0]}"] if place.endswith("/done") else [])
    row = await guard.database.run(run_id)
    assert row["control"] is None
    if row["status"] == "failed":
        assert (row["error"]["code"], row["error"]["retryable"]) == ("INTERNAL_ERROR", True)


async def test_the_third_loss_without_a_checkpoint_fails_a_run(guard: Guard) -> None:
    run_id = await guard.database.put("pending", "queued")
    pool = await guard.database.pool("extract-worker")
    for loss in range(1, MOST_LOSSES + 1):
        process = await guard.database.register()
        taken = await statements.claim(pool, process, ["dlt_extract"], [run_id], 1, "w")
        assert taken or await statements.pull_alone(pool, process, ["dlt_extract"], "w")
        await guard.dog.bury(process, "again")
        assert await guard.database.where(run_id) == ("running/queued" if loss < MOST_LOSSES else "failed/done")


async def test_a_run_that_comes_forward_may_lose_any_number_of_workers(guard: Guard) -> None:
    run_id = await guard.database.put("pending", "queued")
    pool = await guard.database.pool("extract-worker")
    for slice_number in range(MOST_LOSSES * 2):
        process = await guard.database.register()
        assert await statements.claim(pool, process, ["dlt_extract"], [run_id], 1, "w")
        await checkpoints.save(pool, run_id, {"slice": slice_number})
        await guard.dog.bury(process, "again")
        assert await guard.database.where(run_id) == "running/queued"


async def test_who_waits_for_a_child_that_died_is_woken(guard: Guard) -> None:
    parent = await guard.database.put("running", "parked", kind="call_automation")
    process = await guard.database.register()
    await guard.held_by(process, parent_run_id=parent, control="cancel")
    await guard.dog.bury(process, "a test says so")
    assert await guard.database.where(parent) == "running/queued"
    assert ("call_automation", parent) in guard.bell.rung


async def test_what_the_watchdog_ends_it_publishes(guard: Guard) -> None:
    process = await guard.database.register()
    run_id = await guard.held_by(process, control="cancel")
    await guard.dog.bury(process, "a test says so")
    await guard.publisher.close(5)
    assert [record.topic for record in guard.producer.records] == ["action.cancelled"]
    (event,) = await guard.database.events(run_id)
    assert event["writer"] == guard.id


async def test_two_watchdogs_take_a_run_back_once(guard: Guard) -> None:
    second = Guard(guard.database, await guard.database.pool("watchdog"), guard.conn)
    for _ in range(20):
        process = await guard.database.register()
        run_id = await guard.held_by(process)
        await asyncio.gather(guard.dog.bury(process, "one"), second.dog.bury(process, "two"))
        row = await guard.database.run(run_id)
        assert (row["status"], row["phase"], row["losses"], row["interrupt_count"]) == ("running", "queued", 1, 1)
        assert len(await guard.database.log(run_id)) == 1


async def test_a_run_that_is_locked_is_taken_back_later_and_not_failed(guard: Guard) -> None:
    """Somebody writes `control` while the watchdog looks: neither lost nor failed."""
    process = await guard.database.register()
    run_id = await guard.held_by(process)
    other = await guard.database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", run_id)
        await guard.dog.bury(process, "a test says so")
    assert await guard.database.where(run_id) == "running/leased"
    assert await guard.there(process)
    await guard.dog.bury(process, "a test says so")
    assert await guard.database.where(run_id) == "running/queued"
    assert not await guard.there(process)


async def test_a_cancel_that_comes_between_is_carried_out_the_next_time(guard: Guard) -> None:
    """Recovery and cancel race, a few dozen times: never a failure."""
    gateway = await guard.database.pool("api-gateway")
    for _ in range(60):
        process = await guard.database.register()
        run_id = await guard.held_by(process)
        await asyncio.gather(
            guard.dog.bury(process, "a test says so"),
            gateway.execute("UPDATE runs SET control = 'cancel' WHERE id = $1 AND phase = 'leased'", run_id),
        )
        await guard.dog.bury(process, "a test says so")
        assert await guard.database.where(run_id) in ("running/queued", "cancelled/done")


async def test_a_lease_that_is_renewed_in_time_is_not_taken_back(guard: Guard) -> None:
    """The worker was slow, not dead: it renews while the watchdog has already read the row."""
    worker = await guard.database.pool("extract-worker")
    for _ in range(60):
        process = await guard.database.register()
        run_id = await guard.held_by(process)
        await guard.database.change(run_id, "due_at = now() - interval '1 ms'")
        await asyncio.gather(guard.dog.sweep_leases_once(), statements.renew(worker, process, [(run_id, 1)]))
        row = await guard.database.run(run_id)
        assert row["phase"] == "queued" or row["due_at"] is not None
        assert row["status"] == "running"


# Abandoned


async def _stale(guard: Guard, seconds: int = 181, **columns: Any) -> UUID:
    """A run that was taken back so many seconds ago and that nobody has claimed since."""
    run_id = await guard.database.put("running", "queued", **({"recovered": True, "moved_by": "watchdog"} | columns))
    watchdog = await guard.database.pool("watchdog")
    await watchdog.execute(
        "UPDATE runs SET updated_at = clock_timestamp() - $2 * interval '1 s' WHERE id = $1", run_id, seconds
    )
    return run_id


async def _look_until_passed_over(guard: Guard) -> None:
    for _ in range(PASSED_OVER_LOOKS):
        await guard.dog.abandon_once()


@pytest.mark.parametrize("worker", [{"slots": 2}, {"slots": 9, "stopping": True}, {"slots": 0}, {}])
async def test_who_waits_for_a_free_slot_is_not_abandoned(guard: Guard, worker: dict[str, Any]) -> None:
    """However long: full workers, one that stops, one whose beat stands still."""
    process = await guard.database.register(kinds=["dlt_extract"], **({"slots": 2} | worker))
    for _ in range(2):
        await guard.held_by(process)
    if not worker:
        away = await guard.database.register(kinds=["dlt_extract"], slots=9)
        owner = await guard.database.owner()
        await owner.execute("UPDATE processes SET beat_at = beat_at - interval '15 s' WHERE id = $1", away)
    run_id = await _stale(guard, 3_600)
    await _look_until_passed_over(guard)
    assert await guard.database.where(run_id) == "running/queued"


@pytest.mark.parametrize(
    ("slots", "held"),
    [
        (8, [{}] * 6),  # the rest is kept for other organisations
        (2, [{}]),
        (8, [{"losses": 2}]),  # it holds a run alone
    ],
)
async def test_a_worker_that_keeps_its_slots_for_others_passes_over_nobody(
    guard: Guard, slots: int, held: list[dict[str, Any]]
) -> None:
    process = await guard.database.register(kinds=["dlt_extract"], slots=slots)
    for columns in held:
        run = await guard.held_by(process)
        if columns:
            await guard.database.change(run, "losses = 2")
    run_id = await _stale(guard)
    await _look_until_passed_over(guard)
    assert await guard.database.where(run_id) == "running/queued"


async def test_a_worker_that_makes_room_for_a_run_that_is_claimed_alone_passes_over_nobody(guard: Guard) -> None:
    await guard.database.register(kinds=["dlt_extract"], slots=8)
    await guard.database.put("running", "queued", losses=2)
    run_id = await _stale(guard)
    await _look_until_passed_over(guard)
    assert await guard.database.where(run_id) == "running/queued"


async def test_a_slot_that_has_just_become_free_is_not_a_slot_that_passes_over_a_run(guard: Guard) -> None:
    process = await guard.database.register(kinds=["dlt_extract"], slots=1)
    run_id = await _stale(guard)
    for _ in range(PASSED_OVER_LOOKS):
        await guard.dog.abandon_once()
        other = await guard.held_by(process)
        await guard.dog.abandon_once()
        await guard.database.change(other, "phase = 'queued', lease_owner = NULL, due_at = NULL")
    assert await guard.database.where(run_id) == "running/queued"


async def test_a_run_that_nobody_took_in_the_grace_time_is_abandoned(guard: Guard) -> None:
    await guard.database.register(kinds=["dlt_extract"], slots=1)
    run_id = await _stale(guard)
    await _look_until_passed_over(guard)
    row = await guard.database.run(run_id)
    assert (row["status"], row["error"]["code"]) == ("failed", "INTERNAL_ERROR")
    assert [event["type"] for event in await guard.database.events(run_id)] == ["action.failed"]


@pytest.mark.parametrize(
    ("seconds", "columns"),
    [
        (170, {}),
        (181, {"recovered": False}),
        (181, {"moved_by": "extract-worker"}),
        (181, {"moved_by": "api-gateway"}),
        (181, {"kind": "file_sync"}),
        (181, {"losses": 2}),
        (181, {"losses": 1, "spared": True}),
    ],
)
async def test_what_is_not_abandoned(guard: Guard, seconds: int, columns: dict[str, Any]) -> None:
    """In its grace time, never lost, handed over, of a kind that nobody works on, or waiting for an idle worker."""
    await guard.database.register(kinds=["dlt_extract"], slots=1)
    run_id = await _stale(guard, seconds, **columns)
    await _look_until_passed_over(guard)
    assert await guard.database.where(run_id) == "running/queued"

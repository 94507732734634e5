"""Claiming: each run once, hinted or pulled, organisations in turn, the recovered first."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.lifecycle.leases import LEASE_SECONDS
from vai_records.runs import statements
from vai_testkit.database import Database, new_run

KIND = "dlt_extract"


async def _claim(database: Database, *ids: UUID, owner: UUID | None = None, most: int = 100) -> list[Any]:
    pool = await database.pool("extract-worker")
    return await statements.claim(pool, owner or uuid7(), [KIND], ids, most, "worker-1")


async def _pull(database: Database, most: int, kinds: tuple[str, ...] = (KIND,)) -> list[Any]:
    return await statements.pull(await database.pool("extract-worker"), uuid7(), list(kinds), most, "worker-1")


async def test_a_claim_makes_a_pending_run_running_with_a_lease(database: Database) -> None:
    owner = uuid7()
    (run_id,) = await database.make(new_run())
    before = now()

    (row,) = await _claim(database, run_id, owner=owner)

    assert (row["status"], row["phase"], row["epoch"], row["lease_owner"]) == ("running", "leased", 1, owner)
    lease = row["due_at"] - before
    assert timedelta(seconds=LEASE_SECONDS - 1) < lease < timedelta(seconds=LEASE_SECONDS + 5)
    assert row["started_at"] is not None
    (entry,) = await database.log(run_id)
    assert (entry["event"], entry["message"]) == ("lease_acquired", "Lease acquired by worker-1")
    assert (entry["data"], entry["worker_id"]) == ({"lease_seconds": 90}, "worker-1")


async def test_the_first_claim_is_told_to_the_world_and_the_second_is_not(database: Database) -> None:
    (run_id,) = await database.make(new_run())
    (row,) = await _claim(database, run_id)
    assert (row["subject_id"], row["sequence"], row["type"]) == (run_id, 1, "action.started")

    started = row["started_at"]
    await database.change(run_id, "phase = 'queued', lease_owner = NULL, due_at = NULL, recovered = true")
    (row,) = await _claim(database, run_id)
    assert (row["epoch"], row["subject_id"], row["recovered"]) == (2, None, False)
    assert row["started_at"] == started
    assert [event["type"] for event in await database.events(run_id)] == ["action.started"]
    # Events are numbered without a gap, so what is not told takes no number.
    assert (await database.run(run_id))["event_seq"] == 1


async def test_an_approved_run_is_claimed_like_any_other(database: Database) -> None:
    run_id = await database.put("awaiting_approval", "queued")
    (row,) = await _claim(database, run_id)
    assert row["type"] == "action.started"
    assert await database.where(run_id) == "running/leased"


async def test_only_queued_runs_of_ones_kinds_are_claimed(database: Database) -> None:
    ids = [await database.put("pending", phase) for phase in ("held", "paused")]
    ids += [await database.put("running", phase) for phase in ("leased", "delayed", "paused", "parked")]
    ids += [await database.put("pending", "queued", kind="http_request"), uuid7()]
    assert await _claim(database, *ids) == []


async def test_no_more_is_claimed_than_there_are_slots(database: Database) -> None:
    ids = await database.make(*(new_run() for _ in range(5)))
    assert sorted(row["id"] for row in await _claim(database, *ids, most=2)) == sorted(ids)[:2]


async def test_two_who_claim_the_same_runs_get_each_run_once(database: Database) -> None:
    ids = await database.make(*(new_run() for _ in range(300)))
    rng = random.Random(3)
    owners = [uuid7() for _ in range(4)]

    async def claimer(owner: UUID) -> list[UUID]:
        mine: list[UUID] = []
        for _ in range(30):
            mine += [row["id"] for row in await _claim(database, *rng.sample(ids, 20), owner=owner, most=10)]
        return mine

    taken = await asyncio.gather(*(claimer(owner) for owner in owners))
    counts = Counter(run_id for mine in taken for run_id in mine)
    assert set(counts.values()) == {1}
    for owner, mine in zip(owners, taken, strict=True):
        assert all([(await database.run(run_id))["lease_owner"] == owner for run_id in mine[:5]])


async def test_two_who_pull_at_once_share_what_waits(own_database: Database) -> None:
    ids = await own_database.make(*(new_run() for _ in range(400)))
    taken: list[UUID] = []

    async def puller() -> None:
        while rows := await _pull(own_database, 25):
            taken.extend(row["id"] for row in rows)

    while len(taken) < len(ids):
        await asyncio.gather(puller(), puller(), puller())
    assert sorted(taken) == sorted(ids)


async def test_organisations_are_served_in_turn(own_database: Database) -> None:
    greedy, modest, small = uuid7(), uuid7(), uuid7()
    await own_database.make(*(new_run(org_id=greedy) for _ in range(50)))
    await own_database.make(*(new_run(org_id=modest) for _ in range(5)), new_run(org_id=small))

    rows = await _pull(own_database, 9)

    assert Counter(row["org_id"] for row in rows) == {greedy: 4, modest: 4, small: 1}


async def test_within_an_organisation_the_oldest_is_first(own_database: Database) -> None:
    org_id = uuid7()
    ids = sorted(await own_database.make(*(new_run(org_id=org_id) for _ in range(20))))
    assert sorted(row["id"] for row in await _pull(own_database, 6)) == ids[:6]


async def test_what_was_taken_back_from_the_dead_goes_before_all_others(own_database: Database) -> None:
    await own_database.make(*(new_run() for _ in range(10)))
    org_id = uuid7()
    await own_database.make(*(new_run(org_id=org_id) for _ in range(10)))
    recovered = [await own_database.put("running", "queued", recovered=True, org_id=org_id) for _ in range(3)]

    assert sorted(row["id"] for row in await _pull(own_database, 3)) == sorted(recovered)


async def test_kinds_do_not_push_each_other_aside(own_database: Database) -> None:
    org_id = uuid7()
    await own_database.make(*(new_run(org_id=org_id) for _ in range(20)))
    await own_database.make(*(new_run(org_id=org_id, kind="file_sync") for _ in range(20)))
    rows = await _pull(own_database, 10, (KIND, "file_sync"))
    assert Counter(row["kind"] for row in rows) == {KIND: 5, "file_sync": 5}


async def test_a_locked_run_is_passed_over_not_waited_for(own_database: Database) -> None:
    first, second = await own_database.make(new_run(org_id=(org_id := uuid7())), new_run(org_id=org_id))
    other = await own_database.connect("api-gateway")
    async with other.transaction():
        await other.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", first)
        assert [row["id"] for row in await _claim(own_database, first, second)] == [second]
        assert await _pull(own_database, 5) == []
    assert [row["id"] for row in await _pull(own_database, 5)] == [first]

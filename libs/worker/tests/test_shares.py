"""No organisation holds all slots of a worker while others wait."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from common.ids import uuid7
from records import hot
from records.hot import Share
from testkit.database import Database, new_run
from testkit.toys import ToyHeavy, ToyLight
from testkit.wait import wait_for
from testkit.working import working
from worker import running as running_module
from worker.shares import Shares
from worker.worker import Worker

KIND = "http_request"


@pytest.mark.parametrize(
    ("slots", "percent", "most"), [(1, 25, 1), (2, 25, 1), (4, 25, 3), (8, 25, 6), (32, 25, 24), (8, 0, 8), (8, 90, 1)]
)
def test_the_last_slots_are_kept(slots: int, percent: int, most: int) -> None:
    assert Shares(slots, percent).most == most


class Work:
    def __init__(self, database: Database, bell: Any, worker: Worker, light: ToyLight) -> None:
        self.database, self.bell, self.worker, self.light = database, bell, worker, light

    async def organisation(self) -> UUID:
        org_id = uuid7()
        await (await self.database.owner()).execute(
            "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex
        )
        await self.worker._shares.look_once(await self.database.owner())
        return org_id

    async def made(self, org_id: UUID, count: int, *, ring: bool = True, **definition: Any) -> list[UUID]:
        runs = [new_run(org_id=org_id, kind=KIND, definition=definition) for _ in range(count)]
        ids = await self.database.make(*runs)
        if ring:
            self.bell.ring(KIND, ids)
        return ids

    def holds(self) -> Counter[UUID]:
        return Counter(run.org_id for run in self.worker._owned.values())

    async def ended(self, run_id: UUID) -> bool:
        return await self.database.where(run_id) == "completed/done"


@pytest.fixture
async def work(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Work]:
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)
    light = ToyLight()
    async with working(own_database.url, light, ToyHeavy(), slots=4) as (service, worker):
        yield Work(own_database, service.bell, worker, light)
        light.go.set()


@pytest.mark.parametrize("ring", [True, False], ids=["hinted", "found"])
async def test_runs_that_never_end_leave_room_for_other_organisations(work: Work, ring: bool) -> None:
    greedy, modest = await work.organisation(), await work.organisation()
    await work.made(greedy, 12, ring=ring, wait=True)
    await wait_for(lambda: work.holds()[greedy] == 3, what="it holds its share")
    for _ in range(3):
        (run_id,) = await work.made(modest, 1, ring=ring)
        await wait_for(lambda run_id=run_id: work.ended(run_id), what="the other's run ends")
        assert work.holds()[greedy] == 3


async def test_calls_for_one_organisation_leave_room_too(work: Work) -> None:
    greedy, modest = await work.organisation(), await work.organisation()
    ids = await work.made(greedy, 8, ring=False, wait=True)
    calls = [asyncio.create_task(work.worker.execute(run_id, greedy)) for run_id in ids]
    await wait_for(lambda: work.holds()[greedy] == 3, what="it holds its share")
    await wait_for(lambda: sum(call.done() for call in calls) >= 5, what="the others are refused")
    assert {call.result()[0] for call in calls if call.done()} <= {"no_slot", "not_claimed"}
    (run_id,) = await work.made(modest, 1, ring=False)
    outcome, _ = await work.worker.execute(run_id, modest)
    assert outcome == "ended"
    work.light.go.set()
    await asyncio.gather(*calls)


async def test_what_waits_for_its_share_goes_on_as_its_runs_end(work: Work) -> None:
    greedy = await work.organisation()
    await work.organisation()
    ids = await work.made(greedy, 40)
    for run_id in ids:
        await wait_for(lambda run_id=run_id: work.ended(run_id), timeout=20, what="each of them ends")


async def test_where_there_is_one_organisation_it_may_hold_all(work: Work) -> None:
    await work.made(await work.organisation(), 6, wait=True)
    await wait_for(lambda: sum(work.holds().values()) == 4, what="all slots are taken")


@pytest.mark.parametrize("seed", range(5))
async def test_a_claim_never_takes_more_than_a_share(own_database: Database, seed: int) -> None:
    rng = random.Random(seed)
    organisations = [uuid7() for _ in range(4)]
    runs = [new_run(org_id=rng.choice(organisations), kind=rng.choice(["dlt_extract", "file_sync"])) for _ in range(60)]
    ids = await own_database.make(*runs)
    pool = await own_database.pool("extract-worker")
    share = Share(organisations[:2], [rng.randint(0, 3), rng.randint(0, 3)], rng.randint(1, 4))
    rooms = dict(zip(share.organisations, share.rooms, strict=True))
    kinds = ["dlt_extract", "file_sync"]
    most = rng.randint(4, 30)
    waiting = Counter(run.org_id for run in runs)
    for rows in (
        await hot.claim(pool, uuid7(), kinds, ids, most, "w", share),
        await hot.pull(pool, uuid7(), kinds, most, "w", share),
    ):
        taken = Counter(row["org_id"] for row in rows)
        assert all(count <= rooms.get(org_id, share.others) for org_id, count in taken.items())
        possible = sum(min(count, rooms.get(org_id, share.others)) for org_id, count in waiting.items())
        assert len(rows) == min(most, possible)
        waiting -= taken

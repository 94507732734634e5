"""No organisation holds all slots of a worker while others wait."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.runs import statements
from vai_records.runs.statements import Share
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyHeavy, ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import wiring as running_module
from vai_worker.shares import Shares
from vai_worker.worker import Worker

KIND = "http_request"


@pytest.mark.parametrize(
    ("slots", "percent", "most"), [(1, 25, 1), (2, 25, 1), (4, 25, 3), (8, 25, 6), (32, 25, 24), (8, 0, 8), (8, 90, 1)]
)
def test_the_last_slots_are_kept(slots: int, percent: int, most: int) -> None:
    assert Shares(slots, percent).most == most


class Work:
    """A worker of four slots that is not started yet, and what `greedy` and `modest` ask of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.light = ToyLight()
        self.greedy, self.modest = uuid7(), uuid7()
        self.worker: Worker
        self._bell: Any

    @asynccontextmanager
    async def started(self, *organisations: UUID) -> AsyncIterator[None]:
        """These are there before it is: what it claims while they come is nobody's share yet."""
        for org_id in organisations:
            await (await self.database.owner()).execute(
                "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex
            )
        async with working(self.database.url, self.light, ToyHeavy(), slots=4) as (service, self.worker):
            self._bell = service.bell
            yield
            self.light.go.set()

    async def made(self, org_id: UUID, count: int, *, ring: bool = False, **definition: Any) -> list[UUID]:
        runs = [new_run(org_id=org_id, kind=KIND, definition=definition) for _ in range(count)]
        ids = await self.database.make(*runs)
        if ring:
            self._bell.ring(KIND, ids)
        return ids

    async def holds(self, **counts: int) -> None:
        """Waits until the worker holds so many runs of each, and of nobody else."""
        wanted = {getattr(self, name): count for name, count in counts.items()}

        def held() -> dict[UUID, int]:
            return dict(Counter(run.org_id for run in self.worker._owned.values()))

        with suppress(AssertionError):
            await wait_for(lambda: held() == wanted)
        assert held() == wanted

    async def ends(self, run_id: UUID) -> None:
        async def has_ended() -> bool:
            return await self.database.where(run_id) == "completed/done"

        await wait_for(has_ended, timeout=20, what="it ends")


@pytest.fixture
def work(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)
    return Work(own_database)


@pytest.mark.parametrize("ring", [True, False], ids=["hinted", "found"])
async def test_runs_that_never_end_leave_room_for_other_organisations(work: Work, ring: bool) -> None:
    async with work.started(work.greedy, work.modest):
        await work.made(work.greedy, 12, ring=ring, wait=True)
        await work.holds(greedy=3)
        for _ in range(3):
            (run_id,) = await work.made(work.modest, 1, ring=ring)
            await work.ends(run_id)
            await work.holds(greedy=3)


async def test_what_waited_before_it_started_leaves_room_too(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first claim may come before it has looked how many organisations there are."""

    async def not_yet(shares: Shares, pool: Any) -> None: ...

    monkeypatch.setattr(Shares, "look_once", not_yet)
    await work.made(work.greedy, 12, wait=True)
    async with work.started(work.greedy, work.modest):
        await work.holds(greedy=3)
        (run_id,) = await work.made(work.modest, 1)
        await work.ends(run_id)
        await work.holds(greedy=3)


async def test_calls_for_one_organisation_leave_room_too(work: Work) -> None:
    async with work.started(work.greedy, work.modest):
        ids = await work.made(work.greedy, 8, wait=True)
        calls = [asyncio.create_task(work.worker.execute(run_id, work.greedy)) for run_id in ids]
        await work.holds(greedy=3)
        await wait_for(lambda: sum(call.done() for call in calls) >= 5, what="the others are refused")
        assert {call.result()[0] for call in calls if call.done()} <= {"no_slot", "not_claimed"}
        (run_id,) = await work.made(work.modest, 1)
        outcome, _ = await work.worker.execute(run_id, work.modest)
        assert outcome in ("ended", "not_claimed"), "the worker's own look may be faster than the call"
        await work.ends(run_id)
        work.light.go.set()
        await asyncio.gather(*calls)


async def test_what_waits_for_its_share_goes_on_as_its_runs_end(work: Work) -> None:
    async with work.started(work.greedy, work.modest):
        for run_id in await work.made(work.greedy, 40, ring=True):
            await work.ends(run_id)


async def test_where_there_is_one_organisation_it_may_hold_all(work: Work) -> None:
    async with work.started(work.greedy):
        await work.made(work.greedy, 6, ring=True, wait=True)
        await work.holds(greedy=4)


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
        await statements.claim(pool, uuid7(), kinds, ids, most, "w", share),
        await statements.pull(pool, uuid7(), kinds, most, "w", share),
    ):
        taken = Counter(row["org_id"] for row in rows)
        assert all(count <= rooms.get(org_id, share.others) for org_id, count in taken.items())
        possible = sum(min(count, rooms.get(org_id, share.others)) for org_id, count in waiting.items())
        assert len(rows) == min(most, possible)
        waiting -= taken

"""Limits hold whatever happens at the same moment, let in what fits, and the oldest first (rule 11)."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from common.ids import uuid7
from records import hot
from records.hot import Ending, Entry
from records.lifecycle import Phase, Status
from records.transitions import Step, apply
from run_dispatcher.limits import release_what_fits
from testkit.database import Database, new_run

KIND = "dlt_extract"
CANCEL = Step(Status.PENDING, (Phase.HELD, Phase.QUEUED), Status.CANCELLED, Phase.DONE)
STEPS = 130

_LIVE = """
SELECT org_id, connection_id, count(*) FILTER (WHERE phase IN ('queued', 'leased')) AS live,
    count(*) FILTER (WHERE phase = 'held') AS held FROM runs GROUP BY org_id, connection_id
"""


class Town:
    """Organisations and connections with limits, and a worker that takes and ends their runs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.most: dict[UUID, int | None] = {}
        self.connections: dict[UUID, list[UUID | None]] = {}
        self.worker = uuid7()
        self.leases: dict[UUID, int] = {}

    async def organisation(self, most: int | None, *connections: int | None) -> UUID:
        """`most` runs at once, and as many of each of its connections; None is no limit."""
        owner, org_id = await self.database.owner(), uuid7()
        settings = {} if most is None else {"max_running": most}
        await owner.execute(
            "INSERT INTO organisations (id, slug, name, settings) VALUES ($1, $2, 'O', $3)",
            *(org_id, org_id.hex, settings),
        )
        self.most[org_id], self.connections[org_id] = most, [None]
        for limit in connections:
            connection_id = uuid7()
            await owner.execute(
                """INSERT INTO connections (id, org_id, name, slug, provider, max_running)
                VALUES ($1, $2, 'C', $3, 'rest_api', $4)""",
                *(connection_id, org_id, connection_id.hex, limit),
            )
            self.connections[org_id].append(connection_id)
            self.most[connection_id] = limit
        return org_id

    async def hold(self, org_id: UUID, runs: int, connection_id: UUID | None = None) -> list[UUID]:
        made = [new_run(org_id=org_id, held_for="limit", connection_id=connection_id) for _ in range(runs)]
        return sorted(await self.database.make(*made))

    async def approved(self, org_id: UUID) -> UUID:
        return await self.database.put("awaiting_approval", "held", org_id=org_id, held_for="limit")

    async def release(self) -> list[UUID]:
        rows = await release_what_fits(await self.database.pool("run-dispatcher"))
        return [row["id"] for row in rows]

    async def claim(self, most: int) -> None:
        pool = await self.database.pool("extract-worker")
        rows = await hot.pull(pool, self.worker, [KIND], most, "w")
        self.leases.update({row["id"]: row["epoch"] for row in rows})

    async def finish(self, runs: int) -> None:
        some = list(self.leases)[:runs]
        entry = Entry("run_completed", "Done", {})
        ends = [Ending(run_id, self.leases.pop(run_id), "completed", {}, None, None, entry, {}) for run_id in some]
        if ends:
            assert len(await hot.finish(await self.database.pool("extract-worker"), ends, self.worker, "w")) == len(
                ends
            )

    async def cancel(self, rng: random.Random) -> None:
        owner = await self.database.owner()
        waiting = await owner.fetch("SELECT id FROM runs WHERE phase IN ('held', 'queued') ORDER BY id LIMIT 50")
        if waiting:
            await apply(await self.database.pool("api-gateway"), CANCEL, [rng.choice(waiting)["id"]])

    async def counts(self) -> dict[UUID, tuple[int, int]]:
        """Live and held runs of each organisation and connection, at one moment."""
        found: dict[UUID, tuple[int, int]] = dict.fromkeys(self.most, (0, 0))
        for row in await (await self.database.owner()).fetch(_LIVE):
            for key in {row["org_id"], row["connection_id"]} & set(found):
                live, held = found[key]
                found[key] = (live + row["live"], held + row["held"])
        return found

    async def check(self) -> None:
        for key, (live, _) in (await self.counts()).items():
            most = self.most[key]
            assert most is None or live <= most, f"{live} runs are live where {most} may be"

    async def check_that_nothing_more_fits(self) -> None:
        counts = await self.counts()
        full = {key for key, (live, _) in counts.items() if self.most[key] is not None and live == self.most[key]}
        owner = await self.database.owner()
        for row in await owner.fetch("SELECT org_id, connection_id FROM runs WHERE phase = 'held'"):
            assert full & {row["org_id"], row["connection_id"]}


@pytest.fixture
async def town(own_database: Database) -> Town:
    return Town(own_database)


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_dispatchers_keep_every_limit_while_runs_come_and_go(town: Town, seed: int) -> None:
    rng = random.Random(seed)
    organisations = [
        await town.organisation(4, 1, 2, None),
        await town.organisation(None, 2, 1),
        await town.organisation(2),
        await town.organisation(3, 3, None),
    ]

    async def arrive() -> None:
        org_id = rng.choice(organisations)
        if rng.random() < 0.15:
            await town.approved(org_id)
        else:
            await town.hold(org_id, rng.randint(1, 4), rng.choice(town.connections[org_id]))

    moves: list[Callable[[], Awaitable[None]]] = [
        arrive,
        arrive,
        lambda: town.claim(rng.randint(1, 4)),
        lambda: town.finish(rng.randint(1, 3)),
        lambda: town.finish(rng.randint(1, 5)),
        lambda: town.cancel(rng),
    ]
    for step in range(STEPS):
        happening = rng.sample(moves, 2)
        await asyncio.gather(*(move() for move in happening), town.release(), town.release(), town.check())
        await town.check()
        if step % 25 == 0:
            await town.release()
            await town.check_that_nothing_more_fits()

    while any(held or live for live, held in (await town.counts()).values()):
        await town.release()
        await town.check()
        await town.claim(50)
        await town.finish(50)


async def test_the_oldest_are_let_in_first_whatever_they_waited_for_before(town: Town) -> None:
    org_id = await town.organisation(3)
    waiting = sorted([*await town.hold(org_id, 4), await town.approved(org_id), await town.approved(org_id)])
    assert sorted(await town.release()) == waiting[:3]
    await town.claim(1)
    await town.finish(1)
    assert await town.release() == waiting[3:4]


async def test_the_oldest_of_a_connection_are_let_in_first(town: Town) -> None:
    org_id = await town.organisation(None, 2)
    waiting = await town.hold(org_id, 5, town.connections[org_id][1])
    assert sorted(await town.release()) == waiting[:2]


async def test_runs_that_their_connection_holds_back_leave_the_organisations_room_to_others(town: Town) -> None:
    org_id = await town.organisation(3, 1)
    narrow = await town.hold(org_id, 10, town.connections[org_id][1])
    others = await town.hold(org_id, 2)
    assert set(await town.release()) == {narrow[0], *others}


async def test_organisations_do_not_count_for_each_other(town: Town) -> None:
    one, two = await town.organisation(1), await town.organisation(1)
    await town.database.put("running", "leased", org_id=one)
    (held,) = await town.hold(one, 1)
    (free,) = await town.hold(two, 1)
    assert await town.release() == [free]
    assert await town.database.where(held) == "pending/held"


async def test_a_limit_that_is_lowered_lets_nobody_in_until_there_is_room(town: Town) -> None:
    org_id = await town.organisation(5)
    await town.hold(org_id, 8)
    assert len(await town.release()) == 5
    owner = await town.database.owner()
    await owner.execute("""UPDATE organisations SET settings = '{"max_running": 3}' WHERE id = $1""", org_id)
    await town.claim(5)
    for live in (4, 3):
        await town.finish(1)
        assert await town.release() == []
        assert (await town.counts())[org_id][0] == live
    await town.finish(1)
    assert len(await town.release()) == 1


async def test_no_run_at_all_may_run_where_the_limit_is_none(town: Town) -> None:
    org_id = await town.organisation(0)
    await town.hold(org_id, 2)
    assert await town.release() == []


async def test_what_waits_for_something_else_is_not_let_in(town: Town) -> None:
    org_id = await town.organisation(10)
    for held_for in ("approval", "deferred"):
        await town.database.make(new_run(org_id=org_id, held_for=held_for))
    assert await town.release() == []


async def test_a_run_that_is_cancelled_while_it_is_let_in_is_not_let_in(town: Town) -> None:
    org_id = await town.organisation(1)
    first, second = await town.hold(org_id, 2)
    gateway: Any = await town.database.connect("api-gateway")
    async with gateway.transaction():
        await apply(gateway, CANCEL, [first])
        releasing = asyncio.create_task(town.release())
        await asyncio.wait([releasing], timeout=0.05)
        assert not releasing.done()
    assert await releasing == []
    assert await town.database.where(first) == "cancelled/done"
    assert await town.release() == [second]

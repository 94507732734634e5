"""Limits hold whatever happens at the same moment, let in what fits, and the oldest first (rule 11)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_records.events.run_end import offer_room
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.sql_fragments import limited
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_run_dispatcher import lifecycle, limits
from vai_run_dispatcher.limits import let_in, waiting_organisations
from vai_testkit.database import Database, new_run
from vai_testkit.rings import MemoryBell

KIND = "dlt_extract"
RESUMES = (
    Step(Status.RUNNING, (Phase.PAUSED,), Status.RUNNING, Phase.QUEUED, guard=f"NOT {limited('r')}"),
    Step(
        Status.RUNNING,
        (Phase.PAUSED,),
        Status.RUNNING,
        Phase.DELAYED,
        sets="due_at = 'infinity'",
        guard=limited("r"),
    ),
)
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
        pool = await self.database.pool("run-dispatcher")
        let = [await let_in(pool, org_id) or [] for org_id in await waiting_organisations(pool)]
        return [row["id"] for rows in let for row in rows]

    async def claim(self, most: int) -> None:
        pool = await self.database.pool("extract-worker")
        rows = await statements.pull(pool, self.worker, [KIND], most, "w")
        self.leases.update({row["id"]: row["epoch"] for row in rows})

    async def finish(self, runs: int) -> list[Any]:
        some = list(self.leases)[:runs]
        entry = Entry("run_completed", "Done", {})
        ends = [Ending(run_id, self.leases.pop(run_id), "completed", {}, None, None, entry, {}) for run_id in some]
        rows = (
            await statements.finish(await self.database.pool("extract-worker"), ends, self.worker, "w") if ends else []
        )
        assert len(rows) == len(ends)
        return rows

    async def go_on(self, run_id: UUID, how: str) -> None:
        """As a retry, a resumed run, or a parent whose child ends (heard of, or not)."""
        dispatcher = await self.database.pool("run-dispatcher")
        if how == "retry":
            await self.database.change(run_id, "due_at = now()")
            await lifecycle.retry(dispatcher, [run_id])
            await lifecycle.wait_for_room(dispatcher, [run_id])
        elif how == "resume":
            gateway = await self.database.pool("api-gateway")
            for step in RESUMES:
                await apply(gateway, step, [run_id])
        elif how == "sweep":
            await lifecycle.unpark(dispatcher, [run_id])
        else:
            row = await self.database.run(run_id)
            child = await self.database.put(
                "running", "leased", org_id=row["org_id"], lease_owner=self.worker, parent_run_id=run_id
            )
            self.leases = {child: 1}
            await self.finish(1)

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


async def test_a_run_that_somebody_holds_locked_keeps_nobody_waiting(town: Town) -> None:
    org_id = await town.organisation(1)
    first, second = await town.hold(org_id, 2)
    gateway: Any = await town.database.connect("api-gateway")
    async with gateway.transaction():
        await apply(gateway, CANCEL, [first])
        assert await asyncio.wait_for(town.release(), 10) == [second]
    assert await town.database.where(first) == "cancelled/done"


async def test_a_dispatcher_that_is_frozen_while_it_counts_keeps_no_other_one_waiting(town: Town) -> None:
    stuck, free = await town.organisation(1), await town.organisation(1)
    await town.hold(stuck, 1)
    (other,) = await town.hold(free, 1)
    frozen: Any = await town.database.connect("run-dispatcher")
    async with frozen.transaction():
        await frozen.execute("SELECT pg_advisory_xact_lock(hashtext('vai.limits'), hashtext($1::text))", str(stuck))
        assert await asyncio.wait_for(town.release(), 10) == [other]


@pytest.mark.parametrize("limit", ["organisation", "connection"])
@pytest.mark.parametrize("how", ["retry", "resume", "wake", "sweep"])
async def test_a_run_that_goes_on_waits_for_room_like_a_new_one(town: Town, limit: str, how: str) -> None:
    most = 1 if limit == "organisation" else None
    org_id = await town.organisation(most, 1)
    of = {"org_id": org_id, "connection_id": town.connections[org_id][1]}
    place, columns = {
        "retry": ("running/delayed", {"due_at": now()}),
        "resume": ("running/paused", {}),
        "wake": ("running/parked", {}),
        "sweep": ("running/parked", {}),
    }[how]
    goes_on = await town.database.put(*place.split("/"), **of, **columns)
    working = await town.database.put("running", "leased", **of, lease_owner=town.worker)
    (new,) = await town.hold(org_id, 1, town.connections[org_id][1])

    await town.go_on(goes_on, how)
    assert await town.release() == []
    assert await town.database.where(goes_on) == "running/delayed"
    await town.check()

    town.leases[working] = 1
    await town.finish(1)
    assert await town.release() == [goes_on], "what has begun is older than what is new"
    await town.check()
    assert await town.database.where(new) == "pending/held"


@pytest.mark.parametrize("how", ["retry", "resume", "wake", "sweep"])
async def test_where_no_limit_holds_a_run_goes_on_at_once(town: Town, how: str) -> None:
    org_id = await town.organisation(None, None)
    place = {"retry": "running/delayed", "resume": "running/paused"}.get(how, "running/parked")
    run_id = await town.database.put(*place.split("/"), org_id=org_id, connection_id=town.connections[org_id][1])
    await town.go_on(run_id, how)
    assert await town.database.where(run_id) == "running/queued"


async def test_the_end_of_a_run_says_that_somebody_waits_for_its_room(town: Town) -> None:
    org_id, other = await town.organisation(1), await town.organisation(1)
    ids = [await town.database.put("running", "leased", org_id=one, lease_owner=town.worker) for one in (org_id, other)]
    town.leases = dict.fromkeys(ids, 1)
    await town.hold(org_id, 1)
    rows = await town.finish(2)
    assert {row["id"]: row["room_wanted"] for row in rows} == {ids[0]: True, ids[1]: False}
    bell = MemoryBell()
    offer_room(rows, bell)
    assert bell.rung == [(ROOM, org_id)]


async def test_an_organisation_with_a_hundred_thousand_that_wait_costs_no_more_than_what_it_lets_in(town: Town) -> None:
    """Pages that the statement touches: a count that no other load disturbs."""
    org_id = await town.organisation(3, 1)
    pool = await town.database.pool("run-dispatcher")
    owner = await town.database.owner()

    async def pages() -> int:
        plan = await owner.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE turn('{org_id}', 500, '{{}}', NULL)"
        )
        found = orjson.loads(plan)[0]["Plan"]
        return int(found["Shared Hit Blocks"] + found["Shared Read Blocks"])

    await owner.execute(
        """INSERT INTO runs (id, org_id, connection_id, kind, phase, held_for, definition, trigger_method)
        SELECT gen_random_uuid(), $1, CASE WHEN n % 2 = 0 THEN $2::uuid END, 'dlt_extract', 'held', 'limit', '{}', 'api'
        FROM generate_series(1, 20000) n""",
        *(org_id, town.connections[org_id][1]),
    )
    await owner.execute("SET plan_cache_mode = force_generic_plan")  # as the sessions of the services have it
    await owner.execute(f"PREPARE turn (uuid, int, uuid[], uuid[]) AS {limits._LET_IN}")
    assert len(await let_in(pool, org_id) or []) == 3
    assert await pages() < 400
    await owner.execute("UPDATE organisations SET settings = '{}' WHERE id = $1", org_id)
    assert len(await let_in(pool, org_id) or []) == limits.MOST


@pytest.mark.parametrize("slow", [False, True])
async def test_turns_that_are_under_way_at_a_stop_end_and_no_other_one_begins(
    town: Town, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_SECONDS", 0.05 if slow else 5.0)
    organisations = [await town.organisation(1) for _ in range(2 * limits.AT_ONCE)]
    for org_id in organisations:
        await town.hold(org_id, 2)
    bell, begun, go = MemoryBell(), asyncio.Event(), asyncio.Event()

    class Slow:
        """The pool, whose first connection comes when the test lets it come."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pool, name)

        @asynccontextmanager
        async def acquire(self) -> AsyncIterator[Any]:
            begun.set()
            await go.wait()
            async with pool.acquire() as conn:
                yield conn

    pool = await town.database.pool("run-dispatcher")
    turns = limits.Limits(Slow(), bell)
    turns.on_room("", organisations)
    await asyncio.wait_for(begun.wait(), 30)
    if not slow:
        go.set()
    await asyncio.wait_for(turns.close(), 30)
    go.set()
    assert len(bell.rung) == (0 if slow else limits.AT_ONCE)
    turns.on_room("", organisations)
    assert not turns._tasks

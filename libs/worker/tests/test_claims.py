"""A run that a claim cannot move keeps nobody of its kind waiting (rule 22); and what a worker that claims notices."""

from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Retryable
from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_common.rows import HOPELESS_AFTER
from vai_records.runs.statements import Lease, Share
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker.claims import Claims
from vai_worker.lifecycle import Holder
from vai_worker.owned import Owned

KIND = "dlt_extract"
FULL = 2_147_483_647
"""No number of a log entry comes after it, so no statement that writes one can move the run."""


async def _claims(database: Database) -> Claims:
    return Claims(await database.pool("extract-worker"), Holder(uuid7(), "w"), [KIND])


async def _stuck(database: Database, **columns: Any) -> UUID:
    return await database.put("running", "queued", recovered=True, log_seq=FULL, **columns)


def _ids(rows: list[Any]) -> set[UUID]:
    return {row["id"] for row in rows}


@pytest.mark.parametrize("share", [None, Share([], [], 3)], ids=["all", "shares"])
@pytest.mark.parametrize("bad", [1, 2, 5])
async def test_a_pull_takes_the_others(own_database: Database, bad: int, share: Share | None) -> None:
    claims = await _claims(own_database)
    stuck = [await _stuck(own_database, org_id=uuid7()) for _ in range(bad)]
    good = [new_run() for _ in range(3)]
    await own_database.make(*good)
    taken: set[UUID] = set()
    for _ in range(4):
        taken |= _ids(await claims.waiting(4, share))
    assert taken == {run.id for run in good}
    assert {await own_database.where(run_id) for run_id in stuck} == {"running/queued"}


async def test_a_hint_for_it_costs_no_other_hint(own_database: Database) -> None:
    claims = await _claims(own_database)
    stuck, good = await _stuck(own_database), [new_run() for _ in range(7)]
    await own_database.make(*good)
    ids = [run.id for run in good]
    assert _ids(await claims.hinted([*ids[:3], stuck, *ids[3:]], None)) == set(ids)


async def test_who_is_claimed_alone_is_passed_over_by_the_next(own_database: Database) -> None:
    claims = await _claims(own_database)
    await _stuck(own_database, losses=2)
    good = await own_database.put("running", "queued", recovered=True, losses=2)
    assert await claims.alone() == []
    assert _ids(await claims.alone()) == {good}


@pytest.mark.parametrize("status", ["pending", "running"])
@pytest.mark.parametrize("losses", [0, 2])
async def test_one_that_no_claim_can_move_ends_after_a_few_turns(
    own_database: Database, status: str, losses: int
) -> None:
    claims, time = await _claims(own_database), 0.0
    ended: list[Any] = []
    claims._on_ended = ended.extend
    claims._rows._clock = lambda: time
    stuck = await own_database.put(status, "queued", log_seq=FULL, losses=losses)
    for turn in range(HOPELESS_AFTER):
        assert await own_database.where(stuck) == f"{status}/queued", turn
        assert await (claims.alone() if losses else claims.waiting(4, None)) == []
        time += 400
    assert await own_database.where(stuck) == "failed/done"
    assert (await own_database.run(stuck))["error"]["code"] == "INTERNAL_ERROR"
    assert [row["id"] for row in ended] == [stuck]
    assert [row["type"] for row in await own_database.events(stuck)] == ["action.failed"]


async def test_one_that_can_be_moved_again_is_taken(own_database: Database) -> None:
    claims = await _claims(own_database)
    stuck = await _stuck(own_database)
    assert await claims.waiting(4, None) == []
    await own_database.change(stuck, "log_seq = 7")
    claims._rows._clock = lambda: 1e12
    assert _ids(await claims.waiting(4, None)) == {stuck}


async def test_a_run_that_waits_for_its_next_attempt_rings_for_who_waits_for_its_room(own_database: Database) -> None:
    org_id, rung, light = uuid7(), list[Any](), ToyLight()

    def act(run: Owned) -> dict[str, Any]:
        raise Retryable(ErrorCode.CONNECTION_ERROR, "away", None, 60)

    light.act = act
    await own_database.put("pending", "held", held_for="limit", org_id=org_id)
    async with working(own_database.url, light) as (service, worker):
        service.bell.ring = lambda kind, ids: rung.append((kind, list(ids)))  # type: ignore[method-assign]
        await own_database.make(new_run(kind=light.name, org_id=org_id))
        worker.wake()
        await wait_for(lambda: (ROOM, [org_id]) in rung, timeout=60, what="the dispatcher is rung for")


async def test_who_never_stops_claiming_lets_strange_leases_go_as_well(own_database: Database) -> None:
    """Only a lease that may be the answer to a claim that is under way is spared."""
    async with working(own_database.url, ToyLight()) as (_, worker):
        stranger = await own_database.put("running", "leased", lease_owner=worker._life.id, kind="file_sync")
        worker._asked[object()] = steady_seconds()
        for _ in range(2):
            worker._on_beat([Lease(stranger, 1, None, age=0.0)])
            assert worker._strangers == set()
        for _ in range(2):
            worker._on_beat([Lease(stranger, 1, None, age=60.0)])

        async def is_let_go() -> bool:
            return await own_database.where(stranger) == "running/queued"

        await wait_for(is_let_go, timeout=60, what="it is let go")

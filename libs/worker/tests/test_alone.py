"""When a worker claims nothing else, for the sake of a run that is claimed alone (decision 16)."""

from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.runs import checkpoints, statements
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import alone as alone_module
from vai_worker import wiring as running_module
from vai_worker.alone import HOLDS_SECONDS, REST_SECONDS, ROOM_SECONDS, WAITS_SECONDS, Alone

KINDS = ["dlt_extract"]
LIGHT = "http_request"


@pytest.fixture(autouse=True)
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process stays readable to them."""
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def _waiting(database: Database, seconds: float, **columns: object) -> None:
    run_id = await database.put("running", "queued", **({"losses": 1, "spared": True, "recovered": True} | columns))
    await database.change(run_id, "updated_at = clock_timestamp() - $2 * interval '1 s'", seconds)


def test_a_run_that_is_held_alone_keeps_others_out_until_it_is_let_go() -> None:
    alone, run_id = Alone(), uuid7()
    kept_out = [alone.keeps_others_out]
    for step, of in ((alone.hold, run_id), (alone.let_go, uuid7()), (alone.let_go, run_id)):
        step(of)
        kept_out.append(alone.keeps_others_out)
    assert kept_out == [False, True, True, False]


@pytest.mark.parametrize(
    ("seconds", "columns", "makes_room"),
    [
        (WAITS_SECONDS + 1, {}, True),
        (WAITS_SECONDS + 1, {"losses": 2, "spared": False}, True),
        (WAITS_SECONDS - 5, {}, False),
        (WAITS_SECONDS + 1, {"losses": 1, "spared": False}, False),
        (WAITS_SECONDS + 1, {"losses": 0, "spared": True}, False),
        (WAITS_SECONDS + 1, {"kind": "file_sync"}, False),
    ],
)
async def test_a_busy_worker_makes_room_for_a_run_that_has_waited_for_an_idle_one(
    own_database: Database, seconds: float, columns: dict[str, object], makes_room: bool
) -> None:
    await _waiting(own_database, seconds, **columns)
    alone = Alone(Clock(), lambda: 0.0)
    await alone.make_room_once(await own_database.pool("extract-worker"), KINDS)
    assert alone.keeps_others_out is makes_room


async def test_it_makes_room_for_a_while_and_then_goes_on_as_before(own_database: Database) -> None:
    """A run that takes hours must not keep seven slots empty."""
    await _waiting(own_database, 60)
    pool, clock = await own_database.pool("extract-worker"), Clock()
    alone = Alone(clock, lambda: 0.0)
    await alone.make_room_once(pool, KINDS)
    clock.now += ROOM_SECONDS + 1
    assert not alone.keeps_others_out
    await alone.make_room_once(pool, KINDS)
    assert not alone.keeps_others_out
    clock.now += REST_SECONDS
    await alone.make_room_once(pool, KINDS)
    assert alone.keeps_others_out


async def test_not_all_workers_make_room_at_once(own_database: Database) -> None:
    await _waiting(own_database, 60)
    alone = Alone(Clock(), lambda: 0.9)
    await alone.make_room_once(await own_database.pool("extract-worker"), KINDS)
    assert not alone.keeps_others_out


async def test_a_run_that_is_held_alone_keeps_others_out_for_a_minute_at_most() -> None:
    clock = Clock()
    alone = Alone(clock)
    alone.hold(uuid7())
    clock.now += HOLDS_SECONDS - 1
    assert alone.keeps_others_out
    clock.now += 1
    assert not alone.keeps_others_out


@pytest.mark.parametrize("saves", [False, True])
async def test_a_run_that_saves_a_checkpoint_keeps_others_out_no_longer(own_database: Database, saves: bool) -> None:
    run_id = await own_database.put("running", "leased", losses=2)
    pool, alone = await own_database.pool("extract-worker"), Alone(Clock())
    alone.hold(run_id)
    if saves:
        await checkpoints.save(pool, run_id, {"slice": 1})
    await alone.look_once(pool)
    assert alone.keeps_others_out is not saves


async def test_one_worker_of_a_kind_at_a_time_holds_a_run_alone(own_database: Database) -> None:
    """The others go on with what else there is; a minute later the next has its turn."""
    pool = await own_database.pool("extract-worker")
    ids = [await own_database.put("running", "queued", losses=2, recovered=True) for _ in range(2)]
    other = await own_database.put("running", "queued", losses=2, recovered=True, kind="file_sync")

    async def pulled(*kinds: str) -> list[UUID]:
        found = await statements.pull_alone(pool, uuid7(), kinds, "w", HOLDS_SECONDS)
        return [row["id"] for row in found]

    assert await pulled("dlt_extract") == ids[:1]
    assert await pulled("dlt_extract") == []
    assert await pulled("dlt_extract", "file_sync") == [other]
    owner = await own_database.owner()
    await owner.execute("UPDATE run_logs SET occurred_at = occurred_at - interval '61 s'")
    assert await pulled("dlt_extract") == ids[1:]


async def test_a_worker_that_holds_a_run_alone_serves_others_when_its_minute_is_over(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone_module, "HOLDS_SECONDS", 2.0)
    light = ToyLight()
    lone = await own_database.put("running", "queued", kind=LIGHT, losses=2, definition={"wait": True})
    async with working(own_database.url, light, slots=4) as (service, worker):
        await wait_for(lambda: [run.id for run in light.began] == [lone], what="it is held alone")
        run = new_run(kind=LIGHT, definition={"wait": True})
        await own_database.make(run)
        service.bell.ring(LIGHT, [run.id])
        assert worker.free == 0
        await wait_for(lambda: [each.id for each in light.began] == [lone, run.id], what="others have their turn")
        light.go.set()

"""When a worker claims nothing else, for the sake of a run that is claimed alone (decision 16)."""

import pytest

from common.ids import uuid7
from testkit.database import Database
from worker.alone import REST_SECONDS, ROOM_SECONDS, WAITS_SECONDS, Alone

KINDS = ["dlt_extract"]


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

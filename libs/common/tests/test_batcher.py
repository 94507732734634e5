"""Group commit: takes what is there, never waits for more, and lets a poisoned item fail alone (rule 17)."""

import asyncio
from typing import Any

import asyncpg
import pytest

from vai_common import batcher as batcher_module
from vai_common.batcher import Batcher, Overloaded
from vai_testkit.wait import wait_for


class Writer:
    """Notes the batches that it is given; holds them back until `go` is set; refuses the poisoned."""

    def __init__(self, poisoned: set[int] | None = None, wait: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.poisoned = poisoned or set()
        self.go = asyncio.Event()
        if not wait:
            self.go.set()

    async def flush(self, items: list[int]) -> list[str]:
        self.batches.append(items)
        await self.go.wait()
        if bad := self.poisoned & set(items):
            raise ValueError(f"cannot write {sorted(bad)}")
        return [f"wrote {item}" for item in items]


async def test_an_item_on_an_idle_system_goes_alone_and_at_once() -> None:
    writer = Writer()
    batcher = Batcher(writer.flush)
    assert await batcher.submit(1) == "wrote 1"
    assert await batcher.submit(2) == "wrote 2"
    assert writer.batches == [[1], [2]]


async def test_an_item_that_comes_as_the_only_worker_leaves_is_written_too() -> None:
    batcher = Batcher(Writer().flush, in_flight=1)
    assert await batcher.submit(1) == "wrote 1"
    assert await asyncio.wait_for(batcher.submit(2), 30) == "wrote 2"


async def test_what_comes_while_a_batch_is_written_goes_with_the_next() -> None:
    writer = Writer(wait=True)
    batcher = Batcher(writer.flush, in_flight=1)
    first = asyncio.ensure_future(batcher.submit(0))
    await wait_for(lambda: writer.batches == [[0]], what="the first is being written")
    rest = [asyncio.ensure_future(batcher.submit(item)) for item in range(1, 6)]
    await wait_for(lambda: len(batcher) == 5, what="the others wait")
    writer.go.set()
    assert await asyncio.gather(first, *rest) == [f"wrote {item}" for item in range(6)]
    assert writer.batches == [[0], [1, 2, 3, 4, 5]]


async def test_batches_have_a_most_and_so_many_are_in_flight() -> None:
    writer = Writer(wait=True)
    batcher = Batcher(writer.flush, most=2, in_flight=2)
    waiting = [asyncio.ensure_future(batcher.submit(item)) for item in range(7)]
    await wait_for(lambda: writer.batches == [[0, 1], [2, 3]], what="two batches are being written")
    writer.go.set()
    await asyncio.gather(*waiting)
    assert writer.batches[2:] == [[4, 5], [6]]


@pytest.mark.parametrize("poisoned", [{0}, {7}, {3, 4}, set(range(8))])
async def test_only_the_callers_of_poisoned_items_see_the_error(poisoned: set[int]) -> None:
    writer = Writer(poisoned)
    batcher = Batcher(writer.flush)
    answers = await asyncio.gather(*map(batcher.submit, range(8)), return_exceptions=True)
    for item, answer in enumerate(answers):
        if item in poisoned:
            assert isinstance(answer, ValueError)
            assert str(answer) == f"cannot write [{item}]"
        else:
            assert answer == f"wrote {item}"


async def test_more_than_it_may_hold_is_refused_at_once() -> None:
    writer = Writer(wait=True)
    batcher = Batcher(writer.flush, most=1, in_flight=1, most_waiting=2)
    first = batcher.put(0)
    await wait_for(lambda: writer.batches == [[0]], what="the first is being written")
    waiting = [batcher.put(1), batcher.put(2)]
    assert len(batcher) == 2
    with pytest.raises(Overloaded):
        batcher.put(3)
    writer.go.set()
    assert await asyncio.gather(first, *waiting) == ["wrote 0", "wrote 1", "wrote 2"]
    assert await batcher.submit(3) == "wrote 3"


async def test_a_caller_that_goes_away_does_not_hurt_the_others() -> None:
    writer = Writer(wait=True)
    batcher = Batcher(writer.flush, in_flight=1)
    gone, stays = asyncio.ensure_future(batcher.submit(1)), asyncio.ensure_future(batcher.submit(2))
    await wait_for(lambda: writer.batches, what="one is being written")
    gone.cancel()
    writer.go.set()
    assert await stays == "wrote 2"


async def test_drained_means_that_nothing_waits_and_nothing_is_in_flight() -> None:
    writer = Writer(wait=True)
    batcher = Batcher(writer.flush, most=1)
    answers = [batcher.put(item) for item in range(4)]
    draining = asyncio.ensure_future(batcher.drained())
    await wait_for(lambda: writer.batches, what="one is being written")
    assert not draining.done()
    writer.go.set()
    await asyncio.wait_for(draining, 30)
    assert all(answer.done() for answer in answers)
    await asyncio.wait_for(batcher.drained(), 30)


async def test_an_item_whose_caller_has_gone_fails_in_silence() -> None:
    batcher = Batcher(Writer({1}).flush)
    batcher.put(1)
    await batcher.drained()


# While the database is away


class Away:
    """A database that fails so many times with an error before it takes anything."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times = error, times
        self.batches: list[list[int]] = []

    async def flush(self, items: list[int]) -> list[str]:
        self.batches.append(items)
        if len(self.batches) <= self.times:
            raise self.error
        return [f"wrote {item}" for item in items]


GONE = [ConnectionResetError("cut"), TimeoutError(), asyncpg.CannotConnectNowError("starting"), OSError("no route")]
OF_ONE = [asyncpg.DeadlockDetectedError("deadlock"), asyncpg.LockNotAvailableError("locked")]


async def _submitted(batcher: Batcher[int, str], count: int) -> list[Any]:
    return await asyncio.gather(*map(batcher.submit, range(count)), return_exceptions=True)


@pytest.mark.parametrize("error", GONE, ids=repr)
async def test_a_batch_is_not_halved_while_the_database_is_away(error: Exception) -> None:
    away = Away(error, 1_000)
    assert await _submitted(Batcher(away.flush), 64) == [error] * 64
    assert list(map(len, away.batches)) == [64, 64]


@pytest.mark.parametrize("error", GONE, ids=repr)
async def test_an_answer_that_was_lost_once_is_no_error(error: Exception) -> None:
    away = Away(error, 1)
    assert await _submitted(Batcher(away.flush), 8) == [f"wrote {item}" for item in range(8)]


async def test_what_may_be_written_once_only_is_written_once() -> None:
    for error in (*GONE, *OF_ONE, ValueError("bad")):
        away = Away(error, 1)
        assert await _submitted(Batcher(away.flush, halves=False, when_away="fail"), 8) == [error] * 8
        assert away.batches == [list(range(8))]


@pytest.mark.parametrize("error", GONE, ids=repr)
async def test_what_is_kept_is_written_in_its_order_when_the_database_is_back(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "AGAIN_SECONDS", 0.001)
    away = Away(error, 5)
    batcher = Batcher(away.flush, in_flight=1, most=3, when_away="keep")
    assert await _submitted(batcher, 5) == [f"wrote {item}" for item in range(5)]
    assert away.batches == [[0, 1, 2]] * 6 + [[3, 4]]


@pytest.mark.parametrize("error", OF_ONE, ids=repr)
async def test_one_row_that_is_locked_keeps_no_other_waiting(error: Exception) -> None:
    class Locked(Writer):
        async def flush(self, items: list[int]) -> list[str]:
            self.batches.append(items)
            if 3 in items:
                raise error
            return [f"wrote {item}" for item in items]

    answers = await _submitted(Batcher(Locked().flush), 8)
    assert answers == [error if item == 3 else f"wrote {item}" for item in range(8)]

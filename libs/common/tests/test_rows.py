"""One bad row stops nobody: isolated, backed off, counted, and the others go on."""

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common import rows
from vai_common.metrics import rows_failed
from vai_common.rows import Rows


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Work:
    """Refuses every batch that holds a bad item, as one statement over all of them does."""

    def __init__(self, *bad: int, error: type[Exception] = asyncpg.DataError) -> None:
        self.bad = set(bad)
        self.error = error
        self.done: list[int] = []
        self.calls = 0

    async def __call__(self, items: list[int]) -> list[int]:
        self.calls += 1
        if self.bad & set(items):
            raise self.error("bad")
        self.done += items
        return [-item for item in items]


def _counted(loop: str) -> float:
    return rows_failed.labels(loop=loop)._value.get()


@given(
    items=st.lists(st.integers(0, 300), unique=True), bad=st.sets(st.integers(0, 300), max_size=rows.MOST_FAILURES - 1)
)
async def test_every_good_row_is_done_once_in_order_and_each_bad_one_rests(items: list[int], bad: set[int]) -> None:
    mine: Rows[int] = Rows("test")
    work = Work(*bad)
    answers = await mine.each(items, work)
    good = [item for item in items if item not in bad]
    assert work.done == good
    assert answers == [-item for item in good]
    assert set(mine.resting) == bad & set(items)


async def test_a_bad_row_costs_few_turns() -> None:
    work = Work(77)
    await Rows[int]("test").each(list(range(500)), work)
    assert work.calls < 25


async def test_a_row_that_failed_is_left_alone_longer_each_time_and_then_tried_again() -> None:
    clock = Clock()
    mine: Rows[int] = Rows("test", clock=clock)
    work = Work(1)
    waits = []
    for _ in range(12):
        await mine.each([1], work)
        assert mine.resting == [1]
        began = clock.time
        while mine.resting:
            calls = work.calls
            await mine.each([1], work)
            assert work.calls == calls
            clock.time += 0.5
        waits.append(clock.time - began)
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == rows.LONGEST_WAIT
    work.bad.clear()
    assert await mine.each([1], work) == [-1]
    assert mine.resting == []


async def test_it_says_which_row_failed_and_counts_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = _counted("told")
    await Rows[int]("told").each([1, 2, 3], Work(2))
    assert _counted("told") == before + 1
    assert "row=2" in capsys.readouterr().out.replace("'", "")


@pytest.mark.parametrize("error", [OSError, asyncpg.CannotConnectNowError, asyncpg.DeadlockDetectedError])
async def test_a_database_that_is_away_is_no_rows_fault(error: type[Exception]) -> None:
    mine: Rows[int] = Rows("test")
    with pytest.raises(error):
        await mine.each([1, 2], Work(1, error=error))
    assert mine.resting == []


@pytest.mark.parametrize("error", [asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError])
async def test_a_row_that_somebody_holds_is_passed_over(error: type[Exception]) -> None:
    mine: Rows[int] = Rows("test")
    assert await mine.each([1, 2, 3], Work(2, error=error)) == [-1, -3]


async def test_where_all_rows_fail_a_turn_ends_early_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(*range(3_000))
    mine: Rows[int] = Rows("test")
    await mine.each(list(range(3_000)), work)
    assert len(mine.resting) == rows.MOST_FAILURES
    monkeypatch.setattr(rows, "MOST_FAILURES", 3_000)
    await mine.each(list(range(3_000)), work)
    assert len(mine.resting) == rows.MOST_RESTING


async def test_rows_rest_by_their_key() -> None:
    mine: Rows[dict[str, int]] = Rows("test", by=lambda row: row["id"])

    async def refuse(_items: list[dict[str, int]]) -> list[int]:
        raise ValueError

    assert await mine.each([{"id": 5}], refuse) == []
    assert mine.resting == [5]


async def test_a_single_row_is_done_or_rests() -> None:
    mine: Rows[int] = Rows("test")
    work = Work(2)

    async def do(item: int) -> None:
        await work([item])

    assert await mine.one(1, do)
    assert not await mine.one(2, do)
    assert not await mine.one(2, do)
    assert work.calls == 2

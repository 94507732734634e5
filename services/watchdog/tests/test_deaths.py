"""The three ways to notice a death, as tables (rule 7)."""

from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_watchdog.deaths import STILL_LOOKS, UNSEEN_SECONDS, Looks

ONE, TWO = uuid7(), uuid7()


def _row(process: UUID = ONE, held: bool = True, counter: int = 1) -> dict[str, Any]:
    return {"id": process, "held": held, "counter": counter}


def _dead(found: list[tuple[UUID, str]]) -> list[UUID]:
    return [process for process, _ in found]


@pytest.mark.parametrize(
    ("held", "called_dead"),
    [
        ([True, True, True], [0, 0, 0]),
        ([True, False], [0, 0]),
        ([True, False, False], [0, 0, 1]),
        ([True, False, True, False], [0, 0, 0, 0]),
        ([True, False, True, False, False], [0, 0, 0, 0, 1]),
        ([True, False, False, False], [0, 0, 1, 1]),
    ],
)
def test_a_lock_that_is_free_at_two_looks_is_a_death(held: list[bool], called_dead: list[int]) -> None:
    looks = Looks()
    found = [len(looks.by_lock([_row(held=each)], at=float(at))) for at, each in enumerate(held)]
    assert found == called_dead


def test_a_lock_that_this_connection_has_never_seen_held_is_watched_for_half_a_minute() -> None:
    looks = Looks()
    dead = [at for at in range(40) if looks.by_lock([_row(held=False)], at=1_000.0 + at)]
    assert dead[0] == UNSEEN_SECONDS + 1


@pytest.mark.parametrize("seconds_away", [0.2, 1.0, 5.0, 20.0, 29.0])
def test_who_takes_its_lock_again_after_a_break_is_not_dead_however_old_it_is(seconds_away: float) -> None:
    """After a restart of the database all locks are free, and each process comes back at its own time."""
    looks = Looks()
    for at in range(100):
        looks.by_lock([_row()], at=float(at))
    looks.forget()
    turns = [100.0 + at for at in range(60)]
    assert not any(looks.by_lock([_row(held=at - 100 >= seconds_away)], at=at) for at in turns)


def test_a_broken_connection_proves_nothing() -> None:
    looks = Looks()
    looks.by_lock([_row()], at=0.0)
    looks.by_lock([_row(held=False)], at=1.0)
    looks.forget()
    assert [looks.by_lock([_row(held=False)], at=2.0 + at) for at in range(5)] == [[]] * 5


@pytest.mark.parametrize(
    ("counters", "called_dead"),
    [
        ([1, 2, 3, 4, 5, 6], [0] * 6),
        ([1] * (STILL_LOOKS + 1), [0] * STILL_LOOKS + [1]),
        ([1] * STILL_LOOKS + [2, 2], [0] * (STILL_LOOKS + 2)),
        ([1] * STILL_LOOKS + [2] * (STILL_LOOKS + 1), [0] * (2 * STILL_LOOKS) + [1]),
        ([5] * (STILL_LOOKS + 2), [0] * STILL_LOOKS + [1, 1]),
    ],
)
def test_a_counter_that_stands_still_over_four_looks_is_a_death(counters: list[int], called_dead: list[int]) -> None:
    looks = Looks()
    assert [len(looks.by_counter([_row(counter=each)])) for each in counters] == called_dead


def test_a_counter_seen_before_the_break_counts_for_nothing() -> None:
    looks = Looks()
    for _ in range(STILL_LOOKS):
        looks.by_counter([_row()])
    looks.forget()
    assert [looks.by_counter([_row()]) for _ in range(STILL_LOOKS)] == [[]] * STILL_LOOKS


def test_each_process_is_judged_for_itself() -> None:
    looks = Looks()
    looks.by_lock([_row(ONE), _row(TWO)])
    looks.by_lock([_row(ONE, held=False), _row(TWO)])
    assert looks.by_lock([_row(ONE, held=False), _row(TWO, held=False)]) == [(ONE, "its connection closed")]


def test_locks_and_counters_are_judged_apart() -> None:
    looks = Looks()
    for _ in range(STILL_LOOKS):
        assert looks.by_lock([_row(held=True)]) == []
        looks.by_counter([_row()])
    assert _dead(looks.by_counter([_row()])) == [ONE]
    assert looks.by_lock([_row(held=True)]) == []


def test_a_process_that_has_gone_is_forgotten() -> None:
    looks = Looks()
    looks.by_lock([_row(ONE), _row(TWO)])
    looks.by_lock([_row(TWO)])
    assert set(looks.seen) == {TWO}

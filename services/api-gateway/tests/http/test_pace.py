"""Turns come more slowly while the processors are used up, never too slowly, and only to those with many requests."""

import asyncio
from uuid import UUID

import pytest

from vai_api_gateway.http.pace import Pace, Ran
from vai_api_gateway.http.turns import LITTLE, Turns
from vai_common.ids import uuid7


class Machine:
    """A clock, and a process that waits for a processor for a given share of its time."""

    def __init__(self) -> None:
        self.now, self.share = 100.0, 0.0
        self._worked = self._waited = 0.0

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        self._worked += seconds * (1 - self.share)
        self._waited += seconds * self.share

    def ran(self) -> Ran:
        return int(self._worked * 1e9), int(self._waited * 1e9)


def turns_of(pace: Pace, machine: Machine, seconds: float, asked: float = 1_000.0) -> float:
    """Turns a second of somebody who would take so many."""
    taken, until = 0, machine.now + seconds
    while machine.now < until:
        machine.pass_seconds(1 / asked)
        if not pace.wait():
            pace.take()
            taken += 1
    return taken / seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def pace(machine: Machine) -> Pace:
    return Pace(machine.ran, lambda: machine.now)


def test_while_there_is_room_nobody_waits(machine: Machine, pace: Pace) -> None:
    assert turns_of(pace, machine, 5) == pytest.approx(1_000)


def test_while_the_processors_are_used_up_turns_come_at_half_the_rate_and_not_more_slowly(
    machine: Machine, pace: Pace
) -> None:
    turns_of(pace, machine, 1)
    machine.share = 0.9
    turns_of(pace, machine, 2)
    assert turns_of(pace, machine, 10) == pytest.approx(500, rel=0.05)


@pytest.mark.parametrize("odd", [0, 60])
def test_one_look_that_saw_a_standstill_or_a_burst_is_no_usual_rate(machine: Machine, pace: Pace, odd: int) -> None:
    turns_of(pace, machine, 1)
    machine.pass_seconds(0.05)
    for _ in range(odd):
        pace.take()
    machine.share = 0.9
    turns_of(pace, machine, 2)
    assert turns_of(pace, machine, 10) == pytest.approx(500, rel=0.12)


def test_the_first_moment_of_a_flood_is_no_usual_rate(machine: Machine, pace: Pace) -> None:
    machine.share = 0.9
    turns_of(pace, machine, 0.1, asked=100)
    turns_of(pace, machine, 2)
    assert turns_of(pace, machine, 10) > 250


def test_where_nobody_took_a_turn_the_first_has_no_pace(machine: Machine, pace: Pace) -> None:
    """What else uses the machine up is no rate of ours that could be halved."""
    machine.share = 0.9
    machine.pass_seconds(0.2)
    assert pace.wait() == 0.0
    assert turns_of(pace, machine, 2) > 0


def test_when_there_is_room_again_turns_are_as_before(machine: Machine, pace: Pace) -> None:
    turns_of(pace, machine, 1)
    machine.share = 0.9
    turns_of(pace, machine, 2)
    machine.share = 0.1
    turns_of(pace, machine, 2)
    assert turns_of(pace, machine, 2) == pytest.approx(1_000)


def test_a_pace_of_long_ago_holds_nobody(machine: Machine, pace: Pace) -> None:
    turns_of(pace, machine, 1)
    machine.share = 0.9
    turns_of(pace, machine, 2)
    machine.pass_seconds(60)
    assert not pace.wait()


def test_where_the_kernel_does_not_say_it_nobody_waits(machine: Machine) -> None:
    pace = Pace(lambda: None, lambda: machine.now)
    assert turns_of(pace, machine, 2) == pytest.approx(1_000)


def test_what_the_kernel_says_of_this_process_can_be_read() -> None:
    pace = Pace()
    assert pace.wait() == 0.0


class Slow(Pace):
    """Who asks for a turn by a pace gets each one a little later."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.asked = 0

    def wait(self) -> float:
        self.asked += 1
        return 0.001 if self.asked % 2 else 0.0


async def test_a_flood_that_is_paced_is_served_whole_and_keeps_a_single_one_and_those_that_go_on_from_nothing() -> None:
    turns, flood, other = Turns(pace := Slow()), uuid7(), uuid7()
    order: list[UUID] = []

    async def ask(org_id: UUID) -> None:
        await turns.turn(lambda: org_id)
        order.append(org_id)
        await turns.again(org_id)
        turns.over()

    await turns.again(other)
    await turns.again(flood)
    many = [asyncio.create_task(ask(flood)) for _ in range(200)]
    await asyncio.sleep(0)
    one = asyncio.create_task(ask(other))
    await asyncio.wait_for(asyncio.gather(*many, one), 30)
    assert order.count(flood) == 200
    assert order.index(other) <= 40
    assert pace.asked > 200 - 16 - LITTLE


async def test_who_has_few_requests_is_never_paced() -> None:
    turns, org_id, other = Turns(pace := Slow()), uuid7(), uuid7()
    await turns.again(other)
    await turns.again(org_id)
    await asyncio.wait_for(asyncio.gather(*(turns.turn(lambda: org_id) for _ in range(16 + LITTLE))), 30)
    assert pace.asked == 0

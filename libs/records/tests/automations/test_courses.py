"""What holds for every plan, whatever its steps come to and in whatever order the news arrive."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.records.tests.automations.plans import now
from vai_records.automations.advance import Advance, Standing, StepStatus, advance
from vai_records.automations.plan import Dependency, Plan, Step, When

FINAL = frozenset(StepStatus) - {StepStatus.WAITING, StepStatus.RUNNING}
PORTS = ("true", "false", "rejected")
OUTCOMES = [Standing(StepStatus.COMPLETED, port) for port in (None, "true", "false")] + [
    Standing(state) for state in (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.REJECTED)
]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Up to ten steps, in an order that is not the order of their dependencies."""
    size = draw(st.integers(1, 10))
    steps = []
    for place in range(size):
        sources = draw(st.sets(st.integers(0, place - 1), max_size=3)) if place else set()
        ports = [draw(st.none() | st.frozensets(st.sampled_from(PORTS), min_size=1, max_size=2)) for _ in sources]
        needs = tuple(Dependency(f"s{source}", port) for source, port in zip(sorted(sources), ports, strict=True))
        steps.append(Step(f"s{place}", "noop", needs, draw(st.sampled_from(When))))
    return Plan(tuple(draw(st.permutations(steps))), draw(st.integers(1, 4)))


@dataclass
class Course:
    """An automation run that is played through: each step's outcome is known, the order of news is not."""

    plan: Plan
    outcomes: Mapping[str, Standing]
    choose: Callable[[list[str]], str]
    standing: dict[str, Standing] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    ended: StepStatus | None = None

    def run(self, cancel_after: int | None = None) -> "Course":
        self.standing = now(self.plan, "")
        for news in range(len(self.plan.steps) + 1):
            cancelled = cancel_after is not None and news >= cancel_after
            self._follow(advance(self.plan, self.standing, cancelled=cancelled), cancelled)
            if self.ended is not None:
                return self
            running = [key for key, one in self.standing.items() if one.state is StepStatus.RUNNING]
            assert running, "nothing runs, and it is not over"
            picked = self.choose(running)
            self.standing[picked] = self.outcomes[picked]
        raise AssertionError("it does not end")

    def _follow(self, found: Advance, cancelled: bool) -> None:
        assert not (cancelled and found.start)
        for key, skip in found.skip.items():
            assert self.standing[key].state is StepStatus.WAITING
            self.standing[key] = Standing(skip.state)
        for key in found.start:
            self._start(key)
        assert sum(one.state is StepStatus.RUNNING for one in self.standing.values()) <= self.plan.max_parallel
        again = advance(self.plan, self.standing, cancelled=cancelled)
        assert (again.start, again.skip, again.ended) == ((), {}, found.ended), "a second look finds nothing new"
        self.ended = found.ended

    def _start(self, key: str) -> None:
        step = next(one for one in self.plan.steps if one.key == key)
        assert self.standing[key].state is StepStatus.WAITING
        assert all(self.standing[d.step].state in FINAL for d in step.dependencies)
        self.standing[key] = Standing(StepStatus.RUNNING)
        self.started.append(key)


def course(plan: Plan, outcomes: list[Standing], seed: int) -> Course:
    keys = sorted(one.key for one in plan.steps)
    return Course(plan, dict(zip(keys, outcomes, strict=False)), random.Random(seed).choice)


ten_outcomes: Any = st.lists(st.sampled_from(OUTCOMES), min_size=10, max_size=10)
all_well: Any = st.lists(st.sampled_from(OUTCOMES[:3]), min_size=10, max_size=10)
seeds: Any = st.integers(0, 1_000)


@given(plans(), ten_outcomes, seeds)
def test_every_automation_ends_and_no_step_starts_twice_or_too_early(
    plan: Plan, outcomes: list[Standing], seed: int
) -> None:
    found = course(plan, outcomes, seed).run()
    assert len(set(found.started)) == len(found.started)
    assert all(one.state in FINAL for one in found.standing.values())
    assert found.ended in (StepStatus.COMPLETED, StepStatus.FAILED)


@given(plans(), ten_outcomes, seeds, seeds)
def test_the_end_does_not_depend_on_the_order_of_news(
    plan: Plan, outcomes: list[Standing], seed: int, other: int
) -> None:
    """Which steps still started before a failure may depend on it; how the automation ends does not."""
    assert course(plan, outcomes, seed).run().ended is course(plan, outcomes, other).run().ended


@given(plans(), all_well, seeds, seeds)
def test_where_nothing_fails_neither_order_nor_max_parallel_matters_to_any_step(
    plan: Plan, outcomes: list[Standing], seed: int, other: int
) -> None:
    one, two = course(plan, outcomes, seed).run(), course(Plan(plan.steps, 1), outcomes, other).run()
    assert one.standing == two.standing


@given(plans(), ten_outcomes, seeds)
def test_a_step_that_was_not_started_has_a_reason(plan: Plan, outcomes: list[Standing], seed: int) -> None:
    """Nothing that was ready is forgotten: without a failure a skipped step is explained by what it waits for."""
    found = course(plan, outcomes, seed).run()
    for one in plan.steps:
        state = found.standing[one.key].state
        if one.when is When.ALWAYS and not any(d.ports for d in one.dependencies):
            assert one.key in found.started
        if found.ended is StepStatus.COMPLETED and not one.dependencies:
            assert one.key in found.started or one.when is When.ON_ERROR
        if found.ended is StepStatus.COMPLETED and state is StepStatus.SKIPPED and one.when is When.ON_SUCCESS:
            assert any(found.standing[d.step].state is StepStatus.SKIPPED for d in one.dependencies)


@given(plans(), ten_outcomes, seeds, st.integers(0, 10))
def test_once_cancelled_nothing_starts_and_the_end_is_reached(
    plan: Plan, outcomes: list[Standing], seed: int, cancel_after: int
) -> None:
    found = course(plan, outcomes, seed).run(cancel_after)
    assert all(one.state in FINAL for one in found.standing.values())
    assert found.ended in (StepStatus.CANCELLED, StepStatus.COMPLETED, StepStatus.FAILED)

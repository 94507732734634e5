"""What is ready now: a pure function of the plan and of where its steps stand (decisions 37 and 38).

A step is judged when all that it waits for has ended. Rejected and cancelled count as failed, unless a port takes the
rejection. After a failure what runs goes on to its end, and new steps start only through `on_error` or `always`.
"""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from vai_records.automations.plan import Dependency, Plan, Step, When


class StepStatus(StrEnum):
    """Where a step stands. The last six are final."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    """For good: its condition did not come true, or something before it failed."""
    PASSED_BY = "passed_by"
    """Skipped by port: the run went another way. Where ways meet again, it does not count."""


def shown_state(state: str, run_status: str | None = None) -> str:
    """A step's state as answers, drawings, logs and references show it; `run_status` is that of its run.

    A step whose run waits for a person is `awaiting_approval`: nobody works on it.
    """
    if state == StepStatus.RUNNING and run_status == "awaiting_approval":
        return run_status
    return str(StepStatus.SKIPPED.value if state == StepStatus.PASSED_BY else StepStatus(state).value)


class Standing(NamedTuple):
    """Where one step stands; `port` is where its run said to go on."""

    state: StepStatus
    port: str | None = None


@dataclass(frozen=True)
class Skip:
    """A step that will not run: SKIPPED or PASSED_BY, and why."""

    state: StepStatus
    reason: str


@dataclass(frozen=True)
class Advance:
    """What follows: steps to start (in their order), steps to skip, and how the whole ended once all is over."""

    start: tuple[str, ...] = ()
    skip: Mapping[str, Skip] = field(default_factory=dict)
    ended: StepStatus | None = None


_CANCELLED = Skip(StepStatus.SKIPPED, "the automation was cancelled")
_FINAL = frozenset(StepStatus) - {StepStatus.WAITING, StepStatus.RUNNING}
_BAD = frozenset((StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.REJECTED))


def advance(plan: Plan, standing: Mapping[str, Standing], *, cancelled: bool = False) -> Advance:
    """What is to be done now, from where the steps stand. `cancelled`: nothing starts any more."""
    now = dict(standing)
    failed = any(one.state in _BAD and has_failed(plan, key, one) for key, one in now.items())
    skip: dict[str, Skip] = {}
    ready: set[str] = set()
    above = _Above()
    for step in plan.order:
        if now[step.key].state is StepStatus.WAITING:
            judged = _CANCELLED if cancelled else _judge(plan, step, now, failed, above)
            if isinstance(judged, Skip):
                skip[step.key] = judged
                now[step.key] = Standing(judged.state)
            elif judged:
                ready.add(step.key)
        if now[step.key].state is StepStatus.SKIPPED:
            above.note(plan, step, now)
    states = Counter(one.state for one in now.values())
    start = _with_room(plan, now, ready)
    if states[StepStatus.WAITING] or states[StepStatus.RUNNING]:
        return Advance(start, skip)
    return Advance(
        (), skip, StepStatus.CANCELLED if cancelled else StepStatus.FAILED if failed else StepStatus.COMPLETED
    )


@dataclass
class _Above:
    """Of skipped steps, those that something before has failed for, and those before which something may still fail."""

    failed: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)

    def note(self, plan: Plan, step: Step, now: Mapping[str, Standing]) -> None:
        for dependency in step.dependencies:
            before = now[dependency.step]
            if dependency.step in self.failed or has_failed(plan, dependency.step, before):
                self.failed.add(step.key)
            if dependency.step in self.open or before.state not in _FINAL:
                self.open.add(step.key)


def _with_room(plan: Plan, now: Mapping[str, Standing], ready: Set[str]) -> tuple[str, ...]:
    """Those of the ready steps for which there is room, in their order; some need none."""
    at_work = (key for key, one in now.items() if one.state is StepStatus.RUNNING and key not in plan.placeless)
    room = plan.max_parallel - sum(1 for _ in at_work)
    start = []
    for step in plan.steps:
        if step.key not in ready:
            continue
        if step.key in plan.placeless:
            start.append(step.key)
        elif room > 0:
            start.append(step.key)
            room -= 1
    return tuple(start)


def kept(plan: Plan, standing: Mapping[str, Standing], changed: Set[str] = frozenset()) -> list[str]:
    """What a retry keeps of a run that stands so: steps that completed, unless one before them is done again.

    Those that are `changed` since are done again.

    A handler of a failure that is retried has to handle the next one, too.
    """
    again: set[str] = set()
    for step in plan.order:
        done = step.key in standing and standing[step.key].state in (StepStatus.COMPLETED, StepStatus.PASSED_BY)
        if not done or step.key in changed or any(d.step in again for d in step.dependencies):
            again.add(step.key)
    return [key for key, one in standing.items() if one.state is StepStatus.COMPLETED and key not in again]


def has_failed(plan: Plan, key: str, one: Standing) -> bool:
    """Whether a step ended badly; a rejection that a port takes is a way to go on."""
    return one.state in _BAD and not (one.state is StepStatus.REJECTED and key in plan.taken_rejections)


def _judge(plan: Plan, step: Step, now: Mapping[str, Standing], failed: bool, above: _Above) -> Skip | bool:
    """True: it is ready. False: it waits. Or why it is skipped."""
    if not step.dependencies and not failed:
        return True
    if failed and step.when is When.ON_SUCCESS and step.key not in plan.after_errors:
        return Skip(StepStatus.SKIPPED, "another step failed")
    if any(now[d.step].state not in _FINAL for d in step.dependencies):
        return False
    bad = [d.step for d in step.dependencies if has_failed(plan, d.step, now[d.step])]
    if step.when is When.ON_SUCCESS:
        if bad:
            return Skip(StepStatus.SKIPPED, f"{bad[0]} {now[bad[0]].state}")
        if skipped := [d.step for d in step.dependencies if now[d.step].state is StepStatus.SKIPPED]:
            return Skip(StepStatus.SKIPPED, f"{skipped[0]} was skipped")
    # A step that was skipped because something above it has failed counts as failed for who handles errors.
    spoiled = step.when is When.ON_ERROR and any(d.step in above.failed for d in step.dependencies)
    if step.when is When.ON_ERROR and not (bad or spoiled) and any(d.step in above.open for d in step.dependencies):
        return False
    return _judge_way(step, now, failed=bool(bad) or spoiled)


def _judge_way(step: Step, now: Mapping[str, Standing], *, failed: bool) -> Skip | bool:
    """By its ports: one that was not taken is not taken, even if the step runs `always`, whatever the status."""
    failed = failed or any(now[d.step].state is StepStatus.REJECTED and _takes_rejection(d) for d in step.dependencies)
    for dependency in step.dependencies:
        one = now[dependency.step]
        if _went_elsewhere(step.when, dependency, one):
            return Skip(StepStatus.PASSED_BY, f"{dependency.step} went on by its port {one.port or one.state}")
    if step.when is When.ALWAYS or (step.when is When.ON_ERROR and failed):
        return True
    if step.dependencies and all(now[d.step].state is StepStatus.PASSED_BY for d in step.dependencies):
        return Skip(StepStatus.PASSED_BY, "no way led here")
    return True if step.when is When.ON_SUCCESS else Skip(StepStatus.SKIPPED, "nothing that it waits for failed")


def _went_elsewhere(when: When, dependency: Dependency, one: Standing) -> bool:
    """A port of several from one source is enough; without ports every success is, but no rejection."""
    if one.state is StepStatus.COMPLETED:
        return dependency.ports is not None and (one.port or one.state.value) not in dependency.ports
    if one.state is not StepStatus.REJECTED or when is When.ON_ERROR:
        return False
    return when is When.ON_SUCCESS if dependency.ports is None else not _takes_rejection(dependency)


def _takes_rejection(dependency: Dependency) -> bool:
    return dependency.ports is not None and "rejected" in dependency.ports

"""The steps of an automation as the rules see them: who waits for whom, through which port, on which condition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import dropwhile
from typing import Any

DEFAULT_PARALLEL = 3
"""Steps that run at once where the automation does not say (document 002, "Parallel Execution")."""

_WAITING = ("approval_gate", "call_automation")


class When(StrEnum):
    """On what outcome of its dependencies a step runs (document 002, "Step Conditions")."""

    ON_SUCCESS = "on_success"
    ON_ERROR = "on_error"
    ALWAYS = "always"


@dataclass(frozen=True)
class Dependency:
    """One step that another waits for; `ports` are those that let it through, None lets any success through."""

    step: str
    ports: frozenset[str] | None = None


@dataclass(frozen=True)
class Step:
    """A step without its work."""

    key: str
    kind: str
    dependencies: tuple[Dependency, ...] = ()
    when: When = When.ON_SUCCESS


@dataclass(frozen=True)
class Plan:
    """Steps in their order; each dependency is a step of the plan, and there is no cycle (`find_cycle`)."""

    steps: tuple[Step, ...]
    max_parallel: int = DEFAULT_PARALLEL

    @cached_property
    def order(self) -> tuple[Step, ...]:
        """Each step after those that it waits for."""
        left = {step.key: {d.step for d in step.dependencies} for step in self.steps}
        waiting: dict[str, list[str]] = {}
        for step in self.steps:
            for dependency in step.dependencies:
                waiting.setdefault(dependency.step, []).append(step.key)
        ready = [key for key, before in left.items() if not before]
        for key in ready:
            for after in waiting.get(key, ()):
                left[after].discard(key)
                if not left[after]:
                    ready.append(after)
        by_key = {step.key: step for step in self.steps}
        return tuple(by_key[key] for key in dict.fromkeys(ready))

    @cached_property
    def taken_rejections(self) -> frozenset[str]:
        """Steps whose rejection is a way to go on, and no failure: somebody waits at their port `rejected`."""
        return frozenset(d.step for step in self.steps for d in step.dependencies if d.ports and "rejected" in d.ports)

    @cached_property
    def placeless(self) -> frozenset[str]:
        """Steps that hold no place of `max_parallel`: they only wait, for a person or for another automation.

        One after another means all of them, so where `max_parallel` is 1 each holds its place (document 002).
        """
        return frozenset(step.key for step in self.steps if step.kind in _WAITING and self.max_parallel > 1)

    @cached_property
    def after_errors(self) -> frozenset[str]:
        """Steps that may still start when something has failed: `on_error`, `always`, and what follows from those."""
        found: set[str] = set()
        for step in self.order:
            comes_after = any(d.step in found for d in step.dependencies)
            if comes_after or (step.dependencies and step.when is not When.ON_SUCCESS):
                found.add(step.key)
        return frozenset(found)

    def comes_before(self, earlier: str, later: str) -> bool:
        """Whether a step has ended whenever the other starts."""
        return bool(self._before[later] >> self._places[earlier] & 1)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {step.key: place for place, step in enumerate(self.steps)}

    @cached_property
    def _before(self) -> dict[str, int]:
        """Of each step all that come before it, a bit for each: of a thousand in a chain that is little."""
        found: dict[str, int] = {}
        for step in self.order:
            bits = 0
            for dependency in step.dependencies:
                bits |= found[dependency.step] | 1 << self._places[dependency.step]
            found[step.key] = bits
        return found

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> "Plan":
        """From a stored definition (`vai_records.automations.saved_steps`)."""
        return cls(tuple(map(_step, definition["steps"])), definition["max_parallel"])


def _step(stored: Mapping[str, Any]) -> Step:
    dependencies = tuple(
        Dependency(one["step"], frozenset(one["ports"]) if one.get("ports") else None) for one in stored["depends_on"]
    )
    return Step(stored["key"], stored["kind"], dependencies, When(stored["condition"]))


def find_cycle(waits_for: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A way that leads back to its start (`[a, b, a]`), or None; without recursion, however long the chain."""
    done: set[str] = set()
    for start in waits_for:
        way: dict[str, None] = {start: None}
        branches: list[Iterator[str]] = [iter(waits_for[start])]
        while way:
            following = next((key for key in branches[-1] if key not in done), None)
            if following is None:
                done.add(way.popitem()[0])
                branches.pop()
            elif following in way:
                return [*dropwhile(following.__ne__, way), following]
            else:
                way[following] = None
                branches.append(iter(waits_for.get(following, ())))
    return None

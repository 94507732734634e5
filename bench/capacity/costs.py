"""The costs of single works as numbers by name, and the file with all of them.

A cost is a mapping: `cpu <process>` in seconds; `wal`, `kafka`, `lake` and `disk <table>` (heap and indexes) in bytes;
`slot` in seconds that a worker's slot is taken; `commits` and `rows <table>` are numbers. What is not named is nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

CONSTANTS = Path(__file__).parent / "constants.json"

Cost = Mapping[str, float]


def total(parts: Iterable[tuple[float, Cost]]) -> Cost:
    """The sum of several costs, each multiplied by its number."""
    sums: Counter[str] = Counter()
    for count, cost in parts:
        for name, value in cost.items():
            sums[name] += count * value  # type: ignore[assignment]  # a Counter adds any number
    return dict(sums)


def each(cost: Cost, count: float) -> Cost:
    """The cost of one, if so many together have this cost."""
    return {name: value / count for name, value in cost.items()}


def less(cost: Cost, other: Cost) -> Cost:
    """The difference of two costs, never below 0."""
    return {name: max(0.0, value - other.get(name, 0.0)) for name, value in cost.items()}


def between(small: tuple[float, Cost], large: tuple[float, Cost]) -> tuple[Cost, Cost]:
    """From two works of different sizes: the fixed cost, and the cost of each further unit."""
    (few, little), (many, much) = small, large
    one = each(less(much, little), many - few)
    return less(little, total([(few, one)])), one


def cpu(cost: Cost) -> float:
    """Seconds of all processes."""
    return sum(value for name, value in cost.items() if name.startswith("cpu "))


def indexed(cost: Cost, indexes: Cost) -> Cost:
    """The cost including the indexes of its rows' tables, given the bytes of one row in the indexes."""
    more = {f"disk {table}": cost.get(f"rows {table}", 0.0) * size for table, size in indexes.items()}
    return total([(1, cost), (1, more)])


def part(cost: Cost, kind: str) -> dict[str, float]:
    """The values under `<kind> …`, by the rest of their name."""
    return {name.removeprefix(f"{kind} "): value for name, value in cost.items() if name.startswith(f"{kind} ")}


@dataclass(frozen=True)
class Process:
    """One process of a service: its costs while idle, and its largest number of connections."""

    idle: Cost
    """For each second."""
    memory_mb: float
    connections: int
    """To Postgres, at most: its pools, and those for LISTEN, its lock and its looks."""


@dataclass(frozen=True)
class Constants:
    """All that was measured, and how."""

    made: Mapping[str, Any]
    works: Mapping[str, Cost]
    """Of one, by its name (`bench.capacity.works`), under load."""
    alone: Mapping[str, Cost]
    """Of one that nobody shares a batch with: on an idle stack, one at a time."""
    processes: Mapping[str, Process]
    growth: Mapping[str, Cost]
    """Insert, claim and finish of a run on other states of the database."""
    held_against: Mapping[str, Any]
    """The second point: what was done, what was foreseen, what was measured."""

    @classmethod
    def read(cls, path: Path = CONSTANTS) -> Self:
        known = json.loads(path.read_text())
        processes = {name: Process(**values) for name, values in known.pop("processes").items()}
        return cls(**known, processes=processes)

    def write(self, path: Path = CONSTANTS) -> None:
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n")


def _rounded(value: Any) -> Any:
    """Rounded to three digits, the precision of the measurements."""
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.3g}")
    return value

"""What one thing costs, as plain numbers under plain names, and the file that holds them all.

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
    """So many of each, together."""
    sums: Counter[str] = Counter()
    for count, cost in parts:
        for name, value in cost.items():
            sums[name] += count * value  # type: ignore[assignment]  # a Counter adds any number
    return dict(sums)


def each(cost: Cost, count: float) -> Cost:
    """Of one, where so many cost that."""
    return {name: value / count for name, value in cost.items()}


def less(cost: Cost, other: Cost) -> Cost:
    """What is left without the other; nothing costs less than nothing."""
    return {name: max(0.0, value - other.get(name, 0.0)) for name, value in cost.items()}


def between(small: tuple[float, Cost], large: tuple[float, Cost]) -> tuple[Cost, Cost]:
    """Of two works that differ in their size: what each costs whatever its size, and what one more of it costs."""
    (few, little), (many, much) = small, large
    one = each(less(much, little), many - few)
    return less(little, total([(few, one)])), one


def cpu(cost: Cost) -> float:
    """Seconds of all processes."""
    return sum(value for name, value in cost.items() if name.startswith("cpu "))


def indexed(cost: Cost, indexes: Cost) -> Cost:
    """With what its rows have in the indexes of their tables, of which one row has so many bytes."""
    more = {f"disk {table}": cost.get(f"rows {table}", 0.0) * size for table, size in indexes.items()}
    return total([(1, cost), (1, more)])


def part(cost: Cost, kind: str) -> dict[str, float]:
    """The values under `<kind> …`, by the rest of their name."""
    return {name.removeprefix(f"{kind} "): value for name, value in cost.items() if name.startswith(f"{kind} ")}


@dataclass(frozen=True)
class Process:
    """One process of a service: what it costs when nothing happens, and what it may hold."""

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
    """Three digits say all that a measurement knows."""
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.3g}")
    return value

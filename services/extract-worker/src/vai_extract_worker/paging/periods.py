"""Decides about pages that differ only in one value: are they different periods, or the same page over and over?

A source that ignores the requested page looks like this if something in its rows changes with each request. So a value
counts as a period only if it can be one, all rows of a page have it, and it moves by one step from page to page.
"""

from enum import IntEnum
from typing import Any, Final

from vai_extract_worker.paging import period_values
from vai_extract_worker.paging.period_values import CYCLES, Readings
from vai_extract_worker.paging.row_leaves import Path, column, leaves

_STEPS: Final = {"day": (1, 7), "week": (1,), "month": (1, 3, 6, 12), "quarter": (1,), "half": (1,), "year": (1,)}
"""By how many of a unit a period may move. A week has seven days, a quarter three months."""
_WIDEST: Final = 24
"""How many of a unit may be missing between two pages, since sources leave out periods without rows."""
_TELLING: Final = ("month of", "month (by name)", "quarter", "quarter of", "half", "week")
"""Units that are recognised by the text alone, whatever the column's name is."""

Step = tuple[str, int]


class Period(IntEnum):
    """How certain it is that a page has another period than the one before."""

    SAME = 0
    DOUBTFUL = 1
    OTHER = 2


class Periods:
    """The periods of one series of pages."""

    def __init__(self) -> None:
        self._steps: dict[Path, set[Step]] = {}
        self._ways: dict[Path, set[Step]] = {}

    def forget(self) -> None:
        """Forget the last page: the next one is compared with nothing."""
        self._steps, self._ways = {}, {}

    def compare(self, rows: list[Any], before: list[Any], is_alike: bool) -> Period:
        """`is_alike`: the page differs from the one before only in values that all its rows share."""
        if not rows or not before:
            return Period.SAME
        old = dict(leaves(before[0]))
        moved = [
            (path, self._verdict(path, old.get(path), value, is_alike))
            for path, value in leaves(rows[0])
            if value != old.get(path) and _share(path, value, rows) and _share(path, old.get(path), before)
        ]
        best = max((verdict for _, verdict in moved), default=Period.SAME)
        has_facts = any(verdict is Period.SAME for _, verdict in moved)
        return Period.DOUBTFUL if best is Period.OTHER and is_alike and has_facts else best

    def _verdict(self, path: Path, old: Any, new: Any, is_alike: bool) -> Period:
        units = period_values.units_named(path)
        is_fact = period_values.is_fact(path)
        one, two = period_values.readings(old, units), period_values.readings(new, units)
        steps = {step for unit in one.keys() & two.keys() if (step := _step(unit, one, two))}
        ways = {(unit, 1 if size > 0 else -1) for unit, size in steps}
        self._steps[path] = single = {step for step in steps if _is_single(step)} & self._steps.get(path, steps)
        self._ways[path] = ways = ways & self._ways.get(path, ways)
        is_long = any(unit != "day of" and (unit, abs(size)) != ("day", 1) for unit, size in map(_bare, single))
        if is_fact:
            return Period.DOUBTFUL if is_long and period_values.speaks_of_long(path) else Period.SAME
        if not single:
            return Period.DOUBTFUL if units and ways else Period.SAME
        tells = bool(units) or any(unit in _TELLING for unit, _ in single)
        # a value that changes with each request may be a day
        return Period.OTHER if tells and (is_long or not is_alike) else Period.DOUBTFUL


def _bare(step: Step) -> Step:
    """The unit without its spelling or day, such as `month` of `month (1)`."""
    return step[0].partition(" (")[0], step[1]


def _step(unit: str, one: Readings, two: Readings) -> Step | None:
    """By how much a value has moved. None if that is too far for a period."""
    old, new = one[unit], two[unit]
    first, last = CYCLES.get(unit, (0, 0))
    if new == 1 and first <= old <= last:
        new += old
    elif old == 1 and first <= new <= last:
        old += new
    size = new - old
    return (unit, size) if 0 < abs(size) <= _WIDEST else None


def _is_single(step: Step) -> bool:
    unit, size = _bare(step)
    return abs(size) in _STEPS.get(unit, (1,))


def _share(path: Path, value: Any, rows: list[Any]) -> bool:
    return column(rows, path).count(value) == len(rows)

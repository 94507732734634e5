"""Whether two pages are of two days, months or years: so they differ where nothing else in their rows does."""

import re
from typing import Any, Final

_DATE: Final = re.compile(r"\d{4}-\d{2}(-\d{2})?(?=$|[T ])")
_NAMES: Final = re.compile(r"(?:.*[^a-z])?(?:year|quarter|month|week|day|period)(?:[^a-z].*)?", re.IGNORECASE)


def is_another_day(rows: list[Any], before: list[Any]) -> bool:
    """Whether all rows of a page have one day, and all of the page before another. No time of a request is so."""
    if not rows or not before or not isinstance(rows[0], dict) or not isinstance(before[0], dict):
        return False
    return any(
        _differ(name, value, before[0].get(name)) and _share(name, rows) and _share(name, before)
        for name, value in rows[0].items()
    )


def _differ(name: str, value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, str):
        one, two = _DATE.match(value), _DATE.match(other)
        return one is not None and two is not None and one[0] != two[0]
    is_period = _NAMES.fullmatch(name) is not None and type(value) is int and type(other) is int
    return is_period and value != other


def _share(name: str, rows: list[Any]) -> bool:
    value = rows[0].get(name)
    return all(isinstance(row, dict) and row.get(name) == value for row in rows)

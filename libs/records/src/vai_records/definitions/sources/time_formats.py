"""How a source writes times that are not ISO 8601, or wants them written: a word, or a pattern of strftime."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field

UNITS: Final = {
    "datetime": timedelta(seconds=1),
    "datetime_ms": timedelta(milliseconds=1),
    "date": timedelta(days=1),
    "unix": timedelta(seconds=1),
    "unix_ms": timedelta(milliseconds=1),
}
"""The words, each with the least step that it writes; what a moment has beyond it is cut off."""

_DIRECTIVES: Final = frozenset("YymdHIMSfpjbBaAz%")
_DAYS: Final = (frozenset("md"), frozenset("bd"), frozenset("Bd"), frozenset("j"))
"""Directives that name a day, with a year beside them."""
_STEPS: Final = (
    ("f", timedelta(microseconds=1)),
    ("S", timedelta(seconds=1)),
    ("M", timedelta(minutes=1)),
    ("HI", timedelta(hours=1)),
)


def unit_of(form: str) -> timedelta:
    """The least step that a word or a pattern writes."""
    if form in UNITS:
        return UNITS[form]
    there = directives(form)
    return next((step for names, step in _STEPS if there & set(names)), timedelta(days=1))


def directives(pattern: str) -> frozenset[str]:
    return frozenset(re.findall(r"%(.?)", pattern))


def _readable(form: str) -> str:
    """The format. Raises ValueError for a pattern that does not tell a day, or has what Python cannot read back."""
    if form in UNITS:
        return form
    there = directives(form)
    if not there:
        words = ", ".join(UNITS)
        raise ValueError(f"must be one of {words}, or a pattern such as %d/%m/%Y %H:%M")
    if "s" in there:
        raise ValueError("%s depends on the machine: say unix, or unix_ms")
    if unknown := sorted(there - _DIRECTIVES):
        raise ValueError(f"%{unknown[0]} is not known here; there are %{', %'.join(sorted(_DIRECTIVES))}")
    if not there & set("Yy") or not any(day <= there for day in _DAYS):
        raise ValueError("the pattern must tell a day: its year, month and day")
    if ("I" in there) != ("p" in there):
        raise ValueError("%I (hours to 12) and %p (AM or PM) go together")
    if {"M", "S", "f"} & there and not there & set("HI"):
        raise ValueError("minutes and seconds need the hour, %H")
    return form


def _of_rows(form: str) -> str:
    if form in ("datetime", "datetime_ms", "date"):
        raise ValueError("times in ISO 8601 need no format: leave it out")
    return form


Format = Annotated[str, Field(min_length=2, max_length=100), AfterValidator(_readable)]
FormatOfRows = Annotated[Format, AfterValidator(_of_rows)]

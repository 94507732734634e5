"""Numbers as people read them, and how one compares with another."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

NOTHING: Final = "–"
_WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
_NUMBER = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))")
_NAMES = re.compile(r"(?:^|_)(?:id|ids|year|zip|code|number)$", re.IGNORECASE)
_UNITS: Final = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(1_000), "k"))
_LARGE = 1_000
"""From here on a number says enough without decimals."""


def is_number(column_type: str) -> bool:
    """Whether a column of this type is aligned to the right."""
    return _NUMBER.fullmatch(column_type) is not None


def number_of(value: Any) -> Decimal | None:
    """The value as a number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def written(value: Any, column: Mapping[str, str], shown: Mapping[str, Any] | None = None) -> str:
    """A value of a column; `shown` are the fields of `vai_records.flashboards.tiles.Shown`."""
    if value is None:
        return NOTHING
    given = shown or {}
    number = number_of(value) if is_number(column["type"]) else None
    if number is None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    elif given.get("format") == "plain" or (not given.get("format") and _NAMES.search(column["name"])):
        text = f"{value}"
    else:
        text = _number(number, given, is_whole=_WHOLE.fullmatch(column["type"]) is not None)
    return f"{given.get('prefix', '')}{text}{given.get('suffix', '')}"


def _number(number: Decimal, shown: Mapping[str, Any], *, is_whole: bool) -> str:
    decimals = shown.get("decimals")
    if shown.get("format") == "percent":
        return f"{_rounded(number * 100, 1 if decimals is None else decimals)}%"
    if shown.get("format") == "compact":
        for size, unit in _UNITS:
            if abs(number) >= size:
                return f"{_rounded(number / size, 1 if decimals is None else decimals)}{unit}"
    if decimals is None:
        decimals = 0 if is_whole or (abs(number) >= _LARGE and shown.get("is_alone")) else 2
    return _rounded(number, decimals)


def _rounded(number: Decimal, decimals: int) -> str:
    text = f"{number:,.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text.replace("-", "−", 1)


@dataclass(frozen=True)
class Comparison:
    """How a number compares with an earlier one: an arrow, words, and whether it is `good`, `bad` or neither."""

    arrow: str
    words: str
    feeling: str


def compared(value: Any, before: Any, tile: Mapping[str, Any], before_text: str) -> Comparison | None:
    """None where one of both is no number."""
    new, old = number_of(value), number_of(before)
    if new is None or old is None:
        return None
    label = tile.get("compare_label", "before")
    if new == old:
        return Comparison("●", f"the same as {label}", "")
    change, word = abs(new - old), "more" if new > old else "less"
    size = f"{_rounded(change / abs(old) * 100, 1)}%" if old else _rounded(change, 0 if change == int(change) else 2)
    good = tile.get("good", "up")
    feeling = "" if good == "neither" else "good" if (new > old) == (good == "up") else "bad"
    return Comparison("▲" if new > old else "▼", f"{size} {word} than {label} ({before_text})", feeling)

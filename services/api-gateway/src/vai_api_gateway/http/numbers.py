"""Finds numbers in a body that cannot be stored: they would lose digits, or become null.

A whole number may have 64 bits, any other is a double. Other numbers are refused with their place, also in a webhook's
body: an id without its last digits is worse than a refused request.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vai_records.refused import Place

_LONG = re.compile(rb"[0-9]{19}")
_LEAST, _GREATEST = -(2**63), 2**64 - 1


class _Odd(str):
    """The text of a number that cannot be kept."""


def may_be_odd(raw: bytes) -> bool:
    """Whether `find` has to read the body: hardly any has so many digits in a row."""
    return _LONG.search(raw) is not None


def find(raw: bytes) -> tuple[Place, str] | None:
    """The first such number and its place. None also for what is no JSON."""
    try:
        value = json.loads(raw, parse_int=_whole, parse_float=_float, parse_constant=_Odd)
    except (ValueError, RecursionError):
        return None
    return next(_odd_in(value), None)


def _whole(text: str) -> int | _Odd:
    return int(text) if len(text) < 25 and _LEAST <= int(text) <= _GREATEST else _Odd(text)


def _float(text: str) -> float | _Odd:
    value = float(text)
    return _Odd(text) if value in (float("inf"), float("-inf")) else value


@dataclass(frozen=True)
class _Way:
    """The path to an object or an array, as a link to the one around it, so that depth costs nothing."""

    around: "_Way | None"
    key: str | int

    def place(self) -> Place:
        keys = [self.key]
        way = self.around
        while way is not None:
            keys.append(way.key)
            way = way.around
        return tuple(reversed(keys))


def _odd_in(value: Any) -> Iterator[tuple[Place, str]]:
    """Without recursion, in any order. Only objects and arrays are put on the stack."""
    if isinstance(value, _Odd):
        yield (), str(value)
    rest: list[tuple[_Way | None, Any]] = [(None, value)]
    while rest:
        way, one = rest.pop()
        inner = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, each in inner:
            if isinstance(each, _Odd):
                yield _Way(way, key).place(), str(each)
            elif isinstance(each, dict | list):
                rest.append((_Way(way, key), each))

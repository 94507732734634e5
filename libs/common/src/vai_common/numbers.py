"""Numbers of JSON from outside that cannot be stored: they would lose digits, or become null (decision 68).

A whole number may have 64 bits, any other is a double. Where somebody can correct other numbers they are refused with
their place (`find`): in a request's body, also a webhook's, since an id without its last digits is worse than a refused
request; and in what a model says, which can say it again. Where nobody can, as in an API's answer to a request that has
been carried out, they become texts of the same digits (`kept`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

_LONG = re.compile(rb"[0-9]{19}")
_LEAST, _GREATEST = -(2**63), 2**64 - 1


class _Odd(str):
    """The text of a number that cannot be kept."""


def may_be_odd(raw: bytes) -> bool:
    """Whether JSON that orjson has read may hold such a number: hardly any has so many digits in a row."""
    return _LONG.search(raw) is not None


def find(raw: bytes | str) -> tuple[tuple[str | int, ...], str] | None:
    """The first such number and its place. None also for what is no JSON."""
    try:
        value = json.loads(raw, parse_int=_whole, parse_float=_float, parse_constant=_Odd)
    except (ValueError, RecursionError):
        return None
    return odd_in(value)


def odd_in(value: Any) -> tuple[tuple[str | int, ...], str] | None:
    """The same for JSON that somebody else has parsed."""
    return next(_odd_in(value), None)


def kept(raw: bytes | str) -> Any:
    """Valid JSON, with the text of each number that cannot be stored, such as "12345678901234567890123".

    Raises ValueError and RecursionError as `json.loads` does.
    """
    return json.loads(raw, parse_int=_kept_whole, parse_float=_kept_float, parse_constant=str)


def shown(text: str) -> str:
    """A number for a message: its first digits are enough."""
    return text if len(text) <= 40 else f"{text[:39]}…"


def _is_odd(value: Any) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    return isinstance(value, _Odd) or (isinstance(value, int) and not _LEAST <= value <= _GREATEST)


def _kept_whole(text: str) -> int | str:
    found = _whole(text)
    return found if isinstance(found, int) else text


def _kept_float(text: str) -> float | str:
    found = _float(text)
    return found if isinstance(found, float) else text


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

    def place(self) -> tuple[str | int, ...]:
        keys = [self.key]
        way = self.around
        while way is not None:
            keys.append(way.key)
            way = way.around
        return tuple(reversed(keys))


def _odd_in(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Without recursion, in any order. Only objects and arrays are put on the stack."""
    if _is_odd(value):
        yield (), str(value)
    rest: list[tuple[_Way | None, Any]] = [(None, value)]
    while rest:
        way, one = rest.pop()
        inner = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, each in inner:
            if _is_odd(each):
                yield _Way(way, key).place(), str(each)
            elif isinstance(each, dict | list):
                rest.append((_Way(way, key), each))

"""Numbers in a body that JSON allows (or nearly) and nobody can keep: they would lose digits, or become null.

A whole number is kept to 64 bits, any other as a double. What is beyond that is told with its place, in a webhook's
body, too: an id that has lost its last digits is worse than a request that is refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from records.refused import Place

_LONG = re.compile(rb"[0-9]{19}")
_LEAST, _GREATEST = -(2**63), 2**64 - 1


class _Odd(str):
    """The text of a number that cannot be kept."""


def may_be_odd(raw: bytes) -> bool:
    """Whether a body has to be read again by `find`: hardly any has so many digits in a row."""
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


def _odd_in(value: Any) -> Iterator[tuple[Place, str]]:
    """Without recursion, in any order."""
    rest: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while rest:
        place, one = rest.pop()
        if isinstance(one, _Odd):
            yield place, str(one)
        elif isinstance(one, dict):
            rest.extend(((*place, key), inner) for key, inner in one.items())
        elif isinstance(one, list):
            rest.extend(((*place, position), inner) for position, inner in enumerate(one))

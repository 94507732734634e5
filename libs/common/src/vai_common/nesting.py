"""Limits of the nesting of JSON, such that every later reader can read it.

orjson writes 254 levels, protobuf reads 100 messages (a Struct needs up to three for each level), and stored values are
shown inside other objects.
"""

from typing import Any, Final

DEEPEST: Final = 100
"""Levels of arrays and objects in data from outside: a request's body, an answer of an API."""

DEEPEST_MADE: Final = DEEPEST + 10
"""Levels of values that contain such data: an answer in a result, a result in a definition, and so on."""

DEEPEST_TOLD: Final = 30
"""Levels of the data of an event."""


_NESTS = (dict, list)


def is_deeper(value: Any, most: int) -> bool:
    """Whether arrays and objects are nested more than `most` levels deep."""
    level = [value] if isinstance(value, _NESTS) else []
    for _ in range(most):
        if not level:
            return False
        level = [
            each
            for one in level
            for each in (one.values() if isinstance(one, dict) else one)
            if isinstance(each, _NESTS)
        ]
    return bool(level)

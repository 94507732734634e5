"""How deep JSON is nested: what reads it has bounds of its own, and the tightest of them counts.

orjson writes 254 levels, protobuf reads 100 messages (a Struct takes up to three for each level), and what is stored is
shown within other objects.
"""

from typing import Any, Final

DEEPEST: Final = 100
"""Levels of arrays and objects of whatever comes from outside: a body, an answer."""

DEEPEST_MADE: Final = DEEPEST + 10
"""Levels of what is made of that: an answer within a result, a result within a definition, and so on."""

DEEPEST_TOLD: Final = 30
"""Levels of what an event carries."""


def is_deeper(value: Any, most: int) -> bool:
    """Whether arrays and objects stand in each other more than `most` times."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        if not level:
            return False
        inner = (each for one in level for each in (one.values() if isinstance(one, dict) else one))
        level = [each for each in inner if isinstance(each, dict | list)]
    return bool(level)

"""Where a checker's faults are in what was given, and which of them are worth telling where types may differ."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import ErrorDetails

from vai_records.refused import Place

_OTHER_FIELDS = ("missing", "extra_forbidden")
"""Faults that say that an object has other fields than a type."""

_KEY = "[key]"
"""How pydantic calls the key of an object; no type has this name."""


def meant(faults: Sequence[ErrorDetails], value: Any) -> list[ErrorDetails]:
    """Without the faults of types that nobody meant, where a value may be of several.

    A checker says of each type why the value is not that one. Whoever wrote `{"kind": "secret", "value": "a\\nb"}` is
    told of the line break, and not that this is no string: of the types that a value was read into, those are told
    whose fields it has.
    """
    by_type: dict[Place, dict[str | int, list[ErrorDetails]]] = defaultdict(lambda: defaultdict(list))
    for fault in faults:
        for place, name in _types(fault["loc"], value):
            by_type[place][name].append(fault)
    dropped = {id(fault) for place, types in by_type.items() for fault in _not_meant(len(place), types)}
    return [fault for fault in faults if id(fault) not in dropped]


def _types(loc: Place, value: Any) -> Iterator[tuple[Place, str | int]]:
    """Each name of a type in a fault's place, with what stands before it."""
    for number, part in enumerate(loc):
        there = _inside(part, value)
        if there is not None:
            value = there[1]
        elif isinstance(value, Mapping | list) and part != _KEY:
            yield loc[:number], part


def _not_meant(depth: int, types: Mapping[str | int, list[ErrorDetails]]) -> Iterator[ErrorDetails]:
    others = {
        name: sum(fault["type"] in _OTHER_FIELDS for fault in faults)
        for name, faults in types.items()
        if any(len(fault["loc"]) > depth + 1 for fault in faults)
    }
    fewest = min(others.values(), default=None)
    for name, faults in types.items():
        if fewest is not None and others.get(name) != fewest:
            yield from faults


def real_place(place: Place, value: Any, *, is_missing: bool) -> Place:
    """The place in `value` that a checker means, without the names of the types that it tried to read there.

    `("headers", "X-A", "constrained-str")` is `("headers", "X-A")`. A type may be named as a key is:
    `("trigger", "schedule", "timezone")` is `("trigger", "timezone")`.
    """
    for number, part in enumerate(place):
        there = _inside(part, value)
        rest = place[number + 1 :]
        if there is None:
            if isinstance(value, Mapping) and not rest and is_missing:
                return () if _says_its_type(part, value) and part not in place[:number] else (part,)
            continue
        name, inner = there
        found = real_place(rest, inner, is_missing=is_missing)
        if not found and rest and (other := real_place(rest, value, is_missing=is_missing)):
            return other
        return (name, *found)
    return ()


def _says_its_type(part: str | int, value: Mapping[str, Any]) -> bool:
    """Whether a part is the word by which an object says which type it is, as `number` of `{"type": "number"}`."""
    return any(value.get(name) == part for name in ("type", "kind", "source"))


def _inside(part: str | int, value: Any) -> tuple[str | int, Any] | None:
    """The name of a part of a place as it was written, and what stands there; None: nothing does."""
    if isinstance(value, Mapping):
        names = (part, to_snake(part), to_camel(part)) if isinstance(part, str) else (part,)
        return next(((name, value[name]) for name in names if name in value), None)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return part, value[part]
    return None

"""The conditions language (document 002, "Condition Operators"; decision 39): eleven operators, all must hold.

Values are compared as they are: `"1"` is not `1`, `true` is not `1`, and an operator that does not fit the value's
type does not hold. A missing field fails every operator but `ne` and `notIn`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, JsonValue, field_validator
from pydantic_core.core_schema import ValidationInfo

from vai_records.strict import Strict

ROOTS: Final = ("event", "inputs", "steps")

_NAME: Final = r'(?:"(?:[^"\\]|\\.)+"|[^.]+)'
_NAMES: Final = re.compile(_NAME)


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    IN = "in"
    NOT_IN = "notIn"


class Condition(Strict):
    """One comparison: a dotted path, an operator, the value that it is held against."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(
        pattern=rf"^{_NAME}(\.{_NAME})*$",
        max_length=500,
        description='A dotted path; numbers index arrays, and a name with dots stands in quotes: event.data."a.b".',
    )
    operator: Annotated[Operator, Field(strict=False)]
    value: JsonValue

    @field_validator("value")
    @classmethod
    def _fits_the_operator(cls, value: JsonValue, info: ValidationInfo) -> JsonValue:
        operator = info.data.get("operator")
        if operator in _ORDERED and not _is_number(value):
            raise ValueError(f"{operator} compares numbers")
        if operator in (Operator.STARTS_WITH, Operator.ENDS_WITH) and not isinstance(value, str):
            raise ValueError(f"{operator} takes a string")
        if operator in (Operator.IN, Operator.NOT_IN) and not isinstance(value, list):
            raise ValueError(f"{operator} takes an array")
        return value


class RootedCondition(Condition):
    """A condition of an automation: its path starts at event, inputs or steps."""

    @field_validator("field")
    @classmethod
    def _starts_at_a_root(cls, field: str) -> str:
        if path_of(field)[0] not in ROOTS:
            raise ValueError(f"a path starts with one of {', '.join(ROOTS)}")
        return field


class _Missing:
    """What is not there; `null` is."""


MISSING: Final = _Missing()


@dataclass(frozen=True)
class Judged:
    """How one condition turned out."""

    condition: Condition
    seen: Any
    holds: bool

    def as_json(self) -> dict[str, Any]:
        """`seen` is left out where the field was missing."""
        found = {} if self.seen is MISSING else {"seen": self.seen}
        return {**self.condition.model_dump(mode="json"), **found, "holds": self.holds}


def path_of(field: str) -> tuple[str, ...]:
    """The names of a dotted path; in `event."a.b"` the second is `a.b`, written as JSON writes it."""
    return tuple(map(_name, _NAMES.findall(field)))


def _name(written: str) -> str:
    if not (len(written) > 2 and written[0] == written[-1] == '"'):
        return written
    try:
        return str(json.loads(written))
    except json.JSONDecodeError:
        return written


def look_up(path: str, values: Any) -> Any:
    """The value at a dotted path, or `MISSING`; a number steps into an array."""
    for key in path_of(path):
        values = _step(values, key)
        if values is MISSING:
            return MISSING
    return values


def judge(conditions: Iterable[Condition], values: Mapping[str, Any]) -> list[Judged]:
    """Each condition held against the values; see `all_hold`."""
    return [_judge(condition, values) for condition in conditions]


def all_hold(judged: Iterable[Judged]) -> bool:
    """Whether every condition holds; no conditions hold."""
    return all(one.holds for one in judged)


def _judge(condition: Condition, values: Mapping[str, Any]) -> Judged:
    seen = look_up(condition.field, values)
    if seen is MISSING:
        return Judged(condition, seen, condition.operator in (Operator.NE, Operator.NOT_IN))
    return Judged(condition, seen, _HOLDS[condition.operator](seen, condition.value))


def _step(values: Any, key: str) -> Any:
    if isinstance(values, Mapping):
        return values.get(key, MISSING)
    if isinstance(values, list) and key.isascii() and key.isdigit() and int(key) < len(values):
        return values[int(key)]
    return MISSING


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values, in which no boolean is a number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _among(value: Any, values: Any) -> bool:
    return any(same(value, candidate) for candidate in values)


def _contains(seen: Any, value: Any) -> bool:
    if isinstance(seen, list):
        return _among(value, seen)
    return isinstance(seen, str) and isinstance(value, str) and value in seen


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda seen, value: _is_number(seen) and _is_number(value) and compare(seen, value)


_ORDERED: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.GT: _ordered(lambda seen, value: seen > value),
    Operator.GTE: _ordered(lambda seen, value: seen >= value),
    Operator.LT: _ordered(lambda seen, value: seen < value),
    Operator.LTE: _ordered(lambda seen, value: seen <= value),
}

_HOLDS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQ: same,
    Operator.NE: lambda seen, value: not same(seen, value),
    **_ORDERED,
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: lambda seen, value: isinstance(seen, str) and seen.startswith(value),
    Operator.ENDS_WITH: lambda seen, value: isinstance(seen, str) and seen.endswith(value),
    Operator.IN: _among,
    Operator.NOT_IN: lambda seen, value: not _among(seen, value),
}

"""How a stored definition is read (rule 21): strictly; what an older version stored loosely, tolerantly.

That version cast: it took `"30"` for a number and `1` for true, and stored what it was given. Where a cast is the same
without doubt it is done again; what cannot be read is `Unreadable`, and whoever works on the run ends it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from vai_records.definitions.base import Definition

Json = dict[str, Any]
Some = TypeVar("Some", bound=Definition)

_LOOSE: Mapping[str, TypeAdapter[Any]] = {
    "float_type": TypeAdapter(float),
    "int_type": TypeAdapter(int),
    "bool_type": TypeAdapter(bool),
}
"""The faults that only a cast makes good."""

_SHOWN = 40
_HIDDEN = frozenset(("headers", "query", "form", "body", "body_text", "params", "json", "data"))
"""Where a value may be a secret: no message shows it."""


class Unreadable(ValueError):
    """A definition that cannot be worked on: the place of what is wrong, the fault, and the value as it is `shown`."""

    def __init__(self, field: str, fault: str, value: str = "") -> None:
        super().__init__(f"{field}: {fault}{value}" if field else f"{fault}{value}")
        self.field = field
        self.fault = fault
        self.value = value


def read(model: type[Some], definition: Json) -> Some:
    """The definition as its kind's model. Raises `Unreadable` that names the field and its value."""
    try:
        return model.model_validate(definition)
    except ValidationError as error:
        mended = _mended(definition, error)
        if mended is None:
            raise unreadable(error) from None
    try:
        return model.model_validate(mended)
    except ValidationError as error:
        raise unreadable(error) from None


def mended(model: type[Definition], definition: Json) -> Json:
    """The definition with what an older version had stored loosely cast as it did; everything else as it is.

    For what is stored and not complete, too: a saved action, a step whose references are still to be resolved.
    """
    try:
        model.model_validate(definition)
    except ValidationError as error:
        return _mended(definition, error) or definition
    return definition


def unreadable(error: ValidationError) -> Unreadable:
    """The first fault, with its value where that cannot be a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    return Unreadable(".".join(map(str, first["loc"])), first["msg"], shown(first["loc"], first["input"]))


def shown(place: Sequence[str | int], value: Any) -> str:
    """`, not "30"` for a fault's message; nothing for what is long, no plain value, or may be a secret."""
    if (
        not place
        or _HIDDEN.intersection(map(str, place))
        or place[-1] == "value"
        or not isinstance(value, str | int | float)
    ):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return f", not {text}" if len(text) <= _SHOWN else ""


def _mended(definition: Json, error: ValidationError) -> Json | None:
    """None where nothing can be cast."""
    found, changed = definition, False
    for fault in error.errors(include_url=False, include_context=False):
        if fault["type"] in _LOOSE:
            value = _cast(fault)
            if value is not None:
                found, changed = _replaced(found, fault["loc"], value), True
    return found if changed else None


def _cast(fault: ErrorDetails) -> Any:
    try:
        return _LOOSE[fault["type"]].validate_python(fault["input"])
    except ValidationError:
        return None


def _replaced(value: Any, place: Sequence[str | int], new: Any) -> Any:
    """A copy with another value at a place; where there is none (it names a union's member), the value itself."""
    if not place:
        return new
    key, rest = place[0], place[1:]
    if isinstance(value, dict) and key in value:
        return {**value, key: _replaced(value[key], rest, new)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [*value[:key], _replaced(value[key], rest, new), *value[key + 1 :]]
    return value

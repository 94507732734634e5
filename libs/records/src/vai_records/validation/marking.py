"""Marks values of a definition as secret, where a definition keeps secrets (`masking`)."""

from collections.abc import Iterable, Sequence
from typing import Any

from vai_records.validation.masking import FLAT, MARKER, OF_RESOURCES, WITH_SECRETS, is_mark

Json = dict[str, Any]


def mark_place(kind: str, place: Sequence[str | int]) -> tuple[str | int, ...] | None:
    """Which place a mark takes, so that what stands at `place` is kept; None where a definition keeps nothing."""
    at = tuple(place)
    if kind not in WITH_SECRETS or not at:
        return None
    if at[0] == "resources":
        if len(at) > 3 and at[2] in FLAT:
            return at[:4]
        return at if len(at) > 3 and at[2] == OF_RESOURCES else None
    if at[0] in FLAT:
        return at[:2] if len(at) > 1 else None
    if at[0] == "url":
        return ("url",) if kind == "http_request" else None
    return at if at[0] in ("body", "body_text") else None


def with_marks(definition: Json, places: Sequence[tuple[str | int, ...]]) -> Json:
    """The definition with the values at these places marked, where neither they nor what is around them is."""
    for place in places:
        definition = _with_mark(definition, place)
    return definition


def _with_mark(value: Any, place: tuple[str | int, ...]) -> Any:
    if is_mark(value):
        return value
    if not place:
        return {"kind": "secret", "value": value}
    inner = _with_mark(value[place[0]], place[1:])
    if isinstance(value, list):
        return [inner if number == place[0] else one for number, one in enumerate(value)]
    return {**value, place[0]: inner}


def put_back(definition: Json, names: Iterable[tuple[Sequence[str | int], Any]]) -> Json:
    """A definition that was filled, with what stood there before (`references.Filled.names`)."""
    for place, value in names:
        definition = _put(definition, tuple(place), value)
    return definition


def _put(there: Any, place: tuple[str | int, ...], value: Any) -> Any:
    if not place:
        return value
    if place == ("value",) and there == MARKER:
        return {"kind": "secret", "value": value}
    key, rest = place[0], place[1:]
    if isinstance(there, dict) and key in there:
        return {**there, key: _put(there[key], rest, value)}
    if isinstance(there, list) and isinstance(key, int) and key < len(there):
        return [*there[:key], _put(there[key], rest, value), *there[key + 1 :]]
    return value if there == MARKER else there

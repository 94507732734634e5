"""References of a step to the automation's inputs and to earlier steps (document 002, "Reference Resolution").

`$/inputs/…`, `$/steps/<key>/status` and `$/steps/<key>/result/…` stand for a value: alone in a string they keep its
type, within a longer string they become text. `{"kind": "reference", "ref": "$/…"}` is the same as the string, and
`{"kind": "static", "values": …}` stands for its values as they are, in which nothing is looked up.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from records.definitions.duckdb_transform import fill_literals

Place = tuple[str | int, ...]

_STOP = r"/\s'\"`,;:!?()\[\]{}<>|\\"
_PART = rf"[^{_STOP}]*[^{_STOP}.]"
_REFERENCE = re.compile(rf"\$/(?:inputs|steps)(?:/{_PART})+")
_SLIP = re.compile(r"\$/[^\s'\"]*")
_ROOTS = ("inputs", "steps")
_STEP_FIELDS = ("result", "status")


class BadReference(ValueError):
    """A reference that cannot be one, or that leads nowhere; the message names it and says what is there instead."""


@dataclass(frozen=True)
class Reference:
    """`$/steps/load/result/rows` is ("steps", "load", "result", "rows")."""

    path: tuple[str, ...]

    @property
    def text(self) -> str:
        return "$/" + "/".join(self.path)

    @property
    def step(self) -> str | None:
        """The step that it asks for; None for an input."""
        return self.path[1] if self.path[0] == "steps" else None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Raises `BadReference`."""
        path = tuple(text.removeprefix("$/").split("/"))
        if not text.startswith("$/") or path[0] not in _ROOTS or len(path) < 2 or not all(path):
            raise BadReference(f"{text} is no reference: write $/inputs/<name> or $/steps/<key>/result/<field>")
        if path[0] == "steps" and (len(path) < 3 or path[2] not in _STEP_FIELDS):
            raise BadReference(f"{text}: of a step there are $/steps/{path[1]}/result/… and $/steps/{path[1]}/status")
        if path[0] == "steps" and path[2] == "status" and len(path) > 3:
            raise BadReference(f"{text}: a status has no fields")
        return cls(path)

    def look_up(self, values: Mapping[str, Any]) -> Any:
        """The value in {"inputs": …, "steps": {key: {"status", "result"}}}. Raises `BadReference` if there is none."""
        found: Any = values
        for depth, key in enumerate(self.path):
            found = self._step_into(found, key, depth)
        return found

    def _step_into(self, found: Any, key: str, depth: int) -> Any:
        if isinstance(found, Mapping) and key in found:
            return found[key]
        if isinstance(found, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(found):
            return found[int(key)]
        here = "/".join(self.path[:depth]) or "the automation"
        if isinstance(found, Mapping):
            there = f"has {', '.join(sorted(map(str, found))[:10]) or 'no fields'}"
        else:
            there = f"has {len(found)} items" if isinstance(found, list) else f"is {_shown(found)}"
        raise BadReference(f"{self.text} leads nowhere: {here} {there}, not {key!r}")


def references_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, Reference]]:
    """Every reference in a definition, with its place. Raises `BadReference` for one that cannot be one."""
    if isinstance(value, str):
        for text in _texts_in(value):
            yield place, Reference.parse(text)
    elif isinstance(value, Mapping):
        if _is_object(value, "reference", "ref"):
            yield (*place, "ref"), Reference.parse(value["ref"])
        elif not _is_object(value, "static", "values"):
            for key, inner in value.items():
                yield from references_in(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from references_in(inner, (*place, position))


def holds_reference(value: Any) -> bool:
    """Whether something in the value is only known when its step starts."""
    return next(references_in(value), None) is not None


def without_static(value: Any) -> Any:
    """The value with each `static` object replaced by what it stands for."""
    if isinstance(value, Mapping):
        if _is_object(value, "static", "values"):
            return value["values"]
        return {key: without_static(inner) for key, inner in value.items()}
    return [without_static(inner) for inner in value] if isinstance(value, list) else value


def resolve(kind: str, definition: Mapping[str, Any], look_up: Callable[[Reference], Any]) -> dict[str, Any]:
    """The definition with each reference replaced by `look_up` of it.

    The SQL of a transform takes references inside string literals only, escaped: what a webhook sends must not become
    SQL (decision 44).
    """
    sql = definition.get("sql") if kind == "duckdb_transform" else None
    if not isinstance(sql, str):
        return {key: _resolved(inner, look_up) for key, inner in definition.items()}
    filled = fill_literals(sql, _REFERENCE, lambda text: _as_text(text, look_up))
    return {key: filled if key == "sql" else _resolved(inner, look_up) for key, inner in definition.items()}


def _resolved(value: Any, look_up: Callable[[Reference], Any]) -> Any:
    if isinstance(value, str):
        if _REFERENCE.fullmatch(value):
            return look_up(Reference.parse(value))
        return _REFERENCE.sub(lambda match: _as_text(match[0], look_up), value)
    if isinstance(value, Mapping):
        if _is_object(value, "reference", "ref"):
            return look_up(Reference.parse(value["ref"]))
        if _is_object(value, "static", "values"):
            return value["values"]
        return {key: _resolved(inner, look_up) for key, inner in value.items()}
    return [_resolved(inner, look_up) for inner in value] if isinstance(value, list) else value


def _as_text(reference: str, look_up: Callable[[Reference], Any]) -> str:
    value = look_up(Reference.parse(reference))
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _texts_in(value: str) -> Iterator[str]:
    """The references; a string that is none but begins like one and nothing else is a slip, which is told."""
    found = _REFERENCE.findall(value)
    yield from found or ([value] if _SLIP.fullmatch(value) else [])


def is_reference(value: Any) -> bool:
    """Whether the whole value is a reference, as a string or as an object."""
    if isinstance(value, str):
        return value.startswith("$/")
    return isinstance(value, Mapping) and _is_object(value, "reference", "ref")


def _is_object(value: Mapping[str, Any], kind: str, field: str) -> bool:
    return (
        value.keys() == {"kind", field}
        and value["kind"] == kind
        and (kind == "static" or isinstance(value[field], str))
    )


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"

"""What the platform fills in by itself, so that it is no difference and stands in no file: from its own description."""

from typing import Any

from vai.call import Call
from vai.client import Client
from vai.models.answers import Json

_UNSAID = {"condition": {"type": "on_success"}, "status": "active"}
"""Defaults that the description cannot say: of a step's condition (document 002), and of what has just been made."""


class Defaults:
    """The defaults of all shapes, by the names of their fields; `/openapi.json` is read when one is first asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, list[Any]] | None = None

    def has(self, name: str, value: Any) -> bool:
        """Whether a field of that name with that value says no more than its absence."""
        if is_nothing(value) or _UNSAID.get(name) == value:
            return True
        if self._known is None:
            self._known = {}
            self._gather(self._client.send(Call("GET", "/openapi.json", dict, repeatable=True))["components"])
        return any(same(value, each) for each in self._known.get(name, ()))

    def without(self, body: Any) -> Any:
        """The object without the fields that have their defaults, at any depth but in definitions."""
        if isinstance(body, list):
            return [self.without(each) for each in body]
        if not isinstance(body, dict):
            return body
        kept = {
            name: value if name == "definition" else self.without(value)
            for name, value in body.items()
            if not self.has(name, value)
        }
        return {name: value for name, value in kept.items() if not is_nothing(value)}

    def _gather(self, part: Any) -> None:
        if isinstance(part, list):
            for each in part:
                self._gather(each)
        if not isinstance(part, dict):
            return
        properties = part.get("properties")
        for name, shape in properties.items() if isinstance(properties, dict) else ():
            if isinstance(shape, dict) and "default" in shape and self._known is not None:
                self._known.setdefault(name, []).append(shape["default"])
        for each in part.values():
            self._gather(each)


def is_nothing(value: Any) -> bool:
    """Null, an empty list, an empty object and no value are the same."""
    return value is None or value in ({}, [])


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON value: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def in_short(wanted: Any, there: Json) -> bool:
    """Whether `wanted` is the short form of an object with one field: "orders" of {"name": "orders"}."""
    filled = {name: value for name, value in there.items() if not is_nothing(value)}
    return isinstance(wanted, str) and len(filled) == 1 and next(iter(filled.values())) == wanted

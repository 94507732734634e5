"""GraphQL selections, and the columns that follow from them.

Columns have the vendor's names in lower case with underscores. Ids are the numbers that the vendor's other APIs and its
admin pages show. The full id of a row is in `admin_graphql_api_id`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

Json = dict[str, Any]
_Taken = Callable[[Any], Any]

_TOKEN: Final = re.compile(r"\w+|\([^()]*\)|[{}]")
_NUMBERED: Final = re.compile(r"gid://shopify/\w+/(\d+)")
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Part:
    """A field of a selection, with its inner fields."""

    name: str
    arguments: str = ""
    parts: tuple["Part", ...] = ()

    @property
    def text(self) -> str:
        inner = " ".join(part.text for part in self.parts)
        return f"{self.name}{self.arguments}" + (f" {{ {inner} }}" if inner else "")

    @cached_property
    def inner_names(self) -> frozenset[str]:
        return frozenset(part.name for part in self.parts)


def read(text: str) -> tuple[Part, ...]:
    """A selection as GraphQL writes it, without aliases and fragments."""
    tokens = _TOKEN.findall(text)
    found, rest = _level(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"an odd brace in {text[:60]!r}")
    return found


def _level(tokens: list[str], at: int) -> tuple[tuple[Part, ...], int]:
    parts: list[Part] = []
    while at < len(tokens) and tokens[at] != "}":
        name, arguments = tokens[at], ""
        at += 1
        if at < len(tokens) and tokens[at].startswith("("):
            arguments, at = tokens[at], at + 1
        inner: tuple[Part, ...] = ()
        if at < len(tokens) and tokens[at] == "{":
            inner, at = _level(tokens, at + 1)
            at += 1
        parts.append(Part(name, arguments, inner))
    return tuple(parts), at


def snake(name: str) -> str:
    """updatedAt: updated_at."""
    return _WORD.sub("_", name).lower()


def number_of(id: Any) -> Any:
    """The number in an id. The whole id if the number alone does not show the kind of object."""
    found = _NUMBERED.fullmatch(id) if isinstance(id, str) else None
    return int(found[1]) if found else id


class Columns:
    """How the fields of a selection become columns. `names`: columns with other names, by the vendor's dotted name.

    It is made once for all rows of a table.
    """

    def __init__(self, parts: Iterable[Part], names: Mapping[str, str]) -> None:
        self._fields = [(part.name, tuple(_columns(part, names))) for part in parts]

    def of(self, node: Mapping[str, Any]) -> Json:
        row: Json = {}
        for field, columns in self._fields:
            value = node.get(field)
            for column, taken in columns:
                row[column] = value if taken is None else taken(value)
        return row


def _columns(part: Part, names: Mapping[str, str]) -> Iterator[tuple[str, _Taken | None]]:
    """The columns of a field, and what of its value each takes; None: all of it."""
    if renamed := [one for one in part.parts if f"{part.name}.{one.name}" in names]:
        for one in renamed:
            yield names[f"{part.name}.{one.name}"], _at(one.name)
        return
    name = names.get(part.name) or snake(part.name)
    match part.inner_names:
        case words if not words and part.name == "id":
            yield "id", number_of
            yield "admin_graphql_api_id", None
        case words if words == {"id"}:
            id = _at("id")
            yield f"{name}_id", lambda value: number_of(id(value))
        case words if words == {"shopMoney", "presentmentMoney"}:
            name = name.removesuffix("_set")
            yield name, _at("shopMoney", "amount")
            yield f"{name}_presentment", _at("presentmentMoney", "amount")
        case words if words == {"amount", "currencyCode"}:
            yield name, _at("amount")
            yield f"{name}_currency", _at("currencyCode")
        case words if words == {"count"}:
            yield name, _at("count")
        case _:
            yield name, number_of if part.name.endswith("Id") else None


def _at(*names: str) -> _Taken:
    """What stands at a place within a value; None where there is no such place."""

    def taken(value: Any) -> Any:
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return taken

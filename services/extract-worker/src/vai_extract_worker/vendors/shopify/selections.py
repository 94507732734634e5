"""GraphQL selections, and the columns that follow from them.

Columns have the vendor's names in lower case with underscores. Ids are the numbers that the vendor's other APIs and its
admin pages show. The full id of a row is in `admin_graphql_api_id`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

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

    @property
    def inner_names(self) -> set[str]:
        return {part.name for part in self.parts}


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


def row_of(parts: tuple[Part, ...], node: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    """The columns of a node. `names`: columns with other names, by the vendor's dotted name."""
    return {column: value for part in parts for column, value in _columns(part, node.get(part.name), names)}


def _columns(part: Part, value: Any, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    inner = value if isinstance(value, dict) else {}
    name = names.get(part.name) or snake(part.name)
    if renamed := [one for one in part.parts if f"{part.name}.{one.name}" in names]:
        for one in renamed:
            yield names[f"{part.name}.{one.name}"], inner.get(one.name)
        return
    match part.inner_names:
        case words if not words and part.name == "id":
            yield "id", number_of(value)
            yield "admin_graphql_api_id", value
        case words if words == {"id"}:
            yield f"{name}_id", number_of(inner.get("id"))
        case words if words == {"shopMoney", "presentmentMoney"}:
            name = name.removesuffix("_set")
            yield name, (inner.get("shopMoney") or {}).get("amount")
            yield f"{name}_presentment", (inner.get("presentmentMoney") or {}).get("amount")
        case words if words == {"amount", "currencyCode"}:
            yield name, inner.get("amount")
            yield f"{name}_currency", inner.get("currencyCode")
        case words if words == {"count"}:
            yield name, inner.get("count")
        case _:
            yield name, number_of(value) if part.name.endswith("Id") else value

"""What a request of rest_api can leave open until it is made: `{resources.orders.id}` and the like.

The words are dlt's. Only these are placeholders; any other brace is text, as in a GraphQL query. A value that is filled
in is never read for placeholders itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_INCREMENTAL = ("start_value", "end_value", "initial_value")
_SLICE = ("start", "end")
_FORM = re.compile(r"\{(resources|incremental|slice)\.([^{}]*)\}")


@dataclass(frozen=True)
class Placeholder:
    """`of` is resources, incremental or slice; `name` the parent resource, or the word; `field` a parent's field."""

    of: str
    name: str
    field: str = ""

    def __str__(self) -> str:
        return f"{{{self.of}.{self.name}{'.' if self.field else ''}{self.field}}}"


def parted(text: str) -> list[str | Placeholder]:
    """A text as what it is made of. Raises ValueError for a placeholder that means nothing."""
    found: list[str | Placeholder] = []
    end = 0
    for match in _FORM.finditer(text):
        found += [text[end : match.start()], _read(match)]
        end = match.end()
    return [part for part in (*found, text[end:]) if part != ""]


def placeholders_in(value: Any) -> Iterator[Placeholder]:
    """All of a value, at any depth; names of fields are none. Raises ValueError as `parted`."""
    if isinstance(value, str):
        yield from (part for part in parted(value) if isinstance(part, Placeholder))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from placeholders_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from placeholders_in(inner)


def _read(match: re.Match[str]) -> Placeholder:
    of, rest = match[1], match[2]
    if of == "resources":
        name, _, field = rest.partition(".")
        if name and field and not any(part == "" for part in field.split(".")):
            return Placeholder(of, name, field)
        raise ValueError(f"{match[0]} names no field: write {{resources.<resource>.<field>}}")
    words = _INCREMENTAL if of == "incremental" else _SLICE
    if rest not in words:
        raise ValueError(f"{match[0]} means nothing; there are {', '.join(f'{{{of}.{word}}}' for word in words)}")
    return Placeholder(of, rest)

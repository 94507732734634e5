"""Writes docs/sources.md from the registry of sources. `--check` only says whether it is stale."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.drawn_page import write_or_check
from vai_records.definitions.dlt_extract import COMING, DltExtract
from vai_records.definitions.source_types import SourceType, source_types

PAGE = Path(__file__).parents[1] / "docs/sources.md"

_HEAD = """# Sources

What `dlt_extract` can extract from: `"source"` in an action's definition. Drawn by `make generate`. A running
installation tells the same, with the JSON Schemas and with the sources of other packages, as `vai sources`,
`vai sources show NAME` and `GET /api/v1/sources`.

[extraction.md](extraction.md) says how rows are fetched and kept, [rest-api.md](rest-api.md), [files.md](files.md) and
[vendors.md](vendors.md) what single sources understand, [write-a-source.md](write-a-source.md) how one is added.
"""

_HIDDEN = frozenset(("kind", "connectionRef"))
"""What is known from elsewhere, and another spelling."""

_KINDS = {"boolean": "true or false", "integer": "whole number", "number": "number", "string": "text"}


def draw() -> str:
    """The whole page. Only of this repository's sources, whatever else is installed."""
    ours = [source for source in source_types().values() if not source.package]
    every = DltExtract.model_json_schema()
    parts = [_HEAD, "## In every definition\n", *fields_of(every, _HIDDEN)]
    for source in ours:
        own = frozenset(("resources",)) if "resources" in source.model.__annotations__ else frozenset()
        parts += [
            "",
            *_about(source),
            *fields_of(source.model.model_json_schema(), frozenset(every["properties"]) - own),
        ]
        parts += _connection(source)
        parts += _tables(source)
    coming = ", ".join(f"`{name}`" for name in COMING)
    if coming:
        parts += ["", "## To come\n", f"An action may name these and be saved, and not be run yet: {coming}."]
    return "\n".join(parts) + "\n"


def _about(source: SourceType) -> Iterator[str]:
    yield f"## `{source.name}`\n"
    yield f"{source.description}\n"


def fields_of(schema: dict[str, Any], without: frozenset[str]) -> Iterator[str]:
    """A table of the fields that a JSON Schema has, but for these; nothing if there are none."""
    shown = {name: field for name, field in schema["properties"].items() if name not in without}
    if not shown:
        return
    yield "| Field | Is | Meaning |"
    yield "|---|---|---|"
    needed = schema.get("required", ())
    for name, field in shown.items():
        what = _what(field, schema.get("$defs", {}))
        default = field.get("default")
        if name in needed:
            what += ", needed"
        elif default not in (None, [], {}) and isinstance(default, str | int | float):
            what += f", `{default}` if left out" if not isinstance(default, bool) else ""
        yield f"| `{name}` | {what} | {_plain(field.get('description', ''))} |"


def _what(field: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in field:
        return "object" if defs.get(field["$ref"].rpartition("/")[2], {}).get("type") == "object" else "see the schema"
    options = [one for one in field.get("anyOf", field.get("oneOf", ())) if one.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(_what(one, defs) for one in options))
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    kind = str(field.get("type", "any value"))
    if kind == "array":
        return f"list of {_what(field.get('items', {}), defs)}"
    return {"date": "day", "date-time": "instant"}.get(field.get("format", ""), _KINDS.get(kind, kind))


def _connection(source: SourceType) -> Iterator[str]:
    for title, schema in (("config", source.config), ("credentials", source.credentials)):
        if schema:
            yield f"\nThe connection's `{title}`:\n"
            yield from (f"- `{name}`: {one['description']}" for name, one in schema["properties"].items())


def _tables(source: SourceType) -> Iterator[str]:
    if source.resources:
        yield "\nTables, the smallest first:\n"
        yield "| Table | Size | Cursor | Slices of | Seconds between requests | Primary key | |"
        yield "|---|---|---|---|---|---|---|"
    for one in source.resources:
        keys = ", ".join(f"`{key}`" for key in one.primary_key)
        cursor, slices = f"`{one.cursor}`" if one.cursor else "", f"{one.slicing.days:g} days" if one.slicing else ""
        pace = f"{source.pace_of(one):g}" if source.pace_of(one) else ""
        yield f"| `{one.name}` | {one.size} | {cursor} | {slices} | {pace} | {keys} | {one.description} |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is stale."""
    return write_or_check(PAGE, draw(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

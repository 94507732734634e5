"""What an approval asks for: filled in with `--set NAME=VALUE`, or asked for where somebody sits at the terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from vai.cli.inputs import file_text, read_json
from vai.models.answers import Json

_AS_TEXT = ("text", "date", "choice")


def approval_values(fields: Sequence[Json], assignments: Iterable[str]) -> Json:
    """The values by name; a text stays a text, also where it reads as a number.

    Raises BadParameter for what is no `name=value`. Unknown names are sent: the platform says which there are.
    """
    types = {field["name"]: field.get("type", "text") for field in fields}
    values: Json = {}
    for each in assignments:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{each!r} is not of the form name=value", param_hint="--set")
        values[name] = _value(types.get(name, "text"), _of_file(text))
    for field in fields if sys.stdin.isatty() else ():
        if field.get("required") and field.get("default") is None and field["name"] not in values:
            values[field["name"]] = _value(types[field["name"]], str(typer.prompt(asked(field))))
    return values


def asked(field: Json) -> str:
    """One field in a line: `amount (number, at least 1)`."""
    title = field.get("title") or field["name"]
    more = [", ".join(field["choices"]) if field.get("choices") else str(field.get("type", "text"))]
    bounds = {"minimum": "at least", "maximum": "at most"}
    more += [f"{word} {field[name]}" for name, word in bounds.items() if field.get(name) is not None]
    if field.get("default") is not None:
        more.append(f"else {json.dumps(field['default'], ensure_ascii=False)}")
    return f"{title} ({', '.join(more)})"


def approved_with(values: Json | None) -> str | None:
    """`amount=3 note="in order"`."""
    if not values:
        return None
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def set_words(fields: Sequence[Json]) -> str:
    """What to type for the fields that must be filled in: ` --set amount=…`."""
    needed = [field["name"] for field in fields if field.get("required") and field.get("default") is None]
    return "".join(f" --set {name}=…" for name in needed)


def _of_file(text: str) -> str:
    if text.startswith("@@"):
        return text[1:]
    return file_text(text[1:], "--set") if text.startswith("@") else text


def _value(type_name: str, text: str) -> Any:
    if type_name in _AS_TEXT:
        return text
    try:
        return read_json(text)
    except ValueError:
        return text

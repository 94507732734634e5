"""Reads what people type: definitions from files and from `--set a.b=c`."""

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from vai.models.answers import Json

_SEEN = "what stands on the command line is seen by others and kept in the shell's history"


def definition_of(source: str | None, assignments: Iterable[str], connection: str | None = None) -> Json:
    """The definition in `source`, as `read_object` takes it, with the assignments put on top."""
    definition = read_object(source, "--definition") if source else {}
    for each in assignments:
        assign(definition, each)
    if connection:
        definition["connection"] = connection
    return definition


def read_object(source: str, option: str) -> Json:
    """The JSON object in the file `source` (`FILE` or `@FILE`), on the standard input (`-`), or `source` itself.

    It is taken itself where it starts with `{`.

    Raises BadParameter that names `option`.
    """
    try:
        found = read_json(_text(source))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{source}: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{source}: a JSON object is needed", param_hint=option)
    return found


def read_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, also for numbers that the platform refuses (1e400, NaN), and for a
    name that is there twice.
    """
    return json.loads(text, parse_float=_finite, parse_constant=_finite, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} is there twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large, or no number")
    return number


def _text(source: str) -> str:
    if source.lstrip().startswith("{"):
        return source
    return sys.stdin.read() if source in ("-", "@-") else Path(source.removeprefix("@")).read_text()


def assign(target: Json, assignment: str) -> None:
    """Carry out `a.b=c`: `c` is JSON where it reads as JSON (`3`, `true`, `["orders"]`), text otherwise.

    `@FILE` is the text of that file; `@@` begins a text with one `@`.
    """
    path, equals, text = assignment.partition("=")
    *parents, last = path.split(".")
    if not equals or not all((*parents, last)):
        raise typer.BadParameter(f"{assignment!r} is not of the form name.name=value", param_hint="--set")
    for name in parents:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            raise typer.BadParameter(f"{assignment!r}: {name!r} already has a value", param_hint="--set")
        target = inner
    target[last] = _value(text)


def _value(text: str) -> Any:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@"):
        return file_text(text[1:], "--set")
    try:
        return read_json(text)
    except ValueError as error:
        if text.startswith(("{", "[")) and not text.startswith("{{"):
            raise typer.BadParameter(f"{text}: this is not JSON: {error}", param_hint="--set") from error
        return text


def file_text(source: str, option: str) -> str:
    """The text of the file `source`, or of the standard input (`-`). Raises BadParameter that names `option`."""
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{source}: {error}", param_hint=option) from error


def key_of(given: str, option: str) -> str:
    """An API key: as it is given, of a file (`@FILE`), or of the standard input (`-`)."""
    if given != "-" and not given.startswith("@"):
        return given
    found = file_text(given.removeprefix("@"), option).strip()
    if not found or not found.isascii() or not found.isprintable():
        raise typer.BadParameter(f"{given}: there is no key in it", param_hint=option)
    return found


def secret_text(file: str | None, option: str, asked: str = "Value") -> str:
    """A secret of a file, of the standard input (`-`, or where it is a pipe), or asked for twice.

    One line end at the end of a pipe or a file is no part of it. Raises BadParameter that names `option`.
    """
    if file is None and sys.stdin.isatty():
        return str(typer.prompt(asked, hide_input=True, confirmation_prompt=True))
    value = file_text(file or "-", option).removesuffix("\n").removesuffix("\r")
    if not value:
        raise typer.BadParameter(f"there is no value: pipe it in, or give {option} with a file", param_hint=option)
    return value


def secret_inputs(declared: Json, given: Json, secrets: Iterable[str], assignments: Iterable[str]) -> Json:
    """The secret inputs of an automation: of `--secret NAME` and `NAME=@FILE`, and asked for where one is needed.

    Raises BadParameter for one that stands on the command line.
    """
    names = {name for name, one in declared.items() if one.get("type") == "secret"}
    for name, _, text in (each.partition("=") for each in assignments):
        if name in names and (not text.startswith("@") or text.startswith("@@")):
            raise typer.BadParameter(f"{name} is a secret: {_SEEN}; give --secret {name}", param_hint="--set")
    found: Json = {}
    for name, equals, source in (each.partition("=") for each in secrets):
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise typer.BadParameter(f"{name!r} is no secret input; there are {known}", param_hint="--secret")
        if equals and source != "-" and not source.startswith("@"):
            raise typer.BadParameter(
                f"{_SEEN}; write {name} (it is asked for), {name}=@FILE or {name}=-", param_hint="--secret"
            )
        found[name] = secret_text(source.removeprefix("@") if equals else None, "--secret", name)
    for name in sorted(names - given.keys() - found.keys()) if sys.stdin.isatty() else ():
        if declared[name].get("required"):
            found[name] = secret_text(None, "--secret", name)
    return found


def secret_object(source: str, option: str) -> Json:
    """A JSON object of a file or of the standard input, and never of the command line itself."""
    if source.lstrip().startswith(("{", "[", '"')):
        raise typer.BadParameter(
            f"{_SEEN}; write it into a file, or pipe it in: … | vai … {option} -",
            param_hint=option,
        )
    return read_object(source, option)


def is_id(text: str) -> bool:
    """True for an id, false for a slug."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True

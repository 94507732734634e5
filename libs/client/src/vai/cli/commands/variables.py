"""`vai vars` and `vai secrets`: values that definitions name as `$/vars/NAME` and `$/secrets/NAME`."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.inputs import file_text, read_json, secret_text
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.variables import Secret, Variable

variables = typer.Typer(
    cls=Commands,
    help="Variables, $/vars/NAME in definitions: list, set, show, delete. Without a command: list.",
)
secrets = typer.Typer(
    cls=Commands,
    help="Secrets, $/secrets/NAME in definitions: list, set, show, delete. Without a command: list.",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
SearchArgument = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")]
DescriptionOption = Annotated[str | None, typer.Option(help="What it is for; without it, it has none.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Also where saved definitions name it.")]

_LONGEST = 60
_COLUMNS = (
    show.Column("Name", 0),
    show.Column("Value", 3, gives=True),
    show.Column("Description", 4, gives=True),
    show.Column("Set", 1),
)
_SECRET_COLUMNS = tuple(column for column in _COLUMNS if column.heading != "Value")


@verb(variables, "list")
def list_variables(q: SearchArgument = None, limit: LimitOption = LIMIT) -> None:
    """List variables in the order of their names."""
    with connect() as client:
        print_list(client.variables.iterate(q, limit=page_of(limit)), limit, _COLUMNS, _row)


def _row(variable: Variable) -> tuple[str | Text, ...]:
    name, description, moment = _secret_row(variable)
    return name, show.clean(_short(variable.value)), description, moment


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@verb(variables, "set")
def set_variable(
    name: NameArgument,
    value: Annotated[
        str,
        typer.Argument(metavar="VALUE", help="JSON where it reads as JSON (3, true, [1]), else text; - or @FILE."),
    ],
    text: Annotated[bool, typer.Option("--text", help="Take it as text, whatever it reads as.")] = False,
    description: DescriptionOption = None,
) -> None:
    """Make a variable, or give it another value. Runs that are made from now on have it."""
    given = file_text(value.removeprefix("@"), "VALUE") if value == "-" or value.startswith("@") else value
    with connect() as client:
        _print(client.variables.put(name, given if text else _value(given), description=description))


def _value(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


@verb(variables, "show")
def show_variable(name: NameArgument) -> None:
    """Show a variable, and what names it."""
    with connect() as client:
        _print(client.variables.get(name))


@verb(variables, "delete")
def delete_variable(name: NameArgument, force: ForceOption = False) -> None:
    """Remove a variable that no saved definition names."""
    with connect() as client:
        client.variables.delete(name, force=force or None)
    show.done(f"variable {name} deleted", {"name": name})


@verb(secrets, "list")
def list_secrets(q: SearchArgument = None, limit: LimitOption = LIMIT) -> None:
    """List secrets in the order of their names; never their values."""
    with connect() as client:
        print_list(client.secrets.iterate(q, limit=page_of(limit)), limit, _SECRET_COLUMNS, _secret_row)


def _secret_row(secret: Secret) -> tuple[str, str, str]:
    return secret.name, show.clean(secret.description or ""), show.moment(secret.updated_at)


@verb(secrets, "set")
def set_secret(
    name: NameArgument,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="Holds the value; - is stdin.")] = None,
    description: DescriptionOption = None,
) -> None:
    """Make a secret, or give it another value: asked for, or from a pipe or a file, and never from the command line.

    One line end at the end of a pipe or a file is not part of the value.
    """
    value = secret_text(file, "--file")
    with connect() as client:
        _print(client.secrets.put(name, value, description=description))


@verb(secrets, "show")
def show_secret(name: NameArgument) -> None:
    """Show when a secret was set and by whom, and what names it; never its value."""
    with connect() as client:
        _print(client.secrets.get(name))


@verb(secrets, "delete")
def delete_secret(name: NameArgument, force: ForceOption = False) -> None:
    """Remove a secret that no saved definition names."""
    with connect() as client:
        client.secrets.delete(name, force=force or None)
    show.done(f"secret {name} deleted", {"name": name})


def _print(found: Secret) -> None:
    if show.data(found.raw):
        return
    value = {"value": show.clean(_short(found.value))} if isinstance(found, Variable) else {}
    facts = {
        "name": found.name,
        **value,
        "description": show.clean(found.description or ""),
        "set": show.moment(found.updated_at),
        "named by": _uses(found.used_by),
    }
    show.print_facts({name: fact for name, fact in facts.items() if fact})


def _uses(uses: Iterable[dict[str, Any]]) -> str:
    return ", ".join(f"{use['type']} {use['slug']}" for use in uses)

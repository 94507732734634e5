"""`vai kinds` and `vai templates`: what can be run, and what an action may begin with."""

from typing import Annotated, TypeVar

import typer
from rich.text import Text

from vai.cli.context import Commands, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import print_list
from vai.models.people import Kind, Template

kinds = typer.Typer(cls=Commands, help="The kinds of work: list, show. Without a command: list.")
templates = typer.Typer(cls=Commands, help="Templates of actions: list, show. Without a command: list.")
K = TypeVar("K", Kind, Template)


@verb(kinds, "list")
def list_kinds() -> None:
    """List the kinds; a run of one that has no living worker waits."""
    columns = [show.Column("Kind", 0), show.Column("Mode", 2), show.Column("State", 1)]
    columns.append(show.Column("Description", 3, gives=True))
    with connect() as client:
        found = client.kinds.list()
    print_list(found, len(found), columns, _kind_row)


def _kind_row(kind: Kind) -> tuple[str | Text, ...]:
    return kind.name, kind.mode, _state(kind), show.clean(kind.description)


def _state(kind: Kind) -> str:
    if not kind.available:
        return "not in this version"
    return "alive" if kind.alive else "no worker"


@verb(kinds, "show")
def show_kind(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="For example dlt_extract.")],
) -> None:
    """Show a kind and the JSON Schema of its definition."""
    with connect() as client:
        found = _the(client.kinds.list(), kind, "KIND")
    if show.data(found.raw):
        return
    show.print_facts({"kind": found.name, "mode": found.mode, "state": _state(found), "about": found.description})
    show.print_json(show.output(), found.definition_schema)


@verb(templates, "list")
def list_templates() -> None:
    """List the templates."""
    columns = (show.Column("Template", 0), show.Column("Kind", 1), show.Column("Description", 2, gives=True))
    with connect() as client:
        found = client.kinds.templates()
    print_list(found, len(found), columns, lambda each: (each.name, each.kind, show.clean(each.description)))


@verb(templates, "show")
def show_template(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name.")],
) -> None:
    """Show a template and its definition."""
    with connect() as client:
        found = _the(client.kinds.templates(), template, "TEMPLATE")
    if show.data(found.raw):
        return
    show.print_facts({"template": found.name, "kind": found.kind, "about": found.description})
    show.print_json(show.output(), found.definition)


def _the(every: list[K], name: str, hint: str) -> K:
    found = next((each for each in every if each.name == name), None)
    if found is None:
        there = ", ".join(each.name for each in every)
        raise typer.BadParameter(f"there is no {name!r}; there are {there}", param_hint=hint)
    return found

"""`vai sources`: what can be extracted from, and what each source wants to be told."""

from typing import Annotated

import typer
from rich.text import Text

from vai.cli.context import Commands, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import print_list
from vai.models.people import ResourceType, Source

app = typer.Typer(cls=Commands, help="What can be extracted from: list, show. Without a command: list.")


@verb(app, "list")
def list_sources() -> None:
    """List the sources, with the tables that each has by itself."""
    columns = [show.Column("Source", 0), show.Column("State", 1), show.Column("Tables", 3)]
    columns.append(show.Column("Description", 2, gives=True))
    with connect() as client:
        found = client.kinds.sources()
    print_list(found, len(found), columns, _row)


def _row(source: Source) -> tuple[str | Text, ...]:
    tables = str(len(source.resources)) if source.resources else ""
    return source.name, _state(source), tables, show.clean(source.description)


def _state(source: Source) -> str:
    if not source.available:
        return "not in this version"
    return f"of {show.clean(source.package)}" if source.package else "here"


@verb(app, "show")
def show_source(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="For example rest_api.")],
    schema: Annotated[bool, typer.Option("--schema", help="With the JSON Schema of the definition.")] = False,
) -> None:
    """Show a source: its tables, what its connection holds, and with --schema what its definition may say."""
    with connect() as client:
        found = client.kinds.source(source)
    if show.data(found.raw):
        return
    facts = {"source": found.name, "state": _state(found), "about": found.description}
    for place, given in (("config", found.config_schema), ("credentials", found.credentials_schema)):
        if given and (names := given.get("properties")):
            facts[place] = ", ".join(names)
    show.print_facts(facts)
    if found.resources:
        columns = [show.Column("Table", 0), show.Column("Size", 2), show.Column("Cursor", 1), show.Column("Key", 1)]
        columns.append(show.Column("Slices", 2))
        columns.append(show.Column("Description", 3, gives=True))
        print_list(found.resources, len(found.resources), columns, _resource_row)
    if schema:
        show.print_json(show.output(), found.definition_schema)


def _resource_row(one: ResourceType) -> tuple[str | Text, ...]:
    slices = "" if one.slice_days is None else f"{one.slice_days:g} d"
    return one.name, one.size, one.cursor or "", ", ".join(one.primary_key), slices, show.clean(one.description)

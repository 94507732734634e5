"""`vai connections`: connected services."""

from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from vai.client import Client
from vai.models import Connection

from . import show
from .context import FAILED, Commands, JsonFlag, connect
from .inputs import definition_of, is_id, read_object
from .runs import PAGE

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Connected services: list, create, test.")


@app.command("list")
def list_connections(
    provider: Annotated[str | None, typer.Option(help="Only of this provider.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List connections, newest first."""
    with connect() as client:
        found = list(islice(client.connections.iterate(provider=provider, limit=min(limit, PAGE)), limit))
    if as_json:
        show.print_json(show.output(), [each.raw for each in found])
        return
    show.print_table(show.output(), ("Slug", "Provider", "Status", "Default", "Name", "Id"), map(_row, found))


def _row(connection: Connection) -> tuple[str | Text, ...]:
    default = "default" if connection.is_default else ""
    return connection.slug, connection.provider, connection.status, default, show.clean(connection.name), connection.id


@app.command()
def create(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="For example shopify or rest_api.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    slug: Annotated[str | None, typer.Option(help="Its short name; made from the name if not given.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A field of its configuration. Repeatable.")
    ] = None,
    credentials: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON, or - for the standard input; never on the command line.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="The one to take for this provider.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Save a connection; its credentials are encrypted and never shown again."""
    config = definition_of(None, assignments or ()) or None
    secret = read_object(credentials, "--credentials") if credentials else None
    with connect() as client:
        made = client.connections.create(
            provider, name, slug=slug, config=config, credentials=secret, is_default=default or None
        )
    if as_json:
        show.print_json(show.output(), made.raw)
    else:
        show.output().print(Text(f"{made.id} {made.slug}"))


def _id_of(client: Client, connection: str) -> str:
    """The id for an id or a slug. Raises BadParameter for a slug that no connection has."""
    if is_id(connection):
        return connection
    named = client.connections.iterate(connection)
    found = next((each for each in named if each.slug == connection), None)
    if found is None:
        raise typer.BadParameter(f"no connection has the slug {connection!r}", param_hint="CONNECTION")
    return found.id


@app.command("test")
def try_out(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's id or slug.")],
    as_json: JsonFlag = False,
) -> None:
    """Try a connection; ends with 1 if it does not work."""
    with connect() as client:
        found = client.connections.test(_id_of(client, connection))
    if as_json:
        show.print_json(show.output(), found.raw)
    else:
        told = f": {show.clean(found.message)}" if found.message else ""
        show.output().print(Text(("works" if found.ok else "does not work") + told))
    if not found.ok:
        raise typer.Exit(FAILED)

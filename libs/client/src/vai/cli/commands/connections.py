"""`vai connections`: connected services."""

from typing import Annotated, Any

import typer
from rich.text import Text

from vai.call import UNSET
from vai.cli import find
from vai.cli.context import FAILED, Commands, LimitOption, connect, verb
from vai.cli.inputs import definition_of, secret_object
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.answers import Connection

app = typer.Typer(cls=Commands, help="Connected services: list, create, show, test, delete. Without a command: list.")
ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's id, how it begins, or its slug.")
]
ConfigOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A field of its configuration. Repeatable.")
]
CredentialsOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A JSON file, or - for the standard input; never on the command line."),
]
SlugOption = Annotated[str | None, typer.Option(help="Its short name; made from the name if not given.")]
MostOption = Annotated[
    int | None, typer.Option("--max-running", min=0, help="How many of its runs may live at once; 0: no limit.")
]


@verb(app, "list")
def list_connections(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only of this provider.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List connections, newest first."""
    with connect() as client:
        print_list(client.connections.iterate(q, provider=provider, limit=page_of(limit)), limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Slug", 1, gives=True),
    show.Column("Provider", 2),
    show.Column("Status", 3),
    show.Column("Default", 5),
    show.Column("Name", 6, gives=True),
    show.Column("Id", 0),
)


def _row(connection: Connection) -> tuple[str | Text, ...]:
    default = "default" if connection.is_default else ""
    return connection.slug, connection.provider, connection.status, default, show.clean(connection.name), connection.id


@verb(app)
def create(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="For example shopify or rest_api.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    slug: SlugOption = None,
    assignments: ConfigOption = None,
    credentials: CredentialsOption = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the default of its provider.")] = False,
    most: MostOption = None,
) -> None:
    """Save a connection; its credentials are encrypted and never shown again."""
    config = definition_of(None, assignments or ()) or None
    secret = secret_object(credentials, "--credentials") if credentials else None
    with connect() as client:
        made = client.connections.create(
            provider,
            name,
            slug=slug,
            config=config,
            credentials=secret,
            is_default=default or None,
            max_running=most or None,
        )
    show.done(f"{made.id} {made.slug}", made.raw)


def show_connection(connection: ConnectionArgument) -> None:
    """Show a connection and its configuration; credentials are never shown."""
    with connect() as client:
        _print(find.connection(client, connection))


verb(app, "show")(show_connection)
verb(app, "get", hidden=True)(show_connection)


@verb(app)
def update(
    connection: ConnectionArgument,
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    slug: Annotated[str | None, typer.Option(help="Its short name from now on.")] = None,
    status: Annotated[str | None, typer.Option(help="active or disabled.")] = None,
    assignments: ConfigOption = None,
    credentials: CredentialsOption = None,
    default: Annotated[bool | None, typer.Option("--default/--no-default", help="The default of its provider?")] = None,
    most: MostOption = None,
) -> None:
    """Change what is given; --set changes fields of the configuration, --credentials replaces all credentials."""
    secret = secret_object(credentials, "--credentials") if credentials else UNSET
    with connect() as client:
        found = find.connection(client, connection)
        config = found.config | definition_of(None, assignments) if assignments else None
        changed = client.connections.update(
            found.id,
            name=name,
            slug=slug,
            status=status,
            config=config,
            is_default=default,
            credentials=secret,
            max_running=UNSET if most is None else most or None,
        )
    _print(changed)


@verb(app)
def delete(connection: ConnectionArgument) -> None:
    """Remove a connection and its credentials."""
    with connect() as client:
        found = find.connection(client, connection)
        client.connections.delete(found.id)
    show.done(f"connection {found.slug} deleted", found.raw)


@verb(app, "test")
def try_out(connection: ConnectionArgument) -> None:
    """Test a connection; the exit code is 1 if it does not work."""
    with connect() as client:
        found = client.connections.test(find.connection(client, connection).id)
    told = f": {found.message}" if found.message else ""
    show.done(("works" if found.ok else "does not work") + told, found.raw)
    if not found.ok:
        raise typer.Exit(FAILED)


def _print(connection: Connection) -> None:
    if show.data(connection.raw):
        return
    show.print_facts(_facts(connection))
    show.print_json(show.output(), connection.config)


def _facts(connection: Connection) -> dict[str, Any]:
    error = connection.last_error
    return {
        "id": connection.id,
        "slug": connection.slug,
        "name": connection.name,
        "provider": connection.provider,
        "status": connection.status,
        "default": "yes" if connection.is_default else None,
        "credentials": "kept" if connection.has_credentials else "none",
        "max running": connection.max_running,
        "last error": error and f"{error.code}: {error.message}",
    }

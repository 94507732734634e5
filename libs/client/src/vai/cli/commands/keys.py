"""`vai keys`: API keys."""

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.people import ApiKey

from .people import RoleName

app = typer.Typer(cls=Commands, help="API keys: list, create, show, revoke. Without a command: list.")
KeyArgument = Annotated[
    str, typer.Argument(metavar="API-KEY", help="The key's id, how the id or the key begins, or its name.")
]


@verb(app, "list")
def list_keys(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active, expired or revoked. Repeatable.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List your keys; an administrator sees all."""
    with connect() as client:
        print_list(client.api_keys.iterate(q, status=status, limit=page_of(limit)), limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Name", 1, gives=True),
    show.Column("Role", 2),
    show.Column("Status", 3),
    show.Column("Begins", 4),
    show.Column("Used", 6),
    show.Column("Expires", 5),
    show.Column("Id", 0),
)


def _row(key: ApiKey) -> tuple[str | Text, ...]:
    times = show.moment(key.last_used_at), show.moment(key.expires_at)
    return show.clean(key.name), key.role, key.status, key.prefix, *times, key.id


@verb(app)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[RoleName, typer.Option("--role", help="At most your own.")] = "viewer",
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, local time."),
    ] = None,
) -> None:
    """Create a key that acts for you; it is shown only now."""
    with connect() as client:
        made = client.api_keys.create(name, role, expires_at=expires and expires.astimezone())
    if show.data(made.raw):
        return
    show.print_facts({"id": made.id, "name": made.name, "role": made.role, "key": made.key})
    show.notes().print(Text("Keep the key: it is not shown again.", "yellow"))


@verb(app, "show")
def show_key(key: KeyArgument) -> None:
    """Show a key, without the key itself."""
    with connect() as client:
        found = client.api_keys.get(find.key_id(client, key))
    if show.data(found.raw):
        return
    show.print_facts(
        {
            "id": found.id,
            "name": found.name,
            "role": found.role,
            "status": found.status,
            "begins": found.prefix,
            "created": show.moment(found.created_at),
            "last used": show.moment(found.last_used_at),
            "expires": show.moment(found.expires_at),
            "revoked": show.moment(found.revoked_at),
        }
    )


def revoke(key: KeyArgument) -> None:
    """Revoke a key at once."""
    with connect() as client:
        found = find.key_id(client, key)
        client.api_keys.revoke(found)
    show.done(f"API key {found} revoked", {"id": found})


verb(app)(revoke)
verb(app, "delete")(revoke)

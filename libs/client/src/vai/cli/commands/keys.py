"""`vai keys`: API keys."""

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.people import ApiKey, CreatedApiKey, Scope

from .people import RoleName

app = typer.Typer(cls=Commands, help="API keys: list, create, rotate, revoke, scopes, … Without a command: list.")
KeyArgument = Annotated[
    str, typer.Argument(metavar="API-KEY", help="The key's id, how the id or the key begins, or its name.")
]
ExpiresOption = Annotated[
    datetime | None,
    typer.Option("--expires", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, local time."),
]


@verb(app, "list")
def list_keys(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active, expired or revoked. Repeatable.")] = None,
    account: Annotated[
        str | None, typer.Option("--for", metavar="ACCOUNT", help="Only of this service account.")
    ] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List your keys; an administrator sees all."""
    with connect() as client:
        whose = account and find.service_account_id(client, account)
        found = client.api_keys.iterate(q, status=status, user_id=whose, limit=page_of(limit))
        print_list(found, limit, _COLUMNS, _row)


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
    role = key.role if key.scopes is None else f"{key.role}, {show.count(len(key.scopes), 'scope')}"
    return show.clean(key.name), role, key.status, key.prefix, *times, key.id


@verb(app)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[RoleName, typer.Option("--role", help="At most your own.")] = "viewer",
    expires: ExpiresOption = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="Only this of what the role may, as runs:read; see `scopes`. Repeatable."),
    ] = None,
    account: Annotated[
        str | None, typer.Option("--for", metavar="ACCOUNT", help="The service account for which it acts; else you.")
    ] = None,
) -> None:
    """Create a key that acts for you or a service account; it is shown only now."""
    with connect() as client:
        made = client.api_keys.create(
            name,
            role,
            expires_at=expires and expires.astimezone(),
            scopes=scope or None,
            service_account_id=account and find.service_account_id(client, account),
        )
    _print_new(made)


def _print_new(made: CreatedApiKey) -> None:
    if show.data(made.raw):
        return
    show.print_facts({"id": made.id, "name": made.name, "role": made.role, **_scopes(made), "key": made.key})
    show.notes().print(Text("Keep the key: it is not shown again.", "yellow"))


@verb(app)
def rotate(
    key: KeyArgument,
    overlap: Annotated[
        int, typer.Option(metavar="MINUTES", min=0, max=10_080, help="How long the old key still works.")
    ] = 60,
    expires: ExpiresOption = None,
) -> None:
    """Make a new key with the name, role and scopes of this one; both work for --overlap minutes."""
    with connect() as client:
        found = find.key_id(client, key)
        ends = expires and expires.astimezone()
        _print_new(client.api_keys.rotate(found, overlap_minutes=overlap, expires_at=ends))


def _scopes(key: ApiKey) -> dict[str, str]:
    return {} if key.scopes is None else {"scopes": ", ".join(key.scopes)}


@verb(app)
def scopes() -> None:
    """List what a key may be narrowed to, within its role."""
    with connect() as client:
        print_list(iter(client.api_keys.scopes()), 1_000, _SCOPE_COLUMNS, _scope_row)


_SCOPE_COLUMNS = (show.Column("Scope", 0), show.Column("Role", 1), show.Column("Allows", 2, gives=True))


def _scope_row(scope: Scope) -> tuple[str | Text, ...]:
    return scope.scope, scope.role, scope.description


@verb(app, "show")
def show_key(key: KeyArgument) -> None:
    """Show a key's name, role, scopes and use; the key itself is never shown again."""
    with connect() as client:
        found = client.api_keys.get(find.key_id(client, key))
    if show.data(found.raw):
        return
    show.print_facts(
        {
            "id": found.id,
            "name": found.name,
            "role": found.role,
            **_scopes(found),
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

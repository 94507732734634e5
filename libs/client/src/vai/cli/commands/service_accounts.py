"""`vai service-accounts`: members that are programs."""

from typing import Annotated, Literal

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.people import ServiceAccount

from .people import RoleName

app = typer.Typer(
    cls=Commands,
    help="Service accounts, members that are programs: list, create, disable, … Without a command: list.",
)
AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The service account's id, how it begins, or its name.")
]

_COLUMNS = (
    show.Column("Name", 1, gives=True),
    show.Column("Role", 2),
    show.Column("Status", 3),
    show.Column("Keys", 4),
    show.Column("Used", 5),
    show.Column("Id", 0),
)


@verb(app, "list")
def list_accounts(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List service accounts in the order of their names."""
    with connect() as client:
        print_list(client.service_accounts.iterate(q, limit=page_of(limit)), limit, _COLUMNS, _row)


def _row(account: ServiceAccount) -> tuple[str | Text, ...]:
    keys, used = str(account.active_keys), show.moment(account.last_used_at)
    return show.clean(account.name), account.role, account.status, keys, used, account.id


@verb(app)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; no other one has the name.")],
    role: Annotated[RoleName, typer.Option("--role", help="What it may do.")] = "viewer",
) -> None:
    """Create a service account; `vai keys create NAME --for ACCOUNT` makes a key for it."""
    with connect() as client:
        _print(client.service_accounts.create(name, role))


@verb(app, "show")
def show_account(account: AccountArgument) -> None:
    """Show a service account."""
    with connect() as client:
        _print(client.service_accounts.get(find.service_account_id(client, account)))


@verb(app)
def update(
    account: AccountArgument,
    name: Annotated[str | None, typer.Option(help="What it is called from now on.")] = None,
    role: Annotated[RoleName | None, typer.Option("--role", help="What it may do, at once.")] = None,
) -> None:
    """Change a service account's name or role."""
    with connect() as client:
        _print(client.service_accounts.update(find.service_account_id(client, account), name=name, role=role))


@verb(app)
def disable(account: AccountArgument) -> None:
    """Make its keys worthless until it is enabled again."""
    _set(account, "disabled")


@verb(app)
def enable(account: AccountArgument) -> None:
    """Let its keys count again."""
    _set(account, "active")


def _set(account: str, status: Literal["active", "disabled"]) -> None:
    with connect() as client:
        _print(client.service_accounts.update(find.service_account_id(client, account), status=status))


@verb(app)
def delete(account: AccountArgument) -> None:
    """Delete a service account with its keys; what it did keeps its name."""
    with connect() as client:
        found = client.service_accounts.get(find.service_account_id(client, account))
        client.service_accounts.delete(found.id)
    show.done(f"service account {found.name} deleted", found.raw)


def _print(account: ServiceAccount) -> None:
    if show.data(account.raw):
        return
    show.print_facts(
        {
            "id": account.id,
            "name": account.name,
            "role": account.role,
            "status": account.status,
            "active keys": str(account.active_keys),
            "last used": show.moment(account.last_used_at),
            "created": show.moment(account.created_at),
        }
    )

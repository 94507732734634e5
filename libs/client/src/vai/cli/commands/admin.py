"""`vai admin`: for the operator of the installation, with its own credential (VAI_ADMIN_TOKEN)."""

from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import AGENT, Commands, LimitOption, SetOption, installation, verb
from vai.cli.inputs import definition_of
from vai.cli.profiles import SettingsError
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.client import Client
from vai.models.people import Organisation

from .people import print_invited, print_organisation

app = typer.Typer(no_args_is_help=True, help="For the operator of the installation, with VAI_ADMIN_TOKEN.")
organisations = typer.Typer(cls=Commands, help="Organisations: list, create, show, update. Without a command: list.")
app.add_typer(organisations, name="organisations")
OrganisationArgument = Annotated[
    str, typer.Argument(metavar="ORGANISATION", help="The organisation's id, how it begins, or its slug.")
]


def _connect() -> Client:
    found = installation()
    if found.api_key is None:
        raise SettingsError(
            f"There is no token of the installation for {found.api_url}: set VAI_ADMIN_TOKEN to the gateway's, "
            "or go to the folder of `make up`."
        )
    return Client(found.api_url, found.api_key, agent=AGENT)


@verb(organisations, "list")
def list_organisations(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in slug or name.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List organisations by slug."""
    columns = (show.Column("Slug", 1, gives=True), show.Column("Name", 2, gives=True), show.Column("Id", 0))
    with _connect() as client:
        print_list(client.installation.iterate_organisations(q, limit=page_of(limit)), limit, columns, _row)


def _row(found: Organisation) -> tuple[str | Text, ...]:
    return found.slug, show.clean(found.name), found.id


@verb(organisations)
def create(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its short name.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    administrator: Annotated[str, typer.Option("--administrator", metavar="EMAIL", help="Its first administrator.")],
    assignments: SetOption = None,
) -> None:
    """Create an organisation; its first administrator's invitation is shown only now. --set changes settings."""
    changes = definition_of(None, assignments or ()) or None
    with _connect() as client:
        made = client.installation.create_organisation(slug, name, administrator, settings=changes)
    if not show.for_programs():
        show.print_facts({"organisation": f"{made.slug} ({made.id})"})
    print_invited(made.administrator, made.raw)


@verb(organisations, "show")
def show_organisation(organisation: OrganisationArgument) -> None:
    """Show an organisation and its settings."""
    with _connect() as client:
        print_organisation(client.installation.get_organisation(find.organisation_id(client, organisation)))


@verb(organisations)
def update(
    organisation: OrganisationArgument,
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    assignments: SetOption = None,
) -> None:
    """Rename an organisation, or change its settings, including those that only the operator may change."""
    changes = definition_of(None, assignments or ()) or None
    with _connect() as client:
        found = find.organisation_id(client, organisation)
        print_organisation(client.installation.update_organisation(found, name=name, settings=changes))

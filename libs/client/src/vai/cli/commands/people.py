"""`vai whoami`, `vai users`, `vai organisation`: who is there, as whom one calls."""

import sys
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from vai.call import UNSET, Unset
from vai.cli import find
from vai.cli.context import AGENT, Commands, LimitOption, SetOption, connect, settings, verb
from vai.cli.inputs import definition_of
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.client import Client
from vai.errors import Forbidden
from vai.models.people import InvitedMember, Member, Organisation

users = typer.Typer(cls=Commands, help="Users: list, invite, show, delete. Without a command: list.")
organisation = typer.Typer(cls=Commands, help="The organisation: show, update. Without a command: show.")
RoleName = Literal["viewer", "operator", "admin"]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's id, how it begins, or email.")]
RoleOption = Annotated[RoleName | None, typer.Option("--role", help="What they may do.")]


def whoami() -> None:
    """Show the user and the address that `vai` uses, and where they come from."""
    found = settings()
    with Client(found.api_url, found.api_key, agent=AGENT) as client:
        me = client.session.me()
        try:
            home = client.organisation.get()
        except Forbidden:  # a key whose scopes leave it out
            home = None
    if show.data(me.raw | {"organisation": home and home.raw, "apiUrl": found.api_url, "keyFrom": found.key_from}):
        return
    name = " ".join(filter(None, (me.user.first_name, me.user.last_name)))
    show.print_facts(
        {
            "service account" if me.is_service_account else "user": f"{name} ({me.user.id})" if name else me.user.id,
            "role": me.role,
            **({} if me.scopes is None else {"scopes": ", ".join(me.scopes)}),
            "organisation": f"{home.slug} ({home.id})" if home else me.organisation_id,
            "address": f"{found.api_url} (from {found.url_from})",
            "key": f"from {found.key_from}",
        }
    )


@verb(users, "list")
def list_users(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in email or name.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="Only with this role. Repeatable.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List users in the order of their emails."""
    with connect() as client:
        print_list(client.users.iterate(q, role=role, limit=page_of(limit)), limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Email", 1, gives=True),
    show.Column("Role", 2),
    show.Column("Name", 4, gives=True),
    show.Column("Since", 5),
    show.Column("Id", 0),
)


def _row(member: Member) -> tuple[str | Text, ...]:
    since = show.moment(member.accepted_at) or "invited"
    return show.clean(member.email), member.role, show.clean(_name(member)), since, member.id


def _name(member: Member) -> str:
    return " ".join(filter(None, (member.first_name, member.last_name)))


@verb(users)
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom.")],
    role: Annotated[RoleName, typer.Option("--role", help="What they may do.")] = "viewer",
    first_name: Annotated[str | None, typer.Option(help="Their first name.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Their last name.")] = None,
) -> None:
    """Invite somebody; the token is for them, good once and for a week. No mail is sent."""
    with connect() as client:
        made = client.users.create(email, role, first_name=first_name, last_name=last_name)
    print_invited(made, made.raw)


def print_invited(made: InvitedMember, raw: Any) -> None:
    """A new person, with the token that is shown this once."""
    if show.data(raw):
        return
    show.print_facts(_facts(made) | {"token": made.invitation_token, "until": show.moment(made.invitation_ends_at)})
    show.notes().print(Text("The token is not shown again. They take it with: vai users accept", "yellow"))


@verb(users)
def accept(
    password: Annotated[
        bool, typer.Option("--password/--no-password", help="Choose a password; without one, they come through OIDC.")
    ] = True,
) -> None:
    """Accept an invitation: asks for its token and for a new password (one a line if the input is piped)."""
    token = _secret("Invitation")
    chosen = _secret("New password", confirmed=True) if password else None
    found = settings()
    with Client(found.api_url, None, agent=AGENT) as client:
        made = client.session.accept_invitation(token, chosen)
    show.done(f"accepted; signed in until {show.moment(made.expires_at)}", made.raw)


def _secret(what: str, confirmed: bool = False) -> str:
    """Typed without being seen; a line of the standard input where that is no terminal."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirmed))
    return sys.stdin.readline().rstrip("\n")


@verb(users, "show")
def show_user(user: UserArgument) -> None:
    """Show a user."""
    with connect() as client:
        _print(client.users.get(find.user_id(client, user)))


@verb(users)
def update(
    user: UserArgument,
    role: RoleOption = None,
    first_name: Annotated[str | None, typer.Option(help="Their first name; empty to clear it.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Their last name; empty to clear it.")] = None,
) -> None:
    """Change a user's role or names; a new role counts at once."""
    with connect() as client:
        found = find.user_id(client, user)
        _print(
            client.users.update(found, role=role, first_name=_clearable(first_name), last_name=_clearable(last_name))
        )


def _clearable(text: str | None) -> str | Unset | None:
    return UNSET if text is None else text or None


@verb(users)
def delete(user: UserArgument) -> None:
    """Remove a user; their sessions and keys end at once."""
    with connect() as client:
        found = client.users.get(find.user_id(client, user))
        client.users.delete(found.id)
    show.done(f"user {found.email} deleted", found.raw)


def _print(member: Member) -> None:
    if not show.data(member.raw):
        show.print_facts(_facts(member))


def _facts(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "email": member.email,
        "role": member.role,
        "name": _name(member),
        "accepted": show.moment(member.accepted_at) or "not yet",
        "password": "yes" if member.has_password else "no",
    }


@verb(organisation, "show")
def show_organisation() -> None:
    """Show the organisation and its settings."""
    with connect() as client:
        print_organisation(client.organisation.get())


@verb(organisation, "update")
def update_organisation(
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    assignments: SetOption = None,
) -> None:
    """Rename it, or change settings: --set max_running=20, --set forbid_self_approval=true; null: the default."""
    changes = definition_of(None, assignments or ()) or None
    with connect() as client:
        print_organisation(client.organisation.update(name=name, settings=changes))


def print_organisation(found: Organisation) -> None:
    """An organisation with its settings."""
    if show.data(found.raw):
        return
    show.print_facts({"id": found.id, "slug": found.slug, "name": found.name})
    show.print_json(show.output(), found.settings)

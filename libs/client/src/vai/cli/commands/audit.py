"""`vai audit`: who did what in the organisation."""

from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import LimitOption, connect
from vai.cli.run_filters import moment_of
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.audit import AuditEntry

_COLUMNS = (
    show.Column("When", 1),
    show.Column("Who", 2, gives=True),
    show.Column("Did", 0),
    show.Column("To", 3, gives=True),
    show.Column("Outcome", 4),
    show.Column("Key", 5, gives=True),
    show.Column("From", 6),
)
_COLOURS = {"refused": "yellow", "failed": "red", "unknown": "yellow"}


def audit(
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="What they did: id, its beginning, or email.")
    ] = None,
    key: Annotated[str | None, typer.Option("--with-key", metavar="API-KEY", help="What was done with it.")] = None,
    action: Annotated[str | None, typer.Option(metavar="VERB.NOUN", help="As in update.automation.")] = None,
    what: Annotated[list[str] | None, typer.Option("--on", metavar="NOUN", help="As in secret. Repeatable.")] = None,
    target: Annotated[str | None, typer.Option(metavar="ID", help="What was done to this one.")] = None,
    outcome: Annotated[list[str] | None, typer.Option(help="done, refused, failed or unknown. Repeatable.")] = None,
    request: Annotated[str | None, typer.Option(metavar="ID", help="Of the request with this X-Request-Id.")] = None,
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="What came from this address.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Since then: 2h, 3d, or 2026-11-29T06:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before then, as --since.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """Show who did what, newest first. For administrators."""
    with connect() as client:
        found = client.audit.iterate(
            actor_id=user and find.user_id(client, user),
            api_key_id=key and find.key_id(client, key),
            action=action,
            target_type=what,
            target_id=target,
            outcome=outcome,
            request_id=request,
            address=address,
            since=moment_of(since, "--since"),
            until=moment_of(until, "--until"),
            limit=page_of(limit),
        )
        print_list(found, limit, _COLUMNS, _row)


def _row(entry: AuditEntry) -> tuple[str | Text, ...]:
    who = entry.actor.get("name") or entry.actor.get("id") or entry.actor["type"]
    target = entry.target
    named = " ".join(filter(None, (target["type"], target.get("name") or target.get("id"))))
    outcome = Text(entry.outcome if entry.status is None else f"{entry.outcome} {entry.status}")
    outcome.stylize(_COLOURS.get(entry.outcome, ""))
    key = (entry.api_key or {}).get("name") or ""
    moment = show.moment(entry.occurred_at)
    return moment, show.clean(who), entry.action, show.clean(named), outcome, show.clean(key), entry.address or ""

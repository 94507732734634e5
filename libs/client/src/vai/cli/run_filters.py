"""The options that filter runs, for lists and for decisions about many runs."""

import re
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from vai.call import given
from vai.client import Client
from vai.clock import now
from vai.models.answers import Json

from . import find

StatusFilter = Annotated[list[str] | None, typer.Option("--status", help="Only with this status. Repeatable.")]
KindFilter = Annotated[list[str] | None, typer.Option("--kind", help="Only of this kind. Repeatable.")]
ActionFilter = Annotated[
    str | None, typer.Option("--action", metavar="ACTION", help="Only of this action, by id, its beginning, or slug.")
]
ConnectionFilter = Annotated[
    str | None, typer.Option("--connection", metavar="CONNECTION", help="Only on this connection.")
]
AutomationFilter = Annotated[
    str | None, typer.Option("--automation", metavar="AUTOMATION", help="Only steps of this automation.")
]
TriggerFilter = Annotated[
    list[str] | None,
    typer.Option("--trigger", help="Only begun by this: ui, api, cli, schedule, webhook, event, … Repeatable."),
]
SinceFilter = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Made since then: 2h, 3d, or 2026-11-29T06:00:00Z.")
]
UntilFilter = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Made before then, as --since.")]
TextFilter = Annotated[
    str | None,
    typer.Option("--search", "-q", metavar="TEXT", help="A part of the action's name, of a key or of the error."),
]

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class RunFilters:
    """The values of a command's filter options."""

    status: list[str] | None = None
    kind: list[str] | None = None
    action: str | None = None
    connection: str | None = None
    automation: str | None = None
    trigger: list[str] | None = None
    label: list[str] | None = None
    since: str | None = None
    until: str | None = None
    search: str | None = None

    @property
    def given(self) -> bool:
        return any(astuple(self))

    def query(self, client: Client) -> dict[str, Any]:
        """As arguments of `client.runs.list`. Raises `typer.BadParameter`, or `VaiError` for a name of nothing."""
        return given(
            status=self.status,
            kind=self.kind,
            action_id=find.action(client, self.action).id if self.action else None,
            connection_id=find.connection(client, self.connection).id if self.connection else None,
            automation_id=find.automation(client, self.automation).id if self.automation else None,
            trigger_method=self.trigger,
            label=self.label,
            created_from=moment_of(self.since, "--since"),
            created_until=moment_of(self.until, "--until"),
            q=self.search,
        )

    def body(self, client: Client) -> Json:
        """As `filters` of `client.runs.bulk`; raises as `query`."""
        return {_camel(name): value for name, value in self.query(client).items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def later_of(text: str | None) -> str | None:
    """The instant of `--at`: a time, or how long from now on. Raises `typer.BadParameter`."""
    ahead = None if text is None else _AGO.fullmatch(text)
    if ahead is None:
        return moment_of(text, "--at")
    return (now() + timedelta(**{_UNITS[ahead[2]]: int(ahead[1])})).isoformat()


def moment_of(text: str | None, option: str) -> str | None:
    """An instant as the REST API takes it. Raises `typer.BadParameter`."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return (now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no time; write 2h, 3d, or 2026-11-29T06:00:00Z"
        raise typer.BadParameter(message, param_hint=option) from error
    return moment.astimezone(UTC).isoformat()

"""`vai alert-rules` and `vai alerts`: what people are told, and what became of it."""

import time
from typing import Annotated

import typer
from rich.text import Text

from vai.call import UNSET
from vai.cli import find
from vai.cli.context import FAILED, Commands, LimitOption, connect, verb
from vai.cli.inputs import secret_object
from vai.cli.labels import LabelsOption, labels_of
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.alerts import Alert, AlertRule
from vai.models.answers import Json

rules = typer.Typer(
    cls=Commands, help="Rules by which people are told of what happens: list, create, test, … Without a command: list."
)
alerts = typer.Typer(
    cls=Commands, help="Messages that alert rules have sent, or could not deliver. Without a command: list."
)

RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id, how it begins, or its name.")]
AlertArgument = Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id, or how it begins.")]
ChannelOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help='A JSON file, or - for the standard input: {"type": "slack", "url": "…"}.'),
]
TellOption = Annotated[
    list[str] | None,
    typer.Option("--tell", help="failed, partial, late, awaiting_approval or schedule_missed. Repeatable."),
]
KindOption = Annotated[list[str] | None, typer.Option("--kind", help="Only runs of this kind. Repeatable.")]
ActionOption = Annotated[list[str] | None, typer.Option("--action", help="Only of this action. Repeatable.")]
AutomationOption = Annotated[
    list[str] | None, typer.Option("--automation", help="Only of this automation and its steps. Repeatable.")
]
GatherOption = Annotated[int | None, typer.Option(help="Seconds: what comes so soon is in one message.")]
PauseOption = Annotated[int | None, typer.Option("--pause", help="Seconds between two messages, at least.")]
LateOption = Annotated[int | None, typer.Option("--late", help="Seconds after which a run is late.")]

_TEST_SECONDS = 45.0
"""More than one attempt may take."""


@verb(rules, "list")
def list_rules() -> None:
    """List alert rules, newest first."""
    with connect() as client:
        print_list(iter(client.alerts.rules()), LIMIT * 10, _RULE_COLUMNS, _rule_row)


_RULE_COLUMNS = (
    show.Column("Name", 1, gives=True),
    show.Column("Tells", 2),
    show.Column("To", 3),
    show.Column("Status", 4),
    show.Column("Id", 0),
)


def _rule_row(rule: AlertRule) -> tuple[str | Text, ...]:
    status = "active" if rule.is_active else "paused"
    return show.clean(rule.name), ", ".join(rule.tells), _place(rule), status, rule.id


def _place(rule: AlertRule) -> str:
    return f"{rule.channel.get('type')} {show.clean(rule.channel.get('host') or '')}"


@verb(rules)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    channel: Annotated[str, typer.Option(metavar="FILE", help="As in `update`.")],
    tell: Annotated[
        list[str], typer.Option("--tell", help="failed, partial, late, awaiting_approval or schedule_missed.")
    ],
    kind: KindOption = None,
    action: ActionOption = None,
    automation: AutomationOption = None,
    label: LabelsOption = None,
    gather: GatherOption = None,
    pause: PauseOption = None,
    late: LateOption = None,
) -> None:
    """Tell people of what happens. The channel's address and passwords are never shown again; then `test` it."""
    with connect() as client:
        made = client.alerts.create(
            name,
            tell,
            secret_object(channel, "--channel"),
            filters=_filters(kind, action, automation, label),
            gather_seconds=gather,
            pause_seconds=pause,
            late_seconds=late,
        )
    show.done(f"{made.id} {show.clean(made.name)}", made.raw)


def _filters(
    kind: list[str] | None, action: list[str] | None, automation: list[str] | None, label: list[str] | None
) -> Json | None:
    named = {"kinds": kind, "actions": action, "automations": automation, "labels": labels_of(label)}
    return {name: value for name, value in named.items() if value} or None


@verb(rules, "show")
def show_rule(rule: RuleArgument) -> None:
    """Show a rule; addresses and passwords are never shown."""
    with connect() as client:
        _print_rule(client.alerts.get(find.alert_rule_id(client, rule)))


@verb(rules)
def update(
    rule: RuleArgument,
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    channel: ChannelOption = None,
    tell: TellOption = None,
    kind: KindOption = None,
    action: ActionOption = None,
    automation: AutomationOption = None,
    label: LabelsOption = None,
    gather: GatherOption = None,
    pause: PauseOption = None,
    late: LateOption = None,
    active: Annotated[bool | None, typer.Option("--active/--paused", help="Whether it tells anything.")] = None,
) -> None:
    """Change what is given; filters are replaced together, a channel as a whole."""
    with connect() as client:
        changed = client.alerts.update(
            find.alert_rule_id(client, rule),
            name=name,
            tells=tell or None,
            channel=secret_object(channel, "--channel") if channel else None,
            filters=_filters(kind, action, automation, label),
            is_active=active,
            gather_seconds=gather,
            pause_seconds=pause,
            late_seconds=UNSET if late is None else late or None,
        )
    _print_rule(changed)


@verb(rules)
def delete(rule: RuleArgument) -> None:
    """Remove a rule and its secrets; what it has not sent is given up."""
    with connect() as client:
        found = find.alert_rule_id(client, rule)
        client.alerts.delete(found)
    show.done(f"alert rule {found} deleted", {"id": found})


@verb(rules, "test")
def try_out(rule: RuleArgument) -> None:
    """Send a test message, and wait for the outcome; the exit code is 1 if it did not arrive."""
    with connect() as client:
        sent = client.alerts.test(find.alert_rule_id(client, rule))
        until = time.monotonic() + _TEST_SECONDS
        while sent.status not in ("sent", "given_up") and time.monotonic() < until:
            client.pause(0.3)
            sent = client.alerts.alert(sent.id)
    show.done(f"{sent.status}{_why(sent)}", sent.raw)
    if sent.status != "sent":
        raise typer.Exit(FAILED)


@verb(alerts, "list")
def list_alerts(
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="gathering, sending, waiting, sent or given_up. Repeatable.")
    ] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List alerts of the last 30 days, newest first. `--status given_up`: those that could not be delivered."""
    with connect() as client:
        of = find.alert_rule_id(client, rule) if rule else None
        print_list(client.alerts.iterate(rule=of, status=status, limit=page_of(limit)), limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Created", 1),
    show.Column("Rule", 2, gives=True),
    show.Column("Tells", 3),
    show.Column("Status", 4),
    show.Column("Why", 6, gives=True),
    show.Column("Id", 0),
)


def _row(alert: Alert) -> tuple[str | Text, ...]:
    why = show.clean((alert.error or {}).get("message", ""))
    return show.moment(alert.created_at), show.clean(alert.rule), _told(alert), alert.status, why, alert.id


def _told(alert: Alert) -> str:
    return "test" if alert.is_test else ", ".join(f"{count:,} {what}" for what, count in alert.counts.items())


def _why(alert: Alert) -> str:
    return f": {show.clean(alert.error.get('message', ''))}" if alert.error else ""


@verb(alerts, "show")
def show_alert(alert: AlertArgument) -> None:
    """Show an alert: what it tells, and what became of it."""
    with connect() as client:
        found = client.alerts.alert(find.whole_id(client, find.ALERT, alert))
    if show.data(found.raw):
        return
    show.print_facts(
        {
            "id": found.id,
            "rule": show.clean(found.rule),
            "status": f"{found.status}{_why(found)}",
            "attempts": found.attempts,
            "tells": _told(found),
            "created": show.moment(found.created_at),
            "sent": show.moment(found.sent_at),
        }
    )
    for item in found.items:
        told = " ".join(filter(None, (item["what"], item["name"], item["text"])))
        show.output().print(Text(f"  {show.clean(told)}"))


@verb(alerts, "send-again")
def send_again(alert: AlertArgument) -> None:
    """Send an alert that was given up, once its receiver works again."""
    with connect() as client:
        again = client.alerts.send_again(find.whole_id(client, find.ALERT, alert))
    show.done(f"alert {again.id} is sent again", again.raw)


def _print_rule(rule: AlertRule) -> None:
    if show.data(rule.raw):
        return
    filters = {name: value for name, value in rule.filters.items() if value}
    show.print_facts(
        {
            "id": rule.id,
            "name": show.clean(rule.name),
            "status": "active" if rule.is_active else "paused",
            "tells": ", ".join(rule.tells),
            "to": _place(rule),
            "secrets": ", ".join(rule.channel.get("secrets") or ()),
            "gathers": f"{rule.gather_seconds} s",
            "pauses": f"{rule.pause_seconds} s",
            "late after": show.took(rule.late_seconds) if rule.late_seconds else None,
        }
    )
    if filters:
        show.print_json(show.output(), filters)

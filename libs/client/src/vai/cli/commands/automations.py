"""`vai automations`: saved automations; their runs are in `automation_runs.py`."""

from typing import Annotated, Any

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.inputs import read_object
from vai.cli.labels import LabelFilter, label_words
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.cli.screen.steps import drawing
from vai.models.automations import Automation

from . import automation_runs, backfill, versions
from .automation_runs import AutomationArgument

app = typer.Typer(cls=Commands, help="Automations: save, show, trigger, follow and draw them. Without a command: list.")
FileArgument = Annotated[str, typer.Argument(metavar="FILE.json", help="The automation as JSON; - for standard input.")]


@verb(app, "list")
def list_automations(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active, paused or error. Repeatable.")] = None,
    trigger: Annotated[list[str] | None, typer.Option(help="schedule, webhook, event, manual. Repeatable.")] = None,
    label: LabelFilter = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List automations, newest first."""
    with connect() as client:
        every = client.automations.iterate(q, statuses=status, triggers=trigger, label=label, limit=page_of(limit))
        print_list(every, limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Slug", 1, gives=True),
    show.Column("Status", 2),
    show.Column("Trigger", 4, gives=True),
    show.Column("Next", 6),
    show.Column("Latest run", 5),
    show.Column("Name", 7, gives=True),
    show.Column("Id", 0),
)


def _row(automation: Automation) -> tuple[str | Text, ...]:
    latest = show.status_text(automation.latest_run.display_status) if automation.latest_run else ""
    status = show.status_text(automation.status)
    trigger = show.clean(trigger_words(automation.trigger))
    name = show.clean(automation.name)
    return automation.slug, status, trigger, show.moment(automation.next_run_at), latest, name, automation.id


def trigger_words(trigger: dict[str, Any]) -> str:
    """When it starts, in a few words."""
    more = (trigger.get("schedule"), trigger.get("timezone"), trigger.get("path"), trigger.get("eventType"))
    return " ".join(str(word) for word in (trigger.get("type"), *more) if word)


@verb(app)
def create(file: FileArgument) -> None:
    """Save an automation. Errors are shown with their place in the file."""
    body = read_object(file, "FILE.json")
    with connect() as client:
        made = client.automations.create(body)
    _print(made)
    _print_secret(made)
    show.print_warnings(made.raw)


@verb(app)
def update(automation: AutomationArgument, file: FileArgument) -> None:
    """Change the parts that the file names; automation runs that go on keep their steps."""
    parts = read_object(file, "FILE.json")
    with connect() as client:
        changed = client.automations.update(find.automation(client, automation).id, parts)
    _print(changed)
    _print_secret(changed)
    show.print_warnings(changed.raw)


@verb(app)
def validate(file: FileArgument) -> None:
    """Check an automation without saving it; prints how it was understood, and what cannot work."""
    body = read_object(file, "FILE.json")
    with connect() as client:
        judged = client.automations.validate(body)
    if not show.data(judged):
        show.print_json(show.output(), judged)
    show.print_warnings(judged)


def show_one(automation: AutomationArgument) -> None:
    """Show an automation and its steps."""
    with connect() as client:
        _print(find.automation(client, automation))


verb(app, "show")(show_one)
verb(app, "get", hidden=True)(show_one)


@verb(app)
def pause(automation: AutomationArgument) -> None:
    """Stop its triggers; `trigger` still works."""
    with connect() as client:
        _say(client.automations.pause(find.automation(client, automation).id))


@verb(app)
def resume(automation: AutomationArgument) -> None:
    """Let its triggers fire again, from now on."""
    with connect() as client:
        _say(client.automations.resume(find.automation(client, automation).id))


@verb(app)
def delete(automation: AutomationArgument) -> None:
    """Remove an automation; its runs stay readable."""
    with connect() as client:
        found = find.automation(client, automation)
        client.automations.delete(found.id)
    show.done(f"automation {found.slug} deleted", found.raw)


def _say(automation: Automation) -> None:
    if show.data(automation.raw):
        return
    after = f", next at {show.moment(automation.next_run_at)}" if automation.next_run_at else ""
    show.output().print(
        Text.assemble(f"automation {automation.slug} ", show.status_text(automation.status), after),
    )


def _print(automation: Automation) -> None:
    if show.data(automation.raw):
        return
    show.print_facts(_facts(automation))
    for line in drawing(automation.steps):
        show.output().print(line)


def _facts(automation: Automation) -> dict[str, Any]:
    latest, error = automation.latest_run, automation.error
    return {
        "id": automation.id,
        "slug": automation.slug,
        "name": automation.name,
        "about": automation.description,
        "status": automation.status,
        "labels": label_words(automation.labels),
        "tool": "over MCP" if automation.expose else None,
        "error": error and f"{error.code}: {error.message}",
        "trigger": trigger_words(automation.trigger),
        "next": ", ".join(map(show.moment, automation.next_runs)) or None,
        "webhook": automation.webhook_url,
        "inputs": ", ".join(automation.inputs),
        "latest run": latest and f"{latest.run_id} {latest.display_status}",
    }


def _print_secret(automation: Automation) -> None:
    """A secret that the platform has made is in this answer only."""
    secret = automation.trigger.get("secret")
    if isinstance(secret, str) and not show.for_programs():
        show.output().print(Text(f"{'secret':<12}{show.clean(secret)}"))
        show.notes().print(Text("Keep the secret: it signs the webhook's requests and is not shown again.", "yellow"))


automation_runs.register(app)
backfill.register(app)
versions.register(app)

"""`vai automations`: saved automations; their runs are in `automation_runs.py`."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from vai.automation_models import Automation

from . import automation_runs, show
from .automation_runs import AutomationArgument, find
from .context import Commands, JsonFlag, connect
from .inputs import read_object
from .runs import PAGE
from .steps import drawing

app = typer.Typer(cls=Commands, help="Automations: save, show, trigger, follow and draw them. Alone: list them.")
FileArgument = Annotated[str, typer.Argument(metavar="FILE.json", help="The automation as JSON; - for standard input.")]
LIST_LIMIT = 20


@app.callback(invoke_without_command=True)
def automations(context: typer.Context) -> None:
    """Automations: save, show, trigger, follow and draw them. Alone: list them."""
    if context.invoked_subcommand is None:
        list_automations()


@app.command("list")
def list_automations(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active, paused or error. Repeatable.")] = None,
    trigger: Annotated[list[str] | None, typer.Option(help="schedule, webhook, event, manual. Repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = LIST_LIMIT,
    as_json: JsonFlag = False,
) -> None:
    """List automations, newest first."""
    with connect() as client:
        every = client.automations.iterate(q, statuses=status, triggers=trigger, limit=min(limit, PAGE))
        found = list(islice(every, limit))
    if as_json:
        show.print_json(show.output(), [each.raw for each in found])
        return
    headings = ("Slug", "Status", "Trigger", "Next", "Latest run", "Name", "Id")
    show.print_table(show.output(), headings, map(_row, found))


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


@app.command()
def create(file: FileArgument, as_json: JsonFlag = False) -> None:
    """Save an automation; what is wrong with it is told with its place."""
    body = read_object(file, "FILE.json")
    with connect() as client:
        made = client.automations.create(body)
    _print(made, as_json)
    _print_secret(made, as_json)


@app.command()
def update(automation: AutomationArgument, file: FileArgument, as_json: JsonFlag = False) -> None:
    """Change what the file names; runs that go on keep the steps that they began with."""
    parts = read_object(file, "FILE.json")
    with connect() as client:
        changed = client.automations.update(find(client, automation).id, parts)
    _print(changed, as_json)
    _print_secret(changed, as_json)


@app.command()
def validate(file: FileArgument) -> None:
    """Have an automation judged without saving it; prints how it was understood."""
    body = read_object(file, "FILE.json")
    with connect() as client:
        show.print_json(show.output(), client.automations.validate(body))


@app.command("show")
def show_one(automation: AutomationArgument, as_json: JsonFlag = False) -> None:
    """Show an automation and its steps."""
    with connect() as client:
        _print(find(client, automation), as_json)


@app.command()
def pause(automation: AutomationArgument, as_json: JsonFlag = False) -> None:
    """Let its triggers fire no more; `trigger` still works."""
    with connect() as client:
        _say(client.automations.pause(find(client, automation).id), as_json)


@app.command()
def resume(automation: AutomationArgument, as_json: JsonFlag = False) -> None:
    """Let its triggers fire again, from now on."""
    with connect() as client:
        _say(client.automations.resume(find(client, automation).id), as_json)


@app.command()
def delete(automation: AutomationArgument) -> None:
    """Remove an automation; its runs stay readable."""
    with connect() as client:
        found = find(client, automation)
        client.automations.delete(found.id)
    show.output().print(Text(f"automation {found.slug} deleted"))


def _say(automation: Automation, as_json: bool) -> None:
    if as_json:
        show.print_json(show.output(), automation.raw)
        return
    after = f", next at {show.moment(automation.next_run_at)}" if automation.next_run_at else ""
    show.output().print(
        Text.assemble(f"automation {automation.slug} ", show.status_text(automation.status), after),
    )


def _print(automation: Automation, as_json: bool) -> None:
    out = show.output()
    if as_json:
        show.print_json(out, automation.raw)
        return
    for name, value in _facts(automation):
        out.print(Text(f"{name:<12}{show.clean(str(value))}"))
    for line in drawing(automation.steps):
        out.print(line)


def _facts(automation: Automation) -> Iterator[tuple[str, Any]]:
    latest, error = automation.latest_run, automation.error
    facts = {
        "id": automation.id,
        "slug": automation.slug,
        "name": automation.name,
        "about": automation.description,
        "status": automation.status,
        "error": error and f"{error.code}: {error.message}",
        "trigger": trigger_words(automation.trigger),
        "next": show.moment(automation.next_run_at),
        "webhook": automation.webhook_url,
        "inputs": ", ".join(automation.inputs),
        "latest run": latest and f"{latest.run_id} {latest.display_status}",
    }
    return ((name, value) for name, value in facts.items() if value)


def _print_secret(automation: Automation, as_json: bool) -> None:
    """A secret that the platform has made is in this answer only."""
    secret = automation.trigger.get("secret")
    if isinstance(secret, str) and not as_json:
        show.output().print(Text(f"{'secret':<12}{show.clean(secret)}"))
        show.notes().print(Text("Keep the secret: it signs the webhook's requests and is not shown again.", "yellow"))


automation_runs.register(app)

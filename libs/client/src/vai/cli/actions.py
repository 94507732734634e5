"""`vai actions`: saved actions."""

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from vai import actions as calls
from vai.client import Client
from vai.models import Action

from . import show
from .context import Commands, ConnectionOption, DefinitionOption, JsonFlag, SetOption, connect
from .inputs import definition_of, is_id
from .runs import PAGE, logs
from .start import FollowFlag, Stay, WaitOption, start

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Saved actions: list, create, get, run, logs.")
ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", help="The action's id or slug.")]
app.command("logs")(logs)


@app.command("list")
def list_actions(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind. Repeatable.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active or disabled.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List actions, newest first."""
    with connect() as client:
        every = client.actions.iterate(q, kinds=kind, statuses=status, limit=min(limit, PAGE))
        found = list(islice(every, limit))
    if as_json:
        show.print_json(show.output(), [each.raw for each in found])
        return
    headings = ("Slug", "Kind", "Status", "Latest run", "Name", "Id")
    show.print_table(show.output(), headings, map(_row, found))


def _row(action: Action) -> tuple[str | Text, ...]:
    latest = show.status_text(action.latest_run.status) if action.latest_run else ""
    return action.slug, action.kind, action.status, latest, show.clean(action.name), action.id


@app.command()
def create(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to do, for example dlt_extract.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    slug: Annotated[str | None, typer.Option(help="Its short name; made from the name if not given.")] = None,
    template: Annotated[str | None, typer.Option(help="A preset to start from.")] = None,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    connection: ConnectionOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Save an action."""
    wanted = definition_of(definition, assignments or (), connection)
    with connect() as client:
        made = client.actions.create(kind, name, wanted, slug=slug, template_id=template)
    _print(made, as_json)


@app.command()
def get(action: ActionArgument, as_json: JsonFlag = False) -> None:
    """Show an action and its definition."""
    with connect() as client:
        _print(_find(client, action), as_json)


@app.command()
def run(
    action: ActionArgument,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run an action; --set and --definition go over its own definition. Exit codes as for `vai run`."""
    overrides = definition_of(definition, assignments or ())
    stay = Stay(follow, wait, as_json)
    action_id = action
    if not is_id(action):
        with connect() as client:
            action_id = client.actions.by_slug(action).id
    start(calls.run(action_id, overrides or None, wait=stay.hold, respond_async=stay.follows), stay)


def _find(client: Client, action: str) -> Action:
    return client.actions.get(action) if is_id(action) else client.actions.by_slug(action)


def _print(action: Action, as_json: bool) -> None:
    out = show.output()
    if as_json:
        show.print_json(out, action.raw)
        return
    for name, value in _facts(action).items():
        out.print(Text(f"{name:<12}{show.clean(str(value))}"))
    show.print_json(out, action.definition)


def _facts(action: Action) -> Mapping[str, Any]:
    facts = {
        "id": action.id,
        "slug": action.slug,
        "name": action.name,
        "kind": action.kind,
        "status": action.status,
        "connection": action.connection_id,
        "latest run": action.latest_run and f"{action.latest_run.id} {action.latest_run.status}",
    }
    return {name: value for name, value in facts.items() if value}

"""`vai actions`: saved actions."""

from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from vai.call import UNSET
from vai.calls import actions as calls
from vai.cli import find
from vai.cli.context import (
    Commands,
    ConnectionOption,
    DefinitionOption,
    KeyOption,
    LimitOption,
    SetOption,
    connect,
    verb,
)
from vai.cli.inputs import definition_of
from vai.cli.labels import LabelsOption, label_words, labels_of
from vai.cli.run_filters import later_of
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.cli.start import AtOption, FollowFlag, Stay, WaitOption, start
from vai.models.answers import Action

from .runs import logs

app = typer.Typer(cls=Commands, help="Saved actions: list, create, show, update, run, delete. Without a command: list.")
ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", help="The action's id, how it begins, or its slug.")]
ActionStatus = Literal["active", "disabled"]
verb(app)(logs)


@verb(app, "list")
def list_actions(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind. Repeatable.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="active or disabled.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List actions, newest first."""
    with connect() as client:
        every = client.actions.iterate(q, kinds=kind, statuses=status, limit=page_of(limit))
        print_list(every, limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Slug", 1, gives=True),
    show.Column("Kind", 2),
    show.Column("Status", 4),
    show.Column("Latest run", 5),
    show.Column("Name", 6, gives=True),
    show.Column("Id", 0),
)


def _row(action: Action) -> tuple[str | Text, ...]:
    latest = show.status_text(action.latest_run.status) if action.latest_run else ""
    return action.slug, action.kind, action.status, latest, show.clean(action.name), action.id


@verb(app)
def create(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to do, for example dlt_extract.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    slug: Annotated[str | None, typer.Option(help="Its short name; made from the name if not given.")] = None,
    template: Annotated[str | None, typer.Option(help="A preset to start from (vai templates).")] = None,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    connection: ConnectionOption = None,
    label: LabelsOption = None,
    expose: Annotated[bool | None, typer.Option(help="Let it be a tool over MCP, by its slug.")] = None,
) -> None:
    """Save an action. Its labels are those of its runs, too."""
    wanted = definition_of(definition, assignments or (), connection)
    with connect() as client:
        made = client.actions.create(
            *(kind, name, wanted), slug=slug, template_id=template, labels=labels_of(label), expose=expose
        )
    _print(made)
    show.print_warnings(made.raw)


def show_action(action: ActionArgument) -> None:
    """Show an action and its definition."""
    with connect() as client:
        _print(find.action(client, action))


verb(app, "show")(show_action)
verb(app, "get", hidden=True)(show_action)


@verb(app)
def update(
    action: ActionArgument,
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    slug: Annotated[str | None, typer.Option(help="Its short name from now on.")] = None,
    status: Annotated[ActionStatus | None, typer.Option(help="disabled: it cannot be run.")] = None,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    connection: ConnectionOption = None,
    label: LabelsOption = None,
    expose: Annotated[bool | None, typer.Option(help="Let it be a tool over MCP, or no more.")] = None,
) -> None:
    """Change what is given: --definition replaces the whole definition, --set alone changes fields of it.

    --label replaces all labels.
    """
    with connect() as client:
        found = find.action(client, action)
        changed = None
        if definition or assignments:
            base = {} if definition else found.definition
            changed = base | definition_of(definition, assignments or ())
        connection_id = find.connection(client, connection).id if connection else UNSET
        updated = client.actions.update(
            found.id,
            name=name,
            slug=slug,
            status=status,
            definition=changed,
            connection_id=connection_id,
            labels=labels_of(label),
            expose=expose,
        )
    _print(updated)
    show.print_warnings(updated.raw)


@verb(app)
def delete(action: ActionArgument) -> None:
    """Remove an action; its runs stay readable."""
    with connect() as client:
        found = find.action(client, action)
        client.actions.delete(found.id)
    show.done(f"action {found.slug} deleted", found.raw)


@verb(app)
def run(
    action: ActionArgument,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    label: LabelsOption = None,
    idempotency_key: KeyOption = None,
    at: AtOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Run an action; --set and --definition change its definition for this run. Exit codes as for `vai run`."""
    overrides = definition_of(definition, assignments or ())
    stay = Stay(follow, wait, at)
    with connect() as client:
        action_id = find.action(client, action).id
    call = calls.run(
        action_id,
        overrides or None,
        labels=labels_of(label),
        scheduled_for=later_of(at),
        idempotency_key=idempotency_key,
        wait=stay.hold,
        respond_async=stay.follows,
    )
    start(call, stay)


def _print(action: Action) -> None:
    if show.data(action.raw):
        return
    show.print_facts(_facts(action))
    show.print_json(show.output(), action.definition)


def _facts(action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "slug": action.slug,
        "name": action.name,
        "kind": action.kind,
        "status": action.status,
        "labels": label_words(action.labels),
        "tool": "over MCP" if action.expose else None,
        "connection": action.connection_id,
        "latest run": action.latest_run and f"{action.latest_run.id} {action.latest_run.status}",
    }

"""The commands of `vai automations` about automation runs: trigger, follow, list, draw, execute, cancel, retry."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from vai.calls import automation_runs as run_calls
from vai.calls import automations as calls
from vai.calls.automations import GraphFormat
from vai.cli import find
from vai.cli.context import KeyOption, LimitOption, SetOption, connect, verb
from vai.cli.inputs import definition_of, is_id, secret_inputs
from vai.cli.labels import LabelFilter, LabelsOption, labels_of
from vai.cli.run_filters import later_of
from vai.cli.screen import show
from vai.cli.screen.follow_steps import follow_steps
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.cli.screen.steps import drawing
from vai.cli.start import AtOption, FollowFlag, Started, Stay, WaitOption, start_as
from vai.client import Client
from vai.errors import NotFound
from vai.models.automations import AutomationRun, Step

_EDGE = re.compile(r"^  n\d+ (?:-->|-\.->)", re.MULTILINE)
_MOST_EDGES, _MOST_CHARACTERS = 500, 50_000  # Mermaid's defaults of maxEdges and maxTextSize

AutomationArgument = Annotated[
    str, typer.Argument(metavar="AUTOMATION", help="The automation's id, how it begins, or its slug.")
]
AutomationRunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The automation run's id, or how it begins.")]


def register(app: typer.Typer) -> None:
    """Put the commands about automation runs into `app`."""
    for command in (trigger, runs, follow, graph, execute, cancel, retry):
        verb(app)(command)


def trigger(
    automation: AutomationArgument,
    assignments: SetOption = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="FILE|JSON", help="A JSON file, - for the standard input, or {…}.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=@FILE]", help="A secret input: asked for, of a file, or NAME=- for a pipe."),
    ] = None,
    label: LabelsOption = None,
    at: AtOption = None,
    idempotency_key: KeyOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Start an automation and show its steps until it ends; --set gives its inputs.

    Exit codes as for `vai run`. The automation may be paused.
    """
    given = definition_of(inputs, assignments or ())
    stay = Stay(follow, wait, at)
    with connect() as client:
        found = find.automation(client, automation)
    given |= secret_inputs(found.inputs, given, secret or (), assignments or ())
    hold = None if stay.follows else stay.hold
    labels, later = labels_of(label), later_of(at)
    beside: Any = {"labels": labels, "scheduled_for": later, "idempotency_key": idempotency_key}
    call = calls.trigger(found.id, given or None, **beside, wait=hold)
    start_as(_started(found.steps), call, stay)


def follow(run: AutomationRunArgument, wait: WaitOption = None) -> None:
    """Show the steps of an automation run until it ends. Exit codes as for `vai run`."""
    with connect() as client:
        found = client.automation_runs.get(find.whole_id(client, find.AUTOMATION_RUN, run))
        steps = _steps_of(client, found)
    start_as(_started(steps), run_calls.get(found.id), Stay(True, wait))


def retry(
    run: AutomationRunArgument,
    latest: Annotated[
        bool, typer.Option("--latest", help="By the automation as it is now; changed steps are done again.")
    ] = False,
    from_step: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="Also this step and all after it, whatever became of them."),
    ] = None,
    idempotency_key: KeyOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Start a new automation run from the steps that failed; what succeeded is kept. Exit codes as for `vai run`."""
    stay = Stay(follow, wait)
    with connect() as client:
        found = client.automation_runs.get(find.whole_id(client, find.AUTOMATION_RUN, run))
        steps = _steps_of(client, found)
    version: run_calls.Version | None = "latest" if latest else None
    hold = None if stay.follows else stay.hold
    key = idempotency_key
    call = run_calls.retry(found.id, version=version, from_step=from_step, idempotency_key=key, wait=hold)
    start_as(_started(steps), call, stay)


def execute(run: AutomationRunArgument) -> None:
    """Start an automation run that is scheduled for later now."""
    with connect() as client:
        begun = client.automation_runs.execute(find.whole_id(client, find.AUTOMATION_RUN, run))
    if not show.data(begun.raw):
        show.output().print(_told(begun))


def cancel(run: AutomationRunArgument) -> None:
    """Stop an automation run: nothing new starts, and what runs is cancelled."""
    with connect() as client:
        changed = client.automation_runs.cancel(find.whole_id(client, find.AUTOMATION_RUN, run))
    if not show.data(changed.raw):
        show.output().print(_told(changed))


def runs(
    automation: Annotated[
        str | None, typer.Argument(metavar="[AUTOMATION]", help="Only of this one, by id or slug.")
    ] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only with this status. Repeatable.")] = None,
    label: LabelFilter = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List automation runs, newest first."""
    with connect() as client:
        automation_id = find.automation(client, automation).id if automation else None
        every = client.automation_runs.iterate(automation_id, status=status, label=label, limit=page_of(limit))
        print_list(every, limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Run", 0),
    show.Column("Status", 1),
    show.Column("Trigger", 4),
    show.Column("Created", 2),
    show.Column("Took", 5),
    show.Column("Steps", 6),
    show.Column("Outcome", 3, gives=True),
)


def graph(
    target: Annotated[
        str, typer.Argument(metavar="RUN|AUTOMATION", help="An automation run's id, or an automation's id or slug.")
    ],
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the drawing there, as SVG.")] = None,
) -> None:
    """Draw an automation, or one of its runs with states and durations: Mermaid text, or SVG with --svg FILE.

    Mermaid itself draws at most 500 connections and 50,000 characters, unless the page that shows the text raises
    maxEdges and maxTextSize. An SVG has no such limits.
    """
    with connect() as client:
        drawn = _drawn(client, target, "svg" if svg else "mermaid")
    if svg is None:
        if not show.data({"mermaid": drawn}):
            show.output().print(Text(drawn.rstrip()))
        _warn_of_limits(drawn)
        return
    try:
        svg.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{svg}: {error.strerror}", param_hint="--svg") from error
    if not show.data({"file": str(svg)}):
        show.output().print(Text(str(svg)))


def _warn_of_limits(mermaid: str) -> None:
    """Say so on stderr where Mermaid will not draw it."""
    edges = len(_EDGE.findall(mermaid))
    if edges > _MOST_EDGES or len(mermaid) > _MOST_CHARACTERS:
        told = f"{show.count(edges, 'connection')} and {len(mermaid):,} characters"
        text = (
            f"Mermaid does not draw this by itself ({told}): raise maxEdges and maxTextSize there, or use --svg FILE."
        )
        show.notes().print(Text(text, "yellow"))


def _drawn(client: Client, target: str, format: GraphFormat) -> str:
    if not is_id(target):
        return client.automations.graph(find.automation(client, target).id, format)
    try:
        return client.automation_runs.graph(target, format)
    except NotFound:
        return client.automations.graph(target, format)


def _steps_of(client: Client, run: AutomationRun) -> list[Step]:
    """The steps as they are saved now; none where the automation is gone."""
    try:
        return client.automations.get(run.automation_id).steps
    except NotFound:
        return []


def _row(run: AutomationRun) -> tuple[str | Text, ...]:
    ended = sum(made.completed_at is not None for made in run.action_runs)
    steps = f"{ended}/{len(run.action_runs)}" if run.action_runs else ""
    status = show.status_text(run.display_status)
    times = show.moment(run.created_at), show.took(run.duration_seconds)
    return run.run_id, status, run.triggered_by, *times, steps, _why(run)


def _why(run: AutomationRun) -> str:
    return show.clean(f"{run.error.code}: {run.error.message}" if run.error else run.reason or "")


def _told(run: AutomationRun) -> Text:
    """How an automation run stands, in a line."""
    spent = f" in {show.took(run.duration_seconds)}" if run.duration_seconds is not None else ""
    why = _why(run)
    status = show.status_text(run.display_status)
    return Text.assemble(f"automation run {run.run_id} ", status, spent, f": {why}" if why else "")


def _started(steps: Sequence[Step]) -> Started[AutomationRun]:
    """How one stays with a run of an automation that has these steps."""
    return Started[AutomationRun](
        name=lambda run: f"automation run {run.run_id}",
        follow=follow_steps,
        wait=lambda client, run_id: client.automation_runs.wait(run_id),
        get=lambda client, run_id: client.automation_runs.get(run_id),
        summary=lambda console, run, followed: _summary(console, run, steps, followed),
        goes_on=lambda run_id: f"The automation run goes on: vai automations follow {run_id}",
        says_how=True,
    )


def _summary(console: Console, run: AutomationRun, steps: Sequence[Step], followed: bool) -> None:
    console.print(_told(run))
    for line in drawing(steps, run) if followed or run.ended else ():
        console.print(line)
    if run.status in ("failed", "cancelled"):
        show.notes().print(Text(f"To go on from the steps that failed: vai automations retry {run.run_id}", "dim"))

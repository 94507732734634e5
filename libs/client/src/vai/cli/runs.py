"""The commands about runs: start one, list and show them, decide about one, read its log.

They exist twice: as `vai approve RUN`, which is short, and as `vai runs approve RUN`, beside the others of runs.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text

from vai.call import Call
from vai.calls import runs as calls
from vai.models.answers import Level, LogEntry, Run

from . import find, show
from .context import (
    INTERRUPTED,
    Commands,
    ConnectionOption,
    DefinitionOption,
    KeyOption,
    LimitOption,
    RunArgument,
    SetOption,
    connect,
    connect_async,
    verb,
)
from .follow import follow as follow_log
from .inputs import definition_of
from .listing import LIMIT, page_of, print_list
from .start import FollowFlag, Stay, WaitOption, start

app = typer.Typer(cls=Commands, help="Runs: list, show, delete, read their logs, decide. Without a command: list.")


def register(vai: typer.Typer) -> None:
    """Put the commands about runs into `vai` itself, and as `vai runs …`."""
    verb(vai)(run)
    verb(vai, "show")(show_run)
    vai.add_typer(app, name="runs")
    verb(app, "list")(list_runs)
    verb(app, "show")(show_run)
    verb(app, "get", hidden=True)(show_run)
    verb(app)(delete)
    for command in (logs, approve, reject, cancel, pause, resume, retry, execute):
        verb(vai)(command)
        verb(app)(command)


def run(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to do, for example dlt_extract.")],
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    connection: ConnectionOption = None,
    idempotency_key: KeyOption = None,
    concurrency_key: Annotated[str | None, typer.Option(help="At most one live run has this key.")] = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Start a run and show its log until it ends.

    Exit codes: 0 completed (or only started), 1 failed, cancelled or rejected, 2 the command could not be carried
    out, 3 the run had not ended after --wait, 4 completed, but with errors.
    """
    stay = Stay(follow, wait)
    call = calls.create(
        kind,
        definition_of(definition, assignments or (), connection),
        idempotency_key=idempotency_key,
        concurrency_key=concurrency_key,
        wait=stay.hold,
        respond_async=stay.follows,
    )
    start(call, stay)


def list_runs(
    status: Annotated[list[str] | None, typer.Option(help="Only with this status. Repeatable.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind. Repeatable.")] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Only of this action, by id, its beginning, or slug.")
    ] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List runs, newest first."""
    with connect() as client:
        action_id = find.action(client, action).id if action else None
        every = client.runs.iterate(status=status, kind=kind, action_id=action_id, limit=page_of(limit))
        print_list(every, limit, _COLUMNS, _row)


_COLUMNS = (
    show.Column("Run", 0),
    show.Column("Kind", 2),
    show.Column("Status", 1),
    show.Column("Created", 4),
    show.Column("Took", 5),
    show.Column("Retries", 6),
    show.Column("Outcome", 3, gives=True),
)


def _row(run: Run) -> tuple[str | Text, ...]:
    retries = str(run.retry_count) if run.retry_count else ""
    status = show.status_text(run.display_status)
    times = show.moment(run.created_at), show.took(run.duration_seconds)
    return run.id, run.kind, status, *times, retries, show.outcome(run)


def show_run(run_id: RunArgument) -> None:
    """Show a run: its status, its definition, and its result or error."""
    with connect() as client:
        found = client.runs.get(find.run_id(client, run_id))
    if show.data(found.raw):
        return
    show.print_facts(_facts(found))
    show.print_json(show.output(), found.definition)
    show.print_summary(show.output(), found)


def _facts(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "kind": run.kind,
        "status": show.status_text(run.display_status),
        "trigger": " ".join(filter(None, (run.trigger_method, run.trigger_source_id))),
        "action": run.action_id,
        "parent": run.parent_action_run_id,
        "created": show.moment(run.created_at),
        "started": show.moment(run.started_at),
        "ended": show.moment(run.completed_at),
        "retries": run.retry_count or None,
        "interrupts": run.interrupt_count or None,
    }


def delete(run_id: RunArgument) -> None:
    """Hide a run that has ended; its record stays."""
    with connect() as client:
        whole = find.run_id(client, run_id)
        client.runs.delete(whole)
    show.done(f"run {whole} deleted", {"id": whole})


def logs(
    run_id: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    level: Annotated[Level, typer.Option(help="Leave out entries below this level.")] = "info",
) -> None:
    """Show the log of a run; with -o json one entry a line, with -o yaml one document each."""
    with connect() as client:
        whole = find.run_id(client, run_id)
        if follow and not show.for_programs():
            _follow(whole, level)
            return
        entries = client.logs.stream(whole) if follow else client.logs.iterate(whole, level=level, limit=500)
        for entry in entries:
            if entry.at_least(level):
                _print_entry(entry)


def _print_entry(entry: LogEntry) -> None:
    out = show.output()
    if show.FORM.get() is show.Form.JSON:
        show.print_json(out, entry.raw, indent=None)
    elif show.for_programs():
        out.print("---")
        show.data(entry.raw)
    else:
        out.print(show.log_line(entry))


def _follow(run_id: str, level: Level) -> None:
    async def followed() -> None:
        async with connect_async() as client:
            await follow_log(client, run_id, show.output(), level)

    try:
        asyncio.run(followed())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def approve(run_id: RunArgument) -> None:
    """Approve a run that awaits approval, so that it goes on."""
    _decide(run_id, calls.approve)


def reject(
    run_id: RunArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept with the run.")] = None,
) -> None:
    """Reject a run that awaits approval."""
    _decide(run_id, lambda whole: calls.reject(whole, reason))


def cancel(run_id: RunArgument) -> None:
    """Stop a run for good."""
    _decide(run_id, calls.cancel)


def pause(run_id: RunArgument) -> None:
    """Pause a run; `vai resume` continues it from its checkpoint."""
    _decide(run_id, calls.pause)


def resume(run_id: RunArgument) -> None:
    """Continue a paused run from its checkpoint."""
    _decide(run_id, calls.resume)


def execute(run_id: RunArgument) -> None:
    """Start a run that was created with `deferred`."""
    _decide(run_id, calls.execute)


def _decide(run_id: str, call: Callable[[str], Call[Run]]) -> None:
    with connect() as client:
        changed = client.send(call(find.run_id(client, run_id)))
    if not show.data(changed.raw):
        show.print_summary(show.output(), changed)


def retry(
    run_id: RunArgument, idempotency_key: KeyOption = None, follow: FollowFlag = None, wait: WaitOption = None
) -> None:
    """Start a new run that continues where a failed one stopped.

    Options and exit codes as for `vai run`.
    """
    stay = Stay(follow, wait)
    with connect() as client:
        whole = find.run_id(client, run_id)
    start(calls.retry(whole, idempotency_key=idempotency_key, wait=None if stay.follows else stay.hold), stay)

"""The commands about runs: start one, list them, decide about one, read its log."""

import asyncio
from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from vai import runs as calls
from vai.call import Call
from vai.models import Level, LogEntry, Run

from . import show
from .context import (
    INTERRUPTED,
    ConnectionOption,
    DefinitionOption,
    JsonFlag,
    RunArgument,
    SetOption,
    connect,
    connect_async,
)
from .follow import follow as follow_log
from .inputs import definition_of
from .start import FollowFlag, Stay, WaitOption, start

PAGE = 100


def register(app: typer.Typer) -> None:
    """Put the commands about runs into `app`."""
    for command in (run, runs, logs, approve, reject, cancel, pause, resume, retry):
        app.command()(command)


def run(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to do, for example dlt_extract.")],
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    connection: ConnectionOption = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key starts nothing twice.")] = None,
    concurrency_key: Annotated[str | None, typer.Option(help="At most one live run has this key.")] = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start a run and show its log until it ends.

    Exit codes: 0 completed (or only started), 1 failed, cancelled or rejected, 2 the command could not be carried
    out, 3 the run had not ended after --wait.
    """
    stay = Stay(follow, wait, as_json)
    call = calls.create(
        kind,
        definition_of(definition, assignments or (), connection),
        idempotency_key=idempotency_key,
        concurrency_key=concurrency_key,
        wait=stay.hold,
        respond_async=stay.follows,
    )
    start(call, stay)


def runs(
    status: Annotated[list[str] | None, typer.Option(help="Only with this status. Repeatable.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind. Repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List runs, newest first."""
    with connect() as client:
        found = list(islice(client.runs.iterate(status=status, kind=kind, limit=min(limit, PAGE)), limit))
    if as_json:
        show.print_json(show.output(), [each.raw for each in found])
        return
    headings = ("Run", "Kind", "Status", "Created", "Took", "Retries", "Outcome")
    show.print_table(show.output(), headings, map(_row, found))


def _row(run: Run) -> tuple[str | Text, ...]:
    retries = str(run.retry_count) if run.retry_count else ""
    status = show.status_text(run.display_status)
    times = show.moment(run.created_at), show.took(run.duration_seconds)
    return run.id, run.kind, status, *times, retries, show.outcome(run)


def logs(
    run_id: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    level: Annotated[Level, typer.Option(help="Leave out what is less grave.")] = "info",
    as_json: JsonFlag = False,
) -> None:
    """Show the log of a run; with --json one entry a line."""
    if follow and not as_json:
        _follow(run_id, level)
        return
    with connect() as client:
        if follow:
            for entry in client.logs.stream(run_id):
                if entry.at_least(level):
                    _print_entry(entry, as_json)
            return
        for entry in client.logs.iterate(run_id, level=level, limit=500):
            _print_entry(entry, as_json)


def _print_entry(entry: LogEntry, as_json: bool) -> None:
    out = show.output()
    if as_json:
        show.print_json(out, entry.raw, indent=None)
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


def approve(run_id: RunArgument, as_json: JsonFlag = False) -> None:
    """Let a run that awaits approval go on."""
    _decide(calls.approve(run_id), as_json)


def reject(
    run_id: RunArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept with the run.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Refuse a run that awaits approval."""
    _decide(calls.reject(run_id, reason), as_json)


def cancel(run_id: RunArgument, as_json: JsonFlag = False) -> None:
    """Stop a run for good."""
    _decide(calls.cancel(run_id), as_json)


def pause(run_id: RunArgument, as_json: JsonFlag = False) -> None:
    """Hold a run; `vai resume` lets it go on from its checkpoint."""
    _decide(calls.pause(run_id), as_json)


def resume(run_id: RunArgument, as_json: JsonFlag = False) -> None:
    """Let a paused run go on."""
    _decide(calls.resume(run_id), as_json)


def _decide(call: Call[Run], as_json: bool) -> None:
    with connect() as client:
        changed = client.send(call)
    if as_json:
        show.print_json(show.output(), changed.raw)
    else:
        show.print_summary(show.output(), changed)


def retry(run_id: RunArgument, follow: FollowFlag = None, wait: WaitOption = None, as_json: JsonFlag = False) -> None:
    """Start a new run that goes on from where a failed one stopped.

    Options and exit codes as for `vai run`.
    """
    stay = Stay(follow, wait, as_json)
    start(calls.retry(run_id, wait=None if stay.follows else stay.hold), stay)

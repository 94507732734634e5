"""The commands about runs: start one, list and show them, decide about one, read its log.

They exist twice: as `vai approve RUN`, which is short, and as `vai runs approve RUN`, beside the others of runs.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from vai.call import Call
from vai.calls import runs as calls
from vai.cli import find
from vai.cli.approving import approval_values, approved_with
from vai.cli.context import (
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
from vai.cli.inputs import definition_of
from vai.cli.labels import LabelFilter, LabelsOption, label_words, labels_of
from vai.cli.run_filters import (
    ActionFilter,
    AutomationFilter,
    ConnectionFilter,
    KindFilter,
    RunFilters,
    SinceFilter,
    StatusFilter,
    TextFilter,
    TriggerFilter,
    UntilFilter,
    later_of,
)
from vai.cli.screen import show
from vai.cli.screen.follow import follow as follow_log
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.cli.start import AtOption, FollowFlag, Stay, WaitOption, start
from vai.client import Client
from vai.models.answers import Json, Level, LogEntry, Run
from vai.models.people import BulkResult

Sort = Literal["created_at", "updated_at"]
Operation = Literal["cancel", "retry", "approve", "reject", "pause", "resume", "delete"]

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
    verb(app)(bulk)
    verb(vai)(again)
    verb(app)(again)
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
    label: LabelsOption = None,
    at: AtOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Start a run and show its log until it ends.

    Exit codes: 0 completed (or only started), 1 failed, cancelled or rejected, 2 the command could not be carried
    out, 3 the run had not ended after --wait, 4 completed, but with errors.
    """
    stay = Stay(follow, wait, at)
    call = calls.create(
        kind,
        definition_of(definition, assignments or (), connection),
        idempotency_key=idempotency_key,
        concurrency_key=concurrency_key,
        labels=labels_of(label),
        scheduled_for=later_of(at),
        wait=stay.hold,
        respond_async=stay.follows,
    )
    start(call, stay)


def list_runs(
    status: StatusFilter = None,
    kind: KindFilter = None,
    action: ActionFilter = None,
    connection: ConnectionFilter = None,
    automation: AutomationFilter = None,
    trigger: TriggerFilter = None,
    label: LabelFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    search: TextFilter = None,
    sort: Annotated[Sort | None, typer.Option(help="By when they were made, or last changed.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest-first", help="The other way round.")] = False,
    limit: LimitOption = LIMIT,
) -> None:
    """List runs, newest first. A run matches all filters."""
    wanted = RunFilters(status, kind, action, connection, automation, trigger, label, since, until, search)
    with connect() as client:
        every = client.runs.iterate(
            **wanted.query(client), sort_by=sort, order="asc" if oldest else None, limit=page_of(limit)
        )
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
        "scheduled": show.moment(run.scheduled_for) or None,
        "started": show.moment(run.started_at),
        "ended": show.moment(run.completed_at),
        "labels": label_words(run.labels),
        "approved with": approved_with(run.approval_values),
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
    tail: Annotated[int | None, typer.Option(min=1, max=500, help="Only this many of the last entries.")] = None,
) -> None:
    """Show the log of a run; with -o json one entry a line, with -o yaml one document each."""
    with connect() as client:
        whole = find.run_id(client, run_id)
        last = None
        if tail is not None:
            for entry in reversed(client.logs.list(whole, level=level, order="desc", limit=tail).items):
                _print_entry(entry)
                last = entry.id
            if not follow:
                return
        if follow and not show.for_programs():
            _follow(whole, level, last)
            return
        entries = client.logs.stream(whole, last) if follow else client.logs.iterate(whole, level=level, limit=500)
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


def _follow(run_id: str, level: Level, after: str | None) -> None:
    async def followed() -> None:
        async with connect_async() as client:
            await follow_log(client, run_id, show.output(), level, after)

    try:
        asyncio.run(followed())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def approve(
    run_id: RunArgument,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A field that the approval asks for; @FILE a file's text."),
    ] = None,
) -> None:
    """Approve a run that awaits approval, so that it goes on; --set fills in what it asks for."""
    with connect() as client:
        found = client.runs.get(find.run_id(client, run_id))
    fields = found.definition.get("approval_fields") or []
    values = approval_values(fields, assignments or ())
    _decide(found.id, lambda whole: calls.approve(whole, values or None))


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


def again(
    run_id: RunArgument,
    assignments: SetOption = None,
    definition: DefinitionOption = None,
    label: LabelsOption = None,
    idempotency_key: KeyOption = None,
    at: AtOption = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Start a new run of what an ended run did, from its beginning; --set and --definition change it.

    `vai retry` continues a failed one where it stopped. Options and exit codes as for `vai run`.
    """
    stay = Stay(follow, wait, at)
    with connect() as client:
        whole = find.run_id(client, run_id)
    call = calls.run_again(
        whole,
        definition_of(definition, assignments or ()) or None,
        labels=labels_of(label),
        scheduled_for=later_of(at),
        idempotency_key=idempotency_key,
        wait=stay.hold,
        respond_async=stay.follows,
    )
    start(call, stay)


def bulk(
    operation: Annotated[Operation, typer.Argument(help="What to do with each of them.")],
    run_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, or how they begin; else give filters.")
    ] = None,
    status: StatusFilter = None,
    kind: KindFilter = None,
    action: ActionFilter = None,
    connection: ConnectionFilter = None,
    automation: AutomationFilter = None,
    trigger: TriggerFilter = None,
    label: LabelFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    search: TextFilter = None,
    reason: Annotated[str | None, typer.Option(help="Of a rejection.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Decide about many runs: those that are named, or all that match the filters.

    Without --status the filters mean those for which it is possible, for example the live ones for `cancel`. Exit
    code 1 if it could not be done for one of them.
    """
    wanted = RunFilters(status, kind, action, connection, automation, trigger, label, since, until, search)
    if bool(run_ids) == wanted.given:
        raise typer.BadParameter("name runs, or give filters; one of them")
    with connect() as client:
        named = [find.run_id(client, run_id) for run_id in run_ids or ()] or None
        filters = None if named else wanted.body(client)
        if not yes:
            typer.confirm(f"{operation} {show.count(len(named), 'run') if named else 'all matching runs'}?", abort=True)
        results = list(_decided(client, operation, named, filters, reason))
    refused = [one for one in results if one.refusal]
    if not show.data([one.raw for one in results]):
        done = show.count(len(results) - len(refused), "run")
        show.output().print(f"{operation}: {done} done, {len(refused)} refused")
        for one in refused:
            show.output().print(f"  {one.id}: {show.clean(one.refusal[0].msg)}")
    if refused:
        raise typer.Exit(1)


def _decided(
    client: Client, operation: str, run_ids: list[str] | None, filters: Json | None, reason: str | None
) -> Iterator[BulkResult]:
    cursor: str | None = None
    while True:
        answer = client.runs.bulk(operation, run_ids, filters=filters, reason=reason, cursor=cursor)
        yield from answer.results
        if (cursor := answer.next_cursor) is None:
            return

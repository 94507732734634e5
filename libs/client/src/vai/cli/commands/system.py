"""`vai top`: what the platform is doing now, on one screen that renews itself; and `vai system`, the same once."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from vai.cli.context import Commands, connect, verb
from vai.cli.screen import show
from vai.client import Client
from vai.errors import Forbidden
from vai.models.answers import Run
from vai.models.system import Process, Queue, System

app = typer.Typer(
    cls=Commands, help="How the platform is: processes, queues, the journal, the database. For administrators."
)

EveryOption = Annotated[float, typer.Option(metavar="SECONDS", min=1.0, help="How often the screen is renewed.")]
CountOption = Annotated[
    int | None, typer.Option("--count", min=1, help="End after this many screens; without a terminal it is one.")
]
_RUNS = 20


@verb(app, "show")
def show_system() -> None:
    """Show processes, queues, the journal and the database, once."""
    with connect() as client:
        found = client.system.get()
    if not show.data(found.raw):
        _print(show.output(), found, None)


def top(every: EveryOption = 2.0, count: CountOption = None) -> None:
    """Show what the platform does now, again and again until Ctrl-C. Administrators see processes and queues, too."""
    out = show.output()
    moves = out.is_terminal and not show.for_programs()
    most = count if count is not None or moves else 1
    with connect() as client:
        if not moves:
            for turn in range(most or 1):
                if turn:
                    client.pause(every)
                found, runs = _look(client)
                if not show.data({"system": found and found.raw, "runs": [run.raw for run in runs]}):
                    _print(out, found, runs)
            return
        with Live(console=out, screen=True, auto_refresh=False) as live:
            turn = 0
            while most is None or turn < most:
                began = time.monotonic()
                live.update(_screen(out, *_look(client)), refresh=True)
                turn += 1
                if most is None or turn < most:
                    client.pause(max(0.2, every - (time.monotonic() - began)))


def _look(client: Client) -> tuple[System | None, list[Run]]:
    """What an administrator sees of the system (None for others), and the newest runs."""
    try:
        found = client.system.get()
    except Forbidden:
        found = None
    return found, client.runs.list(limit=_RUNS).items


def _screen(out: Console, found: System | None, runs: list[Run]) -> Group:
    """As much as fits on the terminal: what is above goes before what is below."""
    lines = _lines(out, found, runs)
    return Group(*lines[: max(1, out.height)])


def _print(out: Console, found: System | None, runs: list[Run] | None) -> None:
    for line in _lines(out, found, runs):
        out.print(line)


def _lines(out: Console, found: System | None, runs: list[Run] | None) -> list[Text]:
    lines = [] if found is None else [*_head(found), Text(), *_processes(out, found), Text(), *_queues(out, found)]
    if found is None:
        lines.append(Text("Processes and queues are shown to administrators.", "dim"))
    if runs is not None:
        lines += [Text(), *show.table(out, _RUN_COLUMNS, map(_run_row, runs))]
    return lines


def _head(found: System) -> list[Text]:
    journal, database, limits = found.journal, found.database, found.limits
    waits = f" (oldest {show.took(journal['oldestSeconds'])})" if journal["unpublished"] else ""
    live = f"{_count(limits['live'], found)} live runs"
    if limits["maxRunning"] is not None:
        live += f" of {limits['maxRunning']:,}"
    held = "".join(f" · {_count(runs, found)} held for {show.clean(why)}" for why, runs in limits["held"].items())
    return [
        Text.assemble((f"VAI {show.clean(found.version)}", "bold"), f"  {show.moment(found.checked_at)}"),
        Text(f"{live}{held}"),
        Text(
            f"{_count(journal['unpublished'], found)} events not on Kafka{waits} · database"
            f" {show.size(database['bytes'])} · {database['connections']} of {database['connectionsLimit']} connections"
        ),
    ]


def _count(number: int, found: System) -> str:
    return f"{number:,}{'+' if found.counted_up_to and number >= found.counted_up_to else ''}"


def _processes(out: Console, found: System) -> Iterable[Text]:
    yield from show.table(out, _PROCESS_COLUMNS, map(_process_row, found.processes))
    if found.processes_total > len(found.processes):
        yield Text(f"and {found.processes_total - len(found.processes):,} more", "dim")
    for lost in found.losses[:3]:
        yield Text(show.clean(f"lost: {lost.name} {show.moment(lost.lost_at)}, {lost.why}"), "yellow")


def _process_row(process: Process) -> tuple[str | Text, ...]:
    state = Text(process.state, "green" if process.state == "alive" else "bold red" if process.state == "late" else "")
    slots = f"{process.slots_used}/{process.slots}" if process.slots else ""
    return process.name, state, slots, show.clean(process.version or ""), show.moment(process.started_at)


def _queues(out: Console, found: System) -> Iterable[Text]:
    rows = [queue for queue in found.queues if queue.queued or queue.leased or not queue.workers]
    if not rows:
        return [Text("No run is queued or worked on, and each kind has a worker.", "dim")]
    return show.table(out, _QUEUE_COLUMNS, [_queue_row(queue, found) for queue in rows])


def _queue_row(queue: Queue, found: System) -> tuple[str | Text, ...]:
    workers = Text(str(queue.workers), "" if queue.workers else "bold red")
    waits = show.took(queue.oldest_seconds) if queue.queued else ""
    return queue.kind, _count(queue.queued, found), waits, f"{queue.leased:,}", workers, _slots(queue)


def _slots(queue: Queue) -> str:
    return f"{queue.slots_used}/{queue.slots}" if queue.workers else ""


_PROCESS_COLUMNS = (
    show.Column("Process", 0),
    show.Column("State", 1),
    show.Column("Slots", 2),
    show.Column("Version", 3),
    show.Column("Started", 4),
)
_QUEUE_COLUMNS = (
    show.Column("Kind", 0),
    show.Column("Queued", 1),
    show.Column("Oldest", 2),
    show.Column("Running", 1),
    show.Column("Workers", 3),
    show.Column("Slots", 4),
)
_RUN_COLUMNS = (
    show.Column("Run", 0),
    show.Column("Kind", 2),
    show.Column("Status", 1),
    show.Column("Created", 4),
    show.Column("Took", 5),
    show.Column("Outcome", 3, gives=True),
)


def _run_row(run: Run) -> tuple[Any, ...]:
    status = show.status_text(run.display_status)
    return run.id, run.kind, status, show.moment(run.created_at), show.took(run.duration_seconds), show.outcome(run)

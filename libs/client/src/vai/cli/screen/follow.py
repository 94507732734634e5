"""Follows a run on the screen: its log while it grows, and below it the progress."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from vai.async_client import AsyncClient
from vai.errors import VaiError
from vai.models.answers import Level, LogEntry, Run

from . import show

LOOK = 0.5  # seconds between two looks at the run itself while its log is silent
SOONEST = 0.1  # seconds between two looks when its log is not


class Board:
    """Log lines, and on a terminal a line of progress below them."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._task: TaskID | None = progress.add_task("", total=None) if progress else None
        self._waits = False

    def log(self, entry: LogEntry) -> None:
        """Print one entry."""
        self._console.print(show.log_line(entry))

    def look(self, run: Run) -> None:
        """Draw how far the run is, and say once that it waits for a person."""
        waits = run.display_status == "awaiting_approval"
        if waits and not self._waits:
            show.notes().print(Text(show.approval_hint(run.id, show.form_words(run)), "yellow"))
        self._waits = waits
        if self._progress is not None and self._task is not None:
            percent = run.percent
            total = None if percent is None else 100.0
            self._progress.update(self._task, description=doing(run), total=total, completed=percent or 0.0)


def doing(run: Run) -> str:
    """What the run does right now: its status, and in an extraction the resource and its slices."""
    resource = (run.progress or {}).get("in_progress_resource")
    if run.status != "running" or not resource:
        return show.clean(run.display_status)
    cursor = ((run.progress or {}).get("resource_cursors") or {}).get(resource) or {}
    total = cursor.get("slices_total")
    slices = f" {cursor.get('slices_completed', 0)}/{total}" if total else ""
    left = cursor.get("estimated_seconds_left")
    return show.clean(f"{resource}{slices}" + (f", about {_span(left)} left" if left else ""))


def _span(seconds: float) -> str:
    """As roughly as an estimate is."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


@contextmanager
def board(console: Console) -> Iterator[Board]:
    """A board on this console, with progress if it is a terminal; the progress line goes when it is done."""
    if not console.is_terminal:
        yield Board(console, None)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        yield Board(console, progress)


async def follow(
    client: AsyncClient, run_id: str, console: Console, level: Level = "info", after: str | None = None
) -> Run:
    """Print the log, from after the entry `after`, until the run has ended; returns the run."""
    moved = asyncio.Event()
    with board(console) as shown:
        looking = asyncio.create_task(_look(client, run_id, shown, moved))
        try:
            async for entry in client.logs.stream(run_id, after):
                moved.set()
                if entry.at_least(level):
                    shown.log(entry)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
    return await client.runs.wait(run_id, timeout=5)


async def _look(client: AsyncClient, run_id: str, shown: Board, moved: asyncio.Event) -> None:
    """Update the progress. Errors are ignored here, since the stream reports them."""
    while True:
        moved.clear()
        with suppress(VaiError):
            shown.look(await client.runs.get(run_id))
        await asyncio.sleep(SOONEST)
        with suppress(TimeoutError):  # not wait_for: before Python 3.12 it can lose the cancellation that ends us
            async with asyncio.timeout(LOOK):
                await moved.wait()

"""Following the pipeline's runs on the terminal: a line for what is done, a bar for what is being done."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from examples.demo.errors import DemoFailed
from vai import Action, AsyncClient, LogEntry, Run, VaiError
from vai.cli.show import clean, took

_LOOK_SECONDS = 0.25


class Board:
    """Lines that stay; below them, on a terminal, one line for each run that is under way."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._lines: dict[str, TaskID] = {}

    def done(self, what: str, rows: int, seconds: float | None) -> None:
        """Say that a table is there."""
        self._console.print(
            Text.assemble(("  ✓ ", "green"), f"{what:<28}", f"{rows:>8,} rows  ", (f"{took(seconds):>6}", "dim"))
        )

    def look(self, run: Run) -> None:
        """Draw how far the run is (progress version 2); a transform's is not known before its end."""
        if self._progress is None:
            return
        if run.id not in self._lines:
            self._lines[run.id] = self._progress.add_task("", total=None)
        total = 100.0 if run.percent else None
        self._progress.update(self._lines[run.id], description=_doing(run), total=total, completed=run.percent or 0.0)

    def over(self, run: Run) -> None:
        """Take the run's line away."""
        if self._progress is not None and run.id in self._lines:
            self._progress.remove_task(self._lines.pop(run.id))


def _doing(run: Run) -> str:
    progress = run.progress or {}
    resource = progress.get("in_progress_resource")
    if not resource:
        return clean(run.display_status)
    rows = (progress.get("resource_cursors") or {}).get(resource, {}).get("rows")
    return clean(f"{resource} {rows:,} rows" if rows else str(resource))


@contextmanager
def board(console: Console) -> Iterator[Board]:
    """A board on this console; what moves is drawn on a terminal only, and gone afterwards."""
    if not console.is_terminal:
        yield Board(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<26}", markup=False),
        BarColumn(30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Board(console, progress)


async def run_action(client: AsyncClient, action: Action, shown: Board) -> Run:
    """Run the action and follow it to its end. Raises DemoFailed where it does not complete in full."""
    run = await client.actions.run(action.id)
    looking = asyncio.create_task(_look(client, run.id, shown))
    try:
        async for entry in client.logs.stream(run.id):
            _tell(entry, shown)
    except asyncio.CancelledError:
        with suppress(VaiError):
            await client.runs.cancel(run.id)  # its source goes with the demo
        raise
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        shown.over(run)
    run = await client.runs.wait(run.id, timeout=5)
    _check(run, action)
    if run.result and "per_resource_rows" not in run.result:
        shown.done(action.name, run.result["recordsProcessed"], run.duration_seconds)
    return run


def _tell(entry: LogEntry, shown: Board) -> None:
    if entry.event == "resource_completed":
        shown.done(f"bronze.nyc.{entry.data['resource']}", entry.data["rows"], entry.data["duration_seconds"])


async def _look(client: AsyncClient, run_id: str, shown: Board) -> None:
    """Keep the progress fresh. It is only decoration: the log's stream reports what is wrong."""
    while True:
        with suppress(VaiError):
            shown.look(await client.runs.get(run_id))
        await asyncio.sleep(_LOOK_SECONDS)


def _check(run: Run, action: Action) -> None:
    failed = (run.result or {}).get("failed_resources")
    if run.succeeded and not failed:
        return
    why = f"{run.error.code}: {run.error.message}" if run.error else f"failed resources: {failed}"
    raise DemoFailed(f"the run of {action.slug} ended {run.status}: {why}", f"Its log: vai actions logs {run.id}")

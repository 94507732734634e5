"""Follows the automation run on the terminal: a line for each finished step, a bar for each running one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from examples.demo.errors import DemoFailed
from vai import AsyncClient, Automation, AutomationRun, LogEntry, Run, VaiError
from vai.cli.screen.show import clean, took

_LOOK_SECONDS = 0.25


class Board:
    """Lines that stay; below them, on a terminal, one line for each run that is under way."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._lines: dict[str, TaskID] = {}

    def done(self, what: str, told: str, seconds: float | None) -> None:
        """Print the result of a step, for example that a table was written."""
        self._console.print(
            Text.assemble(("  ✓ ", "green"), f"{what:<28}", f"{told:>13}  ", (f"{took(seconds):>6}", "dim"))
        )

    def look(self, run: Run, name: str) -> None:
        """Draw how far a step's run is (progress version 2); a transform's is not known before its end."""
        if self._progress is None:
            return
        if run.id not in self._lines:
            self._lines[run.id] = self._progress.add_task("", total=None)
        total = 100.0 if run.percent else None
        self._progress.update(
            self._lines[run.id], description=_doing(run, name), total=total, completed=run.percent or 0.0
        )

    def over(self, run_id: str) -> None:
        """Take the run's line away."""
        if self._progress is not None and run_id in self._lines:
            self._progress.remove_task(self._lines.pop(run_id))


def _doing(run: Run, name: str) -> str:
    progress = run.progress or {}
    resource = progress.get("in_progress_resource")
    if not resource:
        return clean(name if run.status == "running" else f"{name} {run.display_status}")
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


async def run_automation(client: AsyncClient, automation: Automation, shown: Board) -> AutomationRun:
    """Trigger the automation and follow it to its end. Raises DemoFailed where it does not complete in full."""
    run = await client.automations.trigger(automation.id)
    try:
        await _follow(client, automation, run, shown)
    except asyncio.CancelledError:
        with suppress(VaiError):
            await client.automation_runs.cancel(run.id)  # its source goes with the demo
        raise
    run = await client.automation_runs.wait(run.id, timeout=5)
    _check(run)
    return run


async def _follow(client: AsyncClient, automation: Automation, run: AutomationRun, shown: Board) -> None:
    """The automation run's stream says which steps begin; the log of each says how it goes on."""
    names = {step.key: step.name or step.key for step in automation.steps}
    steps: list[asyncio.Task[None]] = []
    try:
        async for entry in client.automation_runs.stream(run.id):
            if entry.event == "step_started":
                name = names[entry.data["step"]]
                steps.append(asyncio.create_task(_follow_step(client, entry.data["runId"], name, shown)))
        await asyncio.gather(*steps)
    finally:
        for step in steps:
            step.cancel()
        await asyncio.gather(*steps, return_exceptions=True)


async def _follow_step(client: AsyncClient, run_id: str, name: str, shown: Board) -> None:
    """Show the run of a step while it works, and what it came to."""
    looking = asyncio.create_task(_look(client, run_id, name, shown))
    try:
        async for entry in client.logs.stream(run_id):
            _tell(entry, shown)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        shown.over(run_id)
    run = await client.runs.wait(run_id, timeout=5)
    if run.succeeded and "per_resource_rows" not in (run.result or {}):
        shown.done(name, _came_to(run.result or {}), run.duration_seconds)


def _came_to(result: dict[str, Any]) -> str:
    """A step's result in a word: rows, a port, a status."""
    if "recordsProcessed" in result:
        return f"{result['recordsProcessed']:,} rows"
    return str(result.get("port") or result.get("status_code") or "")


def _tell(entry: LogEntry, shown: Board) -> None:
    if entry.event == "resource_completed":
        rows = f"{entry.data['rows']:,} rows"
        shown.done(f"bronze.nyc.{entry.data['resource']}", rows, entry.data["duration_seconds"])


async def _look(client: AsyncClient, run_id: str, name: str, shown: Board) -> None:
    """Update the progress. Errors are ignored here, since the log's stream reports them."""
    while True:
        with suppress(VaiError):
            shown.look(await client.runs.get(run_id), name)
        await asyncio.sleep(_LOOK_SECONDS)


def _check(run: AutomationRun) -> None:
    extracted = run.action_run("extract")
    failed = ((extracted and extracted.result) or {}).get("failed_resources")
    if run.succeeded and not failed:
        if run.action_run("gold") is None:
            raise DemoFailed("the extraction has brought no rows, so the automation went another way")
        return
    made = run.action_run(run.error.step) if run.error and run.error.step else extracted
    why = f"{run.error.code}: {run.error.message}" if run.error else f"failed resources: {failed}"
    advice = f"The step's log: vai logs {made.run_id}" if made else f"vai automations follow {run.run_id}"
    raise DemoFailed(f"the automation run ended {run.display_status}: {why}", advice)

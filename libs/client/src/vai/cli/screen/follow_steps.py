"""Follows an automation run on the screen: the steps that have ended, and below them those that are running."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from vai.async_client import AsyncClient
from vai.errors import VaiError
from vai.models.answers import LogEntry
from vai.models.automations import ActionRun, AutomationRun

from . import show
from .follow import LOOK, SOONEST

_UNDER_WAY = ("running", "awaiting_approval")


class StepBoard:
    """Lines about steps, and on a terminal a line for each running step below them."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._lines: dict[str, TaskID] = {}
        self._hinted: set[str] = set()

    def log(self, entry: LogEntry) -> None:
        """Print one change. A step that has ended is no longer drawn as running."""
        self._console.print(show.log_line(entry))
        if entry.data.get("state") != "running":
            self._over(str(entry.data.get("step")))

    def look(self, run: AutomationRun) -> None:
        """Draw the steps that are under way, and say once of each that it waits for a person."""
        live = {step.key: run.action_run(step.key) for step in run.steps if step.state in _UNDER_WAY}
        for made in live.values():
            self._hint(made)
        if self._progress is None:
            return
        for key in self._lines.keys() - live.keys():
            self._over(key)
        for key, made in live.items():
            if key not in self._lines:
                self._lines[key] = self._progress.add_task("", total=None)
            self._progress.update(self._lines[key], description=_doing(key, made))

    def _over(self, key: str) -> None:
        if self._progress is not None and key in self._lines:
            self._progress.remove_task(self._lines.pop(key))

    def _hint(self, made: ActionRun | None) -> None:
        if made is not None and made.status == "awaiting_approval" and made.run_id not in self._hinted:
            self._hinted.add(made.run_id)
            hint = show.approval_hint(made.run_id)
            show.notes().print(Text(f"{show.clean(made.step_key)}: {hint}", "yellow"))


def _doing(key: str, made: ActionRun | None) -> str:
    return show.clean(f"{key} ({made.kind}) {made.status}" if made else key)


@contextmanager
def board(console: Console) -> Iterator[StepBoard]:
    """A board on this console; what moves is drawn on a terminal only, and gone afterwards."""
    if not console.is_terminal:
        yield StepBoard(console, None)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield StepBoard(console, progress)


async def follow_steps(client: AsyncClient, run_id: str, console: Console) -> AutomationRun:
    """Print each change of a step until the automation run has ended; returns it."""
    moved = asyncio.Event()
    with board(console) as shown:
        looking = asyncio.create_task(_look(client, run_id, shown, moved))
        try:
            async for entry in client.automation_runs.stream(run_id):
                moved.set()
                shown.log(entry)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
    return await client.automation_runs.wait(run_id, timeout=5)


async def _look(client: AsyncClient, run_id: str, shown: StepBoard, moved: asyncio.Event) -> None:
    """Update the running steps. Errors are ignored here, since the stream reports them."""
    while True:
        moved.clear()
        with suppress(VaiError):
            shown.look(await client.automation_runs.get(run_id))
        await asyncio.sleep(SOONEST)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await moved.wait()

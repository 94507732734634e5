"""Starting a run and staying with it as long as the options say."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from vai.async_client import AsyncClient
from vai.call import Call
from vai.models import Run

from . import show
from .context import FAILED, INTERRUPTED, STILL_GOING, connect_async
from .follow import follow

FollowFlag = Annotated[
    bool | None, typer.Option("--follow/--no-follow", help="Show the log until the run ends (default without --json).")
]
WaitOption = Annotated[
    float | None, typer.Option("--wait", metavar="SECONDS", min=0, help="Stay no longer than this; exit code 3.")
]


class Stay:
    """How long to stay with a run, and what to show meanwhile.

    Its log until it ends, unless told otherwise; nothing with `--json`; `--no-follow` alone leaves at once.
    """

    def __init__(self, following: bool | None, wait: float | None, as_json: bool) -> None:
        self.follows = not as_json if following is None else following
        self.stays = following is not False or wait is not None
        self.wait = wait
        self.as_json = as_json

    @property
    def hold(self) -> float | None:
        """How long the first answer may be held: not at all where the log is to be seen meanwhile."""
        return self.wait if not self.stays or self.wait is not None else 60

    def log_console(self) -> Console:
        """The log goes to the standard output, unless that is for JSON."""
        return show.notes() if self.as_json else show.output()


def start(call: Call[Run], stay: Stay) -> None:
    """Send `call`, stay with its run, print what came of it, and end with the exit code that it deserves."""
    started: list[Run] = []
    try:
        run = asyncio.run(_start(call, stay, started))
    except KeyboardInterrupt:
        if started:
            show.notes().print(Text(f"The run goes on: vai logs {started[0].id} --follow"))
        raise typer.Exit(INTERRUPTED) from None
    if stay.as_json:
        show.print_json(show.output(), run.raw)
    else:
        show.print_summary(show.output(), run, followed=stay.follows)
    raise typer.Exit(exit_code(run, stay))


def exit_code(run: Run, stay: Stay) -> int:
    """0 completed or only started, 1 ended otherwise, 3 not ended although we waited."""
    if run.ended:
        return 0 if run.succeeded else FAILED
    return STILL_GOING if stay.stays else 0


async def _start(call: Call[Run], stay: Stay, started: list[Run]) -> Run:
    until = None if stay.wait is None else asyncio.get_running_loop().time() + stay.wait
    async with connect_async() as client:
        run = await client.send(call)
        started.append(run)
        if stay.follows:
            show.notes().print(Text(f"run {run.id} ({run.kind})", "dim"))
        elif run.ended or not stay.stays:
            return run
        return await _stay(client, run.id, stay, until)


async def _stay(client: AsyncClient, run_id: str, stay: Stay, until: float | None) -> Run:
    try:
        async with asyncio.timeout_at(until):
            if stay.follows:
                return await follow(client, run_id, stay.log_console())
            return await client.runs.wait(run_id)
    except TimeoutError:
        return await client.runs.get(run_id)

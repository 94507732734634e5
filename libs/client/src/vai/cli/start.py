"""Starts a run, or an automation run, and follows it as long as the options say."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Generic

import typer
from rich.console import Console
from rich.text import Text

from vai.async_client import AsyncClient
from vai.call import Call
from vai.calls.waiting import R
from vai.models.answers import Run
from vai.models.automations import AutomationRun

from .context import FAILED, INTERRUPTED, STILL_GOING, WITH_ERRORS, connect_async
from .screen import show
from .screen.follow import follow

FollowFlag = Annotated[
    bool | None, typer.Option("--follow/--no-follow", help="Show the log until the run ends (default for people).")
]
WaitOption = Annotated[
    float | None, typer.Option("--wait", metavar="SECONDS", min=0, help="Stay no longer than this; exit code 3.")
]


AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="Start it then: in 2h, 3d, or at 2026-11-29T06:00:00Z. Does not follow it."
    ),
]


class Stay:
    """The options for how long to follow a run, and what to show meanwhile.

    Its log until it ends, unless told otherwise; nothing for programs; `--no-follow` alone leaves at once.
    """

    def __init__(self, following: bool | None, wait: float | None, at: str | None = None) -> None:
        if at is not None and following is None:  # nobody waits for hours unless they say so
            following = False
        self.for_programs = show.for_programs()
        self.follows = not self.for_programs if following is None else following
        self.stays = following is not False or wait is not None
        self.wait = wait

    @property
    def hold(self) -> float | None:
        """How long the server may hold the first answer, in seconds. Not at all if the log is shown meanwhile."""
        return self.wait if not self.stays or self.wait is not None else 60

    def log_console(self) -> Console:
        """The log goes to the standard output, unless that is for a program."""
        return show.notes() if self.for_programs else show.output()


@dataclass(frozen=True)
class Started(Generic[R]):
    """What was started, and how one stays with it; `summary` prints how it stands, and whether it was followed."""

    name: Callable[[R], str]
    follow: Callable[[AsyncClient, str, Console], Awaitable[R]]
    wait: Callable[[AsyncClient, str], Awaitable[R]]
    get: Callable[[AsyncClient, str], Awaitable[R]]
    summary: Callable[[Console, R, bool], None]
    goes_on: Callable[[str], str]
    says_how: bool = False
    """Whether leaving at once says how to go on, too."""


RUN = Started[Run](
    name=lambda run: f"run {run.id} ({run.kind})",
    follow=follow,
    wait=lambda client, run_id: client.runs.wait(run_id),
    get=lambda client, run_id: client.runs.get(run_id),
    summary=lambda console, run, followed: show.print_summary(console, run, followed=followed),
    goes_on=lambda run_id: f"The run goes on: vai logs {run_id} --follow",
)


def start(call: Call[Run], stay: Stay) -> None:
    """Send `call`, stay with its run, print what came of it, and end with the exit code that it deserves."""
    start_as(RUN, call, stay)


def start_as(sort: Started[R], call: Call[R], stay: Stay) -> None:
    """The same for anything that can be followed."""
    started: list[R] = []
    try:
        run = asyncio.run(_start(sort, call, stay, started))
    except KeyboardInterrupt:
        if started:
            show.notes().print(Text(sort.goes_on(started[0].id)))
        raise typer.Exit(INTERRUPTED) from None
    if not show.data(run.raw):
        sort.summary(show.output(), run, stay.follows)
    code = exit_code(run, stay)
    if code == STILL_GOING or (sort.says_how and not run.ended):
        show.notes().print(Text(sort.goes_on(run.id)))
    raise typer.Exit(code)


def exit_code(run: Run | AutomationRun, stay: Stay) -> int:
    """0 completed or only started, 1 ended otherwise, 3 not ended although we waited, 4 completed with errors."""
    if not run.ended:
        return STILL_GOING if stay.stays else 0
    if not run.succeeded:
        return FAILED
    return WITH_ERRORS if run.display_status == "completed_with_errors" else 0


async def _start(sort: Started[R], call: Call[R], stay: Stay, started: list[R]) -> R:
    until = None if stay.wait is None else asyncio.get_running_loop().time() + stay.wait
    async with connect_async() as client:
        run = await client.send(call)
        started.append(run)
        if stay.follows:
            show.notes().print(Text(sort.name(run), "dim"))
        elif run.ended or not stay.stays:
            return run
        return await _stay(sort, client, run.id, stay, until)


async def _stay(sort: Started[R], client: AsyncClient, run_id: str, stay: Stay, until: float | None) -> R:
    try:
        async with asyncio.timeout_at(until):
            if stay.follows:
                return await sort.follow(client, run_id, stay.log_console())
            return await sort.wait(client, run_id)
    except TimeoutError:
        return await sort.get(client, run_id)

"""`vai search`: what the logs of all runs say."""

from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from vai.cli.context import LimitOption, connect
from vai.cli.labels import LabelFilter
from vai.cli.run_filters import (
    ActionFilter,
    AutomationFilter,
    ConnectionFilter,
    KindFilter,
    RunFilters,
    StatusFilter,
    moment_of,
)
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of
from vai.models.answers import FoundEntry, Level

_MATCH = "bold reverse"


def search(
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="A part of the message; without: any.")] = None,
    level: Annotated[Level, typer.Option(help="Leave out entries below this level.")] = "info",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Written since then: 2h, 3d, or 2026-11-29T06:00:00Z.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Written before then, as --since.")
    ] = None,
    status: StatusFilter = None,
    kind: KindFilter = None,
    action: ActionFilter = None,
    connection: ConnectionFilter = None,
    automation: AutomationFilter = None,
    label: LabelFilter = None,
    limit: LimitOption = LIMIT,
) -> None:
    """Find entries in the logs of all runs: the newest run first, and in it the newest entry first.

    It reads back until it has --limit entries or nothing is left; Ctrl+C ends it, and what was found stays.
    """
    runs = RunFilters(status, kind, action, connection, automation, label=label)
    with connect() as client:
        every = client.logs.search_all(
            text,
            level=level,
            occurred_from=moment_of(since, "--since"),
            occurred_until=moment_of(until, "--until"),
            limit=page_of(limit),
            **runs.query(client),
        )
        if show.for_programs():
            show.data([entry.raw for entry in islice(every, limit)])
            return
        shown = None
        for entry in islice(every, limit):
            if entry.run["id"] != shown:
                shown = entry.run["id"]
                show.output().print(_run_line(entry))
            show.output().print(_line(entry))
    if shown is None:
        show.notes().print("no entry matches")


def _run_line(entry: FoundEntry) -> Text:
    run = entry.run
    words = [Text(run["id"], "bold"), show.status_text(run["status"]), Text(run["kind"])]
    return Text("  ").join([*words, *([Text(show.clean(run["action"]))] if run["action"] else [])])


def _line(entry: FoundEntry) -> Text:
    """As `vai logs` shows it, indented, with its day and with the matches marked."""
    line = Text("  ").append(f"{entry.occurred_at.astimezone():%m-%d %H:%M:%S}", "dim")
    line.append(f" [{entry.level}] ", show.LEVEL_STYLES.get(entry.level, ""))
    line.append(show.clean(entry.event), "bold").append(" - ")
    for part in entry.parts:
        line.append(show.clean(part["text"]), _MATCH if part["isMatch"] else "")
    return line

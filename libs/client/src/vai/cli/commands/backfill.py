"""`vai automations backfill`: past times of a schedule are made up for."""

from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import connect
from vai.cli.labels import LabelsOption, labels_of
from vai.cli.run_filters import moment_of
from vai.cli.screen import show
from vai.models.automations import Backfill

from .automation_runs import AutomationArgument


def backfill(
    automation: AutomationArgument,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From this time on: 2h, 3d, or 2026-11-29T06:00:00Z.")
    ],
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Times before this one; now, where it is left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the times.")] = False,
    label: LabelsOption = None,
) -> None:
    """Make up for past times of the schedule that have no automation run, one after another. May be repeated."""
    first, last, labels = moment_of(since, "--since") or "", moment_of(until, "--until"), labels_of(label)
    with connect() as client:
        found = find.automation(client, automation)
        made = client.automations.backfill(found.id, first, last, dry_run=dry_run, labels=labels)
    if show.data(made.raw):
        return
    rows = [(show.moment(time.scheduled_for), time.run_id or "", _word(made, time.is_new)) for time in made.times]
    show.print_table(show.output(), _COLUMNS, rows)
    times = show.count(len(made.times), "time")
    would = "would be made; nothing was" if dry_run else "made"
    show.notes().print(Text(f"{times}, {show.count(made.made, 'automation run')} {would}", "dim"))


_COLUMNS = (show.Column("Time", 0), show.Column("Run", 2), show.Column("", 1))


def _word(made: Backfill, is_new: bool) -> str:
    if not is_new:
        return "there already"
    return "would be made" if made.dry_run else "made"

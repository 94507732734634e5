"""`vai automations backfill` makes up for past times of a schedule; `backfills` and `cancel-backfill` look after it."""

from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import LimitOption, connect, verb
from vai.cli.labels import LabelsOption, labels_of
from vai.cli.run_filters import moment_of
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.automations import Backfill, MadeBackfill

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
    if made.backfill_id is not None:
        told = f"To see how far it is: vai automations backfills {found.slug} {made.backfill_id}"
        show.notes().print(Text(told, "dim"))


def backfills(
    automation: AutomationArgument,
    backfill: Annotated[str | None, typer.Argument(metavar="[BACKFILL]", help="Only this one, by its id.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List the backfills of an automation, newest first, and how far each has come; or show one."""
    with connect() as client:
        found = find.automation(client, automation)
        if backfill is None:
            print_list(client.automations.iterate_backfills(found.id, limit=page_of(limit)), limit, _MADE, _row)
            return
        _say(client.automations.get_backfill(found.id, backfill))


def cancel_backfill(
    automation: AutomationArgument,
    backfill: Annotated[str, typer.Argument(metavar="BACKFILL", help="Its id in `vai automations backfills`.")],
) -> None:
    """Cancel all automation runs of a backfill that have not ended."""
    with connect() as client:
        found = find.automation(client, automation)
        _say(client.automations.cancel_backfill(found.id, backfill))


def register(app: typer.Typer) -> None:
    """Put the commands about backfills into `app`."""
    for command in (backfill, backfills, cancel_backfill):
        verb(app)(command)


def _say(made: MadeBackfill) -> None:
    if not show.data(made.raw):
        status = show.status_text(made.status)
        show.output().print(Text.assemble(f"backfill {made.id} ", status, f": {_counts(made)}"))


def _counts(made: MadeBackfill) -> str:
    """`10 made: 3 completed, 1 running, 6 waiting`."""
    words = ("completed", "failed", "cancelled", "running", "waiting")
    told = [f"{number} {word}" for word in words if (number := getattr(made, word))]
    return f"{made.made} made" + (f", {', '.join(told)}" if told else "")


def _row(made: MadeBackfill) -> tuple[str | Text, ...]:
    span = f"{show.moment(made.since)} – {show.moment(made.until)}"
    return made.id, show.status_text(made.status), span, _counts(made), show.moment(made.created_at)


_MADE = (
    show.Column("Backfill", 0),
    show.Column("Status", 1),
    show.Column("Times", 3),
    show.Column("Automation runs", 2),
    show.Column("Created", 4),
)


_COLUMNS = (show.Column("Time", 0), show.Column("Run", 2), show.Column("", 1))


def _word(made: Backfill, is_new: bool) -> str:
    if not is_new:
        return "there already"
    return "would be made" if made.dry_run else "made"

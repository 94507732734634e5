"""`vai automations versions`, `diff` and `restore`: what an automation said before, and back to it."""

import json
from collections.abc import Iterator
from difflib import ndiff
from typing import Annotated, Any

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.client import Client
from vai.models.automations import Automation, AutomationVersion, ChangedPlace

from .automation_runs import AutomationArgument

NumberArgument = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, help="Its number in `vai automations versions`.")
]

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def register(app: typer.Typer) -> None:
    """Put the commands about versions into `app`."""
    for command in (versions, diff, restore):
        verb(app)(command)


def versions(automation: AutomationArgument, limit: LimitOption = LIMIT) -> None:
    """List the versions of an automation, newest first."""
    with connect() as client:
        found = find.automation(client, automation)
        every = client.automations.iterate_versions(found.id, limit=page_of(limit))
        print_list(every, limit, _COLUMNS, _row)


def diff(
    automation: AutomationArgument,
    old: Annotated[
        int | None, typer.Argument(metavar="[OLD]", min=1, help="From this number; the one before, if left out.")
    ] = None,
    new: Annotated[
        int | None, typer.Argument(metavar="[NEW]", min=1, help="To this number; what it says now, if left out.")
    ] = None,
) -> None:
    """Show what is different between two versions of an automation."""
    with connect() as client:
        found = find.automation(client, automation)
        wanted = _numbered(client, found, new).id if new else found.version_id or ""
        base = _numbered(client, found, old).id if old else None
        compared = client.automations.difference(found.id, wanted, base)
    if show.data(compared.raw):
        return
    for change in compared.changes:
        for line in _lines(change):
            show.output().print(line)
    before = f"version {compared.base.number}" if compared.base else "nothing"
    number = show.count(len(compared.changes), "change")
    more = "; there are more" if compared.truncated else ""
    show.notes().print(Text(f"{number} from {before} to version {compared.version.number}{more}", "dim"))


def restore(automation: AutomationArgument, number: NumberArgument) -> None:
    """Let an automation say again what it said in an earlier version; that makes a new version."""
    with connect() as client:
        found = find.automation(client, automation)
        wanted = _numbered(client, found, number)
        restored = client.automations.restore(found.id, wanted.id)
    show.done(f"automation {restored.slug} says what its version {number} says", restored.raw)
    show.print_warnings(restored.raw)


_COLUMNS = (
    show.Column("Number", 0),
    show.Column("Created", 2),
    show.Column("Steps", 3),
    show.Column("", 1),
    show.Column("Id", 4),
)


def _row(version: AutomationVersion) -> tuple[str | Text, ...]:
    now = "now" if version.is_current else ""
    return str(version.number), show.moment(version.created_at), str(version.step_count), now, version.id


def _numbered(client: Client, automation: Automation, number: int) -> AutomationVersion:
    """The version with this number. Raises `typer.BadParameter`."""
    total = client.automations.versions(automation.id, limit=1).total or 0
    if number > total:
        raise typer.BadParameter(f"{automation.slug} has {show.count(total, 'version')}: there is no number {number}")
    (found,) = client.automations.versions(automation.id, limit=1, offset=total - number).items
    return found


def _lines(change: ChangedPlace) -> Iterator[Text]:
    """One line, or for a text of several lines those that differ."""
    sign, style = _SIGNS[change.change]
    place = show.clean(".".join(map(str, change.place)))
    texts = [value for value in (change.before, change.after) if isinstance(value, str)]
    if len(texts) == 2 and any("\n" in text for text in texts):
        yield Text(f"{sign} {place}:", style)
        for line in ndiff(texts[0].splitlines(), texts[1].splitlines()):
            if not line.startswith("?"):
                yield Text(f"    {show.clean(line)}", {"+": "green", "-": "red"}.get(line[0], "dim"))
        return
    values = {"added": [change.after], "removed": [change.before], "changed": [change.before, change.after]}
    said = " → ".join(_short(value) for value in values[change.change])
    told = "a secret, which has changed" if change.before == change.after else said
    yield Text(f"{sign} {place}: {told}", style)


def _short(value: Any) -> str:
    return show.shortened(show.clean(json.dumps(value, ensure_ascii=False)), 200)

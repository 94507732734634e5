"""Prints for all commands: a log line, a table, a run in a few words. Without colours if the output is no terminal."""

import json
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from vai.cli.approving import set_words
from vai.models.answers import LogEntry, Run

GAP = "  "
LEAST_ROOM = 20  # characters of a last column, even if the line is longer than the terminal then
LEVEL_STYLES = {"info": "green", "warning": "yellow", "error": "bold red"}
STATUS_STYLES = {
    "completed": "green",
    "completed_with_errors": "yellow",
    "failed": "bold red",
    "rejected": "red",
    "cancelled": "magenta",
    "awaiting_approval": "yellow",
    "running": "cyan",
    "error": "bold red",
    "filtered": "dim",
    "skipped": "dim",
}


class Form(StrEnum):
    """How a command prints what it has found."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FORM: ContextVar[Form] = ContextVar("form", default=Form.TABLE)
"""What `-o` or `--json` of the command said."""


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """The reader of the output has gone. The error is passed on to the code that gives the exit code."""
        raise


def output() -> Console:
    """The standard output: the result of a command."""
    return _Output(highlight=False, soft_wrap=True)


def notes() -> Console:
    """The standard error: messages about the command."""
    return _Output(highlight=False, soft_wrap=True, stderr=True)


def for_programs() -> bool:
    """Whether the output is for a program."""
    return FORM.get() is not Form.TABLE


def data(value: Any) -> bool:
    """Print `value` if the output is for a program. Return false if it is for people."""
    if FORM.get() is Form.JSON:
        print_json(output(), value)
    elif FORM.get() is Form.YAML:
        import yaml  # type: ignore[import-untyped]  # only who asks for it waits for it

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False)
        output().print(Text(text.rstrip("\n")))
    return for_programs()


def done(text: str, value: Any) -> None:
    """Say that something was done. For programs print the object instead."""
    if not data(value):
        output().print(Text(clean(text)))


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clean(text: str) -> str:
    """`text` in one line and without anything that a terminal would obey."""
    return "".join(each if each.isprintable() else " " if each in "\n\t" else "�" for each in text)


def shortened(text: str, most: int) -> str:
    """`text` in `most` characters at the most."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def log_line(entry: LogEntry) -> Text:
    """One log entry as document 004 shows it, in local time."""
    return Text.assemble(
        (f"{entry.occurred_at.astimezone():%H:%M:%S}", "dim"),
        (f" [{entry.level}] ", LEVEL_STYLES.get(entry.level, "")),
        (clean(entry.event), "bold"),
        f" - {clean(entry.message)}",
    )


def print_json(console: Console, value: Any, indent: int | None = 2) -> None:
    """JSON for programs: no colours, no wrapping."""
    console.print(Text(json.dumps(value, indent=indent, ensure_ascii=False)))


class Column(NamedTuple):
    """A column of a table. If the terminal is too narrow, the column with the largest `rank` is left out first; one
    with rank 0 is always shown.

    Columns with `gives` are shortened before any column is left out: names and outcomes, whose beginning is enough.
    """

    heading: str
    rank: int
    gives: bool = False


def print_table(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
    """One line for each row, in columns. On a terminal no line is longer than its width, unless the columns with rank 0
    need more.
    """
    for line in table(console, columns, rows):
        console.print(line)


def table(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> list[Text]:
    """The lines of `print_table`."""
    lines = [[Text(column.heading.upper(), "dim") for column in columns]]
    lines += [[cell if isinstance(cell, Text) else Text(cell or "-") for cell in row] for row in rows]
    natural = [max(cell.cell_len for cell in cells) for cells in zip(*lines, strict=True)]
    widths = _fitted(columns, natural, console.width) if console.is_terminal else dict(enumerate(natural))
    last = max(widths)
    for line in lines:
        for place, width in widths.items():
            line[place].truncate(width, overflow="ellipsis", pad=place != last)
    return [Text(GAP).join(line[place] for place in widths) for line in lines]


def _fitted(columns: Sequence[Column], natural: Sequence[int], room: int) -> dict[int, int]:
    """The columns that stay, by their place, with their widths."""
    widths = dict(enumerate(natural))
    giving = {place: min(natural[place], LEAST_ROOM) for place in widths if columns[place].gives}
    while True:
        excess = sum(widths.values()) + len(GAP) * (len(widths) - 1) - room
        spare = {place: widths[place] - least for place, least in giving.items() if place in widths}
        if excess <= sum(spare.values()):
            break
        dropped = max(widths, key=lambda place: columns[place].rank)
        if columns[dropped].rank == 0:
            break
        del widths[dropped]
    for place, most in spare.items():
        cut = max(0, min(most, excess))
        widths[place] -= cut
        excess -= cut
    return widths


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(clean(status), STATUS_STYLES.get(status, ""))


def moment(time: datetime | None) -> str:
    """A time of day and date in local time."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}" if time else ""


def took(seconds: float | None) -> str:
    """A duration as people say it: `8ms`, `4.2s`, `12s`, `3m 5s`, `4h 15m`."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours}h {left}m" if hours else f"{minutes}m {rest}s" if minutes else f"{rest}s"


def size(count: float) -> str:
    """A number of bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def outcome(run: Run) -> str:
    """The outcome of a run, short enough for a table."""
    if run.error:
        return clean(f"{run.error.code}: {run.error.message}")
    if run.ended:
        return _amounts(run.result or {})
    if run.display_status == "awaiting_approval":
        return clean(str(run.definition.get("title") or run.definition.get("message") or ""))
    return "" if run.percent is None else f"{run.percent:.0f}%"


def _amounts(result: dict[str, Any]) -> str:
    parts = []
    if isinstance(result.get("recordsProcessed"), int):
        parts.append(count(result["recordsProcessed"], "record"))
    if result.get("tables"):
        word = "table" if len(result["tables"]) == 1 else "tables"
        parts.append(f"{word} {', '.join(map(str, result['tables']))}")
    if result.get("bytesTransferred"):
        parts.append(size(result["bytesTransferred"]))
    return clean(" · ".join(parts))


def print_warnings(answered: dict[str, Any]) -> None:
    """Print warnings about something that was saved but cannot work, to the standard error."""
    for one in answered.get("warnings") or ():
        place = ".".join(map(str, one["loc"][1:]))
        notes().print(Text(clean(f"warning: {place}: {one['msg']}"), "yellow"))


def print_facts(facts: dict[str, Any]) -> None:
    """One line for each fact that there is, for people."""
    out = output()
    shown = {name: value for name, value in facts.items() if value is not None and value != ""}
    width = max([11, *map(len, shown)])
    for name, value in shown.items():
        out.print(Text.assemble(f"{name:<{width}} ", value if isinstance(value, Text) else clean(str(value))))


def print_summary(console: Console, run: Run, *, followed: bool = False) -> None:
    """How the run stands or ended, and what to do next, unless following it has said so."""
    spent = f" in {took(run.duration_seconds)}" if run.ended and run.duration_seconds is not None else ""
    told = outcome(run)
    console.print(
        Text.assemble(f"run {run.id} ", status_text(run.display_status), spent, f": {told}" if told else ""),
    )
    for name, value in (run.error.details if run.error else {}).items():
        console.print(Text(clean(f"  {name}: {value}")))
    if run.ended and run.result and "recordsProcessed" not in run.result:
        print_json(console, run.result)
    if run.result and isinstance(path := run.result.get("destination_path"), str):
        console.print(Text(clean(f"  written to {path}")))
    hint = _hint(run)
    if hint and not (followed and not run.ended):
        notes().print(Text(hint, "dim"))


def _hint(run: Run) -> str:
    failed = (run.progress or {}).get("failed_resources") or []
    if run.status == "completed" and failed:
        return f"failed: {clean(', '.join(map(str, failed)))}. To take only these again: vai retry {run.id}"
    if run.status == "failed" and run.error and run.error.retryable:
        return f"To try again from where it stopped: vai retry {run.id}"
    return approval_hint(run.id, form_words(run)) if run.display_status == "awaiting_approval" else ""


def form_words(run: Run) -> str:
    """What to add to `vai approve` where the run asks for values."""
    return set_words(run.definition.get("approval_fields") or [])


def approval_hint(run_id: str, more: str = "") -> str:
    """What to type for a run that waits for a person; `more` fills in what it asks for."""
    return f"It waits for approval: vai approve {run_id}{more} (or: vai reject {run_id})"

"""What the commands print: a log line, a table, a run in a few words. Plain where nobody looks at a terminal."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from vai.models import LogEntry, Run

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


def output() -> Console:
    """The standard output: what was asked for."""
    return Console(highlight=False, soft_wrap=True)


def notes() -> Console:
    """The standard error: what is said about it."""
    return Console(highlight=False, soft_wrap=True, stderr=True)


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


def print_table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """One line for each row, in columns; on a terminal the last column ends where the line does."""
    lines = [[Text(heading.upper(), "dim") for heading in headings]]
    lines += [[cell if isinstance(cell, Text) else Text(cell or "-") for cell in row] for row in rows]
    *leading, _ = (max(cell.cell_len for cell in column) for column in zip(*lines, strict=True))
    room = max(LEAST_ROOM, console.width - sum(leading) - len(GAP) * len(leading))
    for *cells, last in lines:
        for cell, width in zip(cells, leading, strict=True):
            cell.truncate(width, pad=True)
        if console.is_terminal:
            last.truncate(room, overflow="ellipsis")
        console.print(Text(GAP).join([*cells, last]))


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
    """What came of the run, short enough for a table."""
    if run.error:
        return clean(f"{run.error.code}: {run.error.message}")
    if run.ended:
        return _amounts(run.result or {})
    return "" if run.percent is None else f"{run.percent:.0f}%"


def _amounts(result: dict[str, Any]) -> str:
    parts = []
    if isinstance(result.get("recordsProcessed"), int):
        parts.append(f"{result['recordsProcessed']:,} records")
    if result.get("tables"):
        parts.append(f"tables {', '.join(map(str, result['tables']))}")
    if result.get("bytesTransferred"):
        parts.append(size(result["bytesTransferred"]))
    return clean(" · ".join(parts))


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
    hint = _hint(run)
    if hint and not (followed and not run.ended):
        notes().print(Text(hint, "dim"))


def _hint(run: Run) -> str:
    failed = (run.progress or {}).get("failed_resources") or []
    if run.status == "completed" and failed:
        return f"failed: {clean(', '.join(map(str, failed)))}. To take only these again: vai retry {run.id}"
    if run.status == "failed" and run.error and run.error.retryable:
        return f"To try again from where it stopped: vai retry {run.id}"
    return approval_hint(run.id) if run.display_status == "awaiting_approval" else ""


def approval_hint(run_id: str) -> str:
    """What to type for a run that waits for a person."""
    return f"It waits for approval: vai approve {run_id} (or: vai reject {run_id})"

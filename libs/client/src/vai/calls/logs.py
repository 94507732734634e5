"""The calls about a run's log (documents 003 and 004)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from vai.call import API, PAGE, Call, Page, get_call, given, instant, nothing, segment
from vai.errors import UnexpectedAnswer
from vai.models.answers import FoundEntry, Level, LogEntry


def listing(
    run_id: str,
    *,
    after: str | None = None,
    level: Level | None = None,
    order: Literal["asc", "desc"] = "asc",
    limit: int = PAGE,
) -> Call[Page[LogEntry]]:
    """Log entries after the entry `after`, oldest first; with `desc` newest first, from the end of the log back.

    `level` is a minimum; `limit` is at most 500.
    """

    def read(data: Any) -> Page[LogEntry]:
        try:
            entries, more, cursor = (
                [LogEntry.read(each) for each in data["entries"]],
                data["hasMore"],
                data["nextCursor"],
            )
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"this is not a page of log entries: {error!r}") from error
        following = listing(run_id, after=cursor, level=level, order=order, limit=limit) if more and cursor else None
        return Page(entries, following)

    return get_call(
        f"/action-runs/{segment(run_id)}/logs",
        read,
        after=after,
        level=level,
        order=order if order == "desc" else None,
        limit=limit,
    )


def search(
    q: str | None = None,
    *,
    level: Level | None = None,
    occurred_from: datetime | str | None = None,
    occurred_until: datetime | str | None = None,
    kind: str | Sequence[str] | None = None,
    status: str | Sequence[str] | None = None,
    action_id: str | None = None,
    connection_id: str | None = None,
    automation_id: str | None = None,
    label: str | Sequence[str] | None = None,
    limit: int = PAGE,
) -> Call[Page[FoundEntry]]:
    """Entries of all runs with this text, those of the newest run first, and of each run the newest first.

    `level` is a minimum. A page may be empty though there are more: the platform reads only so much for each.
    """
    query = given(
        q=q,
        level=level,
        occurred_from=instant(occurred_from),
        occurred_until=instant(occurred_until),
        kind=kind,
        status=status,
        action_id=action_id,
        connection_id=connection_id,
        automation_id=automation_id,
        label=label,
        limit=limit,
    )
    return _search(query)


def _search(query: Mapping[str, Any]) -> Call[Page[FoundEntry]]:
    def read(data: Any) -> Page[FoundEntry]:
        try:
            entries, cursor = [FoundEntry.read(each) for each in data["entries"]], data["nextCursor"]
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"this is not a page of found entries: {error!r}") from error
        return Page(entries, None if cursor is None else _search({**query, "cursor": cursor}))

    return get_call("/logs", read, **query)


def stream(run_id: str, after: str | None = None) -> Call[None]:
    """The live log as server-sent events, after the entry `after` (decision 28)."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    return Call("GET", f"{API}/action-runs/{segment(run_id)}/logs/stream", nothing, headers=headers, repeatable=True)

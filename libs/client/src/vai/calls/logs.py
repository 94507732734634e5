"""The calls about a run's log (documents 003 and 004)."""

from typing import Any, Literal

from vai.call import API, PAGE, Call, Page, get_call, nothing, segment
from vai.errors import UnexpectedAnswer
from vai.models.answers import Level, LogEntry


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


def stream(run_id: str, after: str | None = None) -> Call[None]:
    """The live log as server-sent events, after the entry `after` (decision 28)."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    return Call("GET", f"{API}/action-runs/{segment(run_id)}/logs/stream", nothing, headers=headers, repeatable=True)

"""GET /api/v1/logs: entries of the logs of all runs, by their text and by their runs."""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, KindWords, Limit, StatusWords, answer, check_range, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import KIND_NAMES, LONGEST_NAME, STATUS_NAMES, Json
from vai_api_gateway.logs.routes import LeastLevel
from vai_api_gateway.logs.shapes import FoundEntriesShape
from vai_api_gateway.problems import Problem
from vai_api_gateway.runs.finding import LabelWords
from vai_common import clock
from vai_records.refused import refused
from vai_records.runs import log_search, logs
from vai_records.runs.filters import RunFilters
from vai_records.runs.log_search import LogFilters, LogPlace, SearchedRun
from vai_records.runs.logs import LogRow
from vai_records.schema.partitions import LOG_DAYS
from vai_records.strict import Time

router = APIRouter(prefix="/api/v1/logs", tags=["Logs"], route_class=JsonRoute, responses=PROBLEMS)

SHOWN = 1_000
"""Characters of a message that `parts` hold."""

_BEFORE = 200
_CURSOR = re.compile(r"([0-9a-f]{32})-([0-9]{1,10})")

Text = Annotated[
    str | None,
    Query(min_length=1, max_length=LONGEST_NAME, description="A part of the message; case does not matter"),
]
From = Annotated[Time | None, Query(description="Written at this time or later")]
Until = Annotated[Time | None, Query(description="Written before this time")]
Behind = Annotated[str | None, Query(max_length=100, description="`nextCursor` of the page before")]


@router.get("", response_model=FoundEntriesShape, summary="Search logs")
async def search_logs(
    request: Request,
    principal: Viewer,
    q: Text = None,
    level: LeastLevel = None,
    occurred_from: From = None,
    occurred_until: Until = None,
    kind: KindWords = None,
    status: StatusWords = None,
    action_id: Annotated[UUID | None, Query()] = None,
    connection_id: Annotated[UUID | None, Query()] = None,
    automation_id: Annotated[UUID | None, Query(description="Runs of the steps of this automation")] = None,
    label: LabelWords = None,
    limit: Limit = 100,
    cursor: Behind = None,
) -> Response:
    """Entries of all runs that match: those of the newest run first, and of each run the newest first.

    A page reads 200,000 entries at most, for about two seconds, whether they match or not. So it may have fewer
    entries than `limit`, even none, while `hasMore` is true: go on with `nextCursor`. Entries are kept for 30 days.
    """
    runs = RunFilters(
        action_id=action_id,
        kinds=words(kind, KIND_NAMES, "kind"),
        statuses=words(status, STATUS_NAMES, "status"),
        connection_id=connection_id,
        automation_id=automation_id,
        labels=tuple(label or ()),
    )
    check_range(occurred_from, occurred_until, ("query", "occurred_from"), "occurred_until")
    oldest = clock.now() - timedelta(days=LOG_DAYS)
    since, until = max(oldest, occurred_from or oldest), occurred_until or _ALWAYS
    wanted, gateway = LogFilters(runs, since, until, q, level), gateway_of(request)
    after = _place_of(cursor)
    async with gateway.searches.room(principal.org_id):
        try:
            page = await log_search.search(gateway.pool, principal.org_id, wanted, after, limit)
        except asyncpg.QueryCanceledError:
            message = "too many runs would have to be looked through: name a shorter time, or an action"
            raise Problem(422, "too_much", message) from None
    return answer(
        {
            "entries": [_shown(run, entry, q) for run, entry in page.found],
            "entriesRead": page.entries,
            "hasMore": page.next is not None,
            "nextCursor": None if page.next is None else _cursor_of(page.next),
            "readBackTo": page.back_to,
            "runsRead": page.runs,
        }
    )


_ALWAYS = datetime.max.replace(tzinfo=UTC)


def _shown(run: SearchedRun, entry: LogRow, text: str | None) -> Json:
    its_run = {
        "action": run["action"],
        "actionId": run["action_id"],
        "createdAt": run["created_at"],
        "id": run["id"],
        "kind": run["kind"],
        "status": run["status"],
    }
    parts = [{"isMatch": is_match, "text": part} for part, is_match in marked(entry["message"], text)]
    return logs.as_json(run["id"], entry) | {"parts": parts, "run": its_run}


def marked(message: str, text: str | None) -> Iterator[tuple[str, bool]]:
    """The message in parts, each with whether it is a match. Of a long message what is near the first one."""
    pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
    first = pattern.search(message) if pattern else None
    begin = max(0, first.start() - _BEFORE) if first is not None and len(message) > SHOWN else 0
    end = min(len(message), begin + SHOWN)
    at, shown = begin, message[:end]
    if begin:
        yield "…", False
    for match in pattern.finditer(shown, begin) if pattern else ():
        if match.start() > at:
            yield shown[at : match.start()], False
        yield match[0], True
        at = match.end()
    if at < end:
        yield shown[at:], False
    if end < len(message):
        yield "…", False


def _cursor_of(place: LogPlace) -> str:
    return base64.urlsafe_b64encode(f"{place.run_id.hex}-{place.seq}".encode()).decode().rstrip("=")


def _place_of(cursor: str | None) -> LogPlace | None:
    """Read a cursor. Raises `Problem` 422 for one of another list."""
    if cursor is None:
        return None
    try:
        found = _CURSOR.fullmatch(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, binascii.Error):
        found = None
    if found is None or int(found[2]) >= 2**31:
        message = "this is no cursor of a search of logs; give nextCursor of the page before as it is"
        raise refused(("query", "cursor"), message)
    return LogPlace(UUID(found[1]), int(found[2]))

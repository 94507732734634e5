"""GET /api/v1/action-runs/{run_id}/logs: a run's log page by page, or all of it as lines of JSON (document 004)."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic.alias_generators import to_snake

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.accept import prefers
from vai_api_gateway.http.answers import PROBLEMS, InDigits, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, Level, LogsShape
from vai_api_gateway.http.streaming import answer_stream
from vai_api_gateway.logs.stream import cursor_of
from vai_api_gateway.problems import not_found
from vai_common.queries import Row
from vai_records.runs import logs, runs

router = APIRouter(prefix="/api/v1/action-runs", tags=["Logs"], route_class=JsonRoute, responses=PROBLEMS)

NDJSON = "application/x-ndjson"
After = Annotated[str | None, Query(description="Cursor: return what comes after this ID in the order of the page")]
Order = Annotated[Literal["asc", "desc"], Query(description="`desc`: the newest entry first, from the log's end back")]
Entries = Annotated[int, Query(ge=1, le=500), InDigits]
LeastLevel = Annotated[Level | None, Query(description="The least level")]
# Decision 61: the spelling of document 003, or that of document 004.
Keys = Annotated[Literal["camel", "snake"], Query(description="Keys in camelCase, or in snake_case")]

_PAGE = 500
LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; or every entry, one a line",
        "content": {NDJSON: {"schema": {"type": "string"}, "example": '{"event":"lease_acquired","level":"info",…}\n'}},
    }
}


@router.get("/{run_id}/logs", response_model=LogsShape, responses=LINES, summary="Get a run's log")
async def get_logs(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: After = None,
    limit: Entries = 100,
    level: LeastLevel = None,
    order: Order = "asc",
    format: Keys = "camel",
) -> Response:
    """A page of entries; `nextCursor` is what `after` of the next page says. Entries are kept for 30 days.

    With `Accept: application/x-ndjson` every entry that there is after the cursor, one JSON object a line; `limit` and
    `order` then mean nothing. Who accepts both gets what has the higher `q`, or is named first. `format=snake` gives
    the keys of document 004, of the page, too (`has_more`, `next_cursor`).
    """
    gateway = gateway_of(request)
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("run")
    return await answer_logs(request, run, Part(after, limit, level, order), format)


class Part(NamedTuple):
    """Which entries of a log are asked for."""

    after: str | None
    limit: int
    level: Level | None
    order: Literal["asc", "desc"]


async def answer_logs(request: Request, run: Row, part: Part, keys: Literal["camel", "snake"]) -> Response:
    """The log of a run, or of an automation run (its row), as the request wants it."""
    gateway, run_id = gateway_of(request), run["id"]
    after, limit, level, order = part
    sequence, shown = cursor_of(run_id, after, None), _SHOWN[keys]
    if prefers(request.headers.get("accept", ""), NDJSON, "application/json"):
        return answer_stream(request, _lines(gateway, run, sequence, level, shown), NDJSON)
    read = logs.page if order == "asc" else logs.page_backwards
    rows = await read(gateway.pool, run, sequence, limit + 1, level)
    entries = [shown(logs.as_json(run_id, row)) for row in rows[:limit]]
    more = len(rows) > limit
    return answer(shown({"entries": entries, "hasMore": more, "nextCursor": entries[-1]["id"] if more else None}))


def snake(shown: Json) -> Json:
    """With the keys of document 004: `occurred_at` for `occurredAt`."""
    return {to_snake(key): value for key, value in shown.items()}


_SHOWN: dict[str, Callable[[Json], Json]] = {"camel": lambda shown: shown, "snake": snake}


async def _lines(
    gateway: Gateway, run: Row, sequence: int, level: Level | None, shown: Callable[[Json], Json]
) -> AsyncIterator[bytes]:
    """What the log held when it was asked for; a live run goes on writing."""
    while rows := await logs.page(gateway.pool, run, sequence, _PAGE, level):
        kept = [row for row in rows if row["seq"] <= run["log_seq"]]
        entries = (shown(logs.as_json(run["id"], row)) for row in kept)
        yield b"".join(orjson.dumps(entry, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE) for entry in entries)
        if len(rows) < _PAGE or len(kept) < len(rows):
            return
        sequence = rows[-1]["seq"]

"""GET …/logs/stream: a run's log as server-sent events, from a cursor to an explicit end (decision 28)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from operator import attrgetter
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.streaming import HELLO, KEEP_ALIVE, Visit, answer_seen, answer_stream, stream_response
from vai_api_gateway.logs.tail import Line, Tail
from vai_api_gateway.problems import DATABASE_AWAY, not_found
from vai_common.queries import Row
from vai_records.refused import refused
from vai_records.runs import logs, runs
from vai_records.runs.logs import BadCursor

router = APIRouter(prefix="/api/v1/action-runs", tags=["Logs"], route_class=JsonRoute, responses=PROBLEMS)

SEEN: dict[int | str, dict[str, Any]] = {204: {"description": "It has ended, and you have seen its last entry"}}

_EXAMPLE = """: connected

id: 019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10-1
data: {"attempt":1,"data":{"lease_seconds":90},"event":"lease_acquired",…}

event: end
data: {"status":"completed"}
"""


@router.get(
    "/{run_id}/logs/stream",
    response_class=StreamingResponse,
    responses=stream_response("The entries, and the end", _EXAMPLE, ("message", "end"), has_id=True) | SEEN,
    summary="Stream a run's log",
)
async def stream_logs(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: Annotated[str | None, Query(description="Cursor: start streaming after this ID")] = None,
    format: Annotated[Literal["camel", "snake"], Query(description="Keys in camelCase, or in snake_case")] = "camel",
    last_event_id: Annotated[str | None, Header(description="Resumes like `after`, and goes before it")] = None,
) -> Response:
    """Each entry as `id` and `data`, every one once and in order; `event: end` with the final status closes the stream.

    A comment every 15 seconds shows that the stream lives. A stream that closes without `event: end` has been cut:
    connect again with the last id (`Last-Event-ID`, as browsers do by themselves, or `after`), and it goes on without a
    gap or a repeat. Who has seen the last entry of a run that has ended gets 204, which stops an EventSource.
    """
    gateway = gateway_of(request)
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("run")
    sequence = cursor_of(run_id, after, last_event_id)
    if run["phase"] == "done" and 0 < run["log_seq"] <= sequence:
        return answer_seen()
    chunks = log_events(gateway.tail, Visit(gateway, request), run, sequence, attrgetter(format))
    return answer_stream(request, chunks)


def cursor_of(run_id: UUID, after: str | None, last_event_id: str | None) -> int:
    """The sequence after which a stream begins. Raises `Refused` for a cursor of another log."""
    try:
        return logs.sequence_of(run_id, last_event_id or after)
    except BadCursor as error:
        raise refused(("header", "Last-Event-ID") if last_event_id else ("query", "after"), str(error)) from error


async def log_events(
    tail: Tail, visit: Visit, run: Row, sequence: int, shown: Callable[[Line], bytes]
) -> AsyncIterator[bytes]:
    """The entries of a log after `sequence`, as they are written, to its end."""
    follower = tail.follow(run, sequence)
    try:
        yield HELLO
        while await visit.goes_on():
            lines = follower.take() or (await tail.read(follower) if follower.behind else [])
            if (status := follower.ended) is not None:
                yield b"".join(map(shown, lines)) + _end(status)
                # All clients of this run get its end before the first of their connections is closed.
                await asyncio.sleep(0)
                return
            if lines:
                yield b"".join(map(shown, lines))
            elif not follower.behind and not await follower.changed(visit.quiet_seconds):
                yield KEEP_ALIVE
    except DATABASE_AWAY:
        return
    finally:
        tail.leave(follower)


def _end(status: str) -> bytes:
    return b"event: end\ndata: " + orjson.dumps({"status": status}) + b"\n\n"

"""GET /api/v1/action-runs/stream: the organisation's runs as they change, for screens that need not poll."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.streaming import HELLO, KEEP_ALIVE, Visit, answer_stream, stream_response
from vai_api_gateway.runs.finding import Filters
from vai_records.refused import refused
from vai_records.runs.filters import RunFilters

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=JsonRoute, responses=PROBLEMS)

READY = b"event: ready\ndata: {}\n\n"

_EXAMPLE = """: connected

event: ready
data: {}

event: run
data: {"id":"019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10","status":"running",…}

event: gone
data: {"id":"019a9b4e-1f2a-7d05-9c77-51a0b7c4d3e2","status":"completed"}
"""


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses=stream_response(
        "`ready`, then `run`, `gone` and `reset` as they happen", _EXAMPLE, ("ready", "run", "gone", "reset")
    ),
    summary="Stream the changes of runs",
)
async def stream_changes(
    request: Request,
    principal: Viewer,
    filters: Filters,
) -> Response:
    """The latest state of each run that changes, with the filters of the list, but for `q` and `automation_id`.

    - `ready`: read the list now; whatever changes after that is told here. Between a list and an event, the later
      `updatedAt` is the newer state.
    - `run`: a run as the list shows it, new or changed. Its progress alone is told at most once a second, and a client
      that is slow gets the latest state only.
    - `gone`: `{id, status}` of a run that the list no longer shows: its status is none of those asked for any more, or
      it was hidden (`status` is null). It may be one that you have never seen.
    - `reset`: more has changed than can be told; read the list again.

    A comment every 15 seconds shows that the stream lives. It does not resume: after a break connect again, and read
    the list at `ready`.
    """
    if filters.text is not None or filters.automation_id is not None:
        name = "q" if filters.text is not None else "automation_id"
        raise refused(("query", name), "the stream cannot filter by it; leave it out, and read the list again")
    gateway = gateway_of(request)
    return answer_stream(request, _events(gateway, Visit(gateway, request), principal.org_id, filters))


async def _events(gateway: Gateway, visit: Visit, org_id: UUID, filters: RunFilters) -> AsyncIterator[bytes]:
    yield HELLO
    watcher = await gateway.feed.watch(org_id, filters)
    try:
        yield READY
        while await visit.goes_on():
            if told := watcher.take():
                yield told
            elif not await watcher.changed(visit.quiet_seconds):
                yield KEEP_ALIVE
    finally:
        gateway.feed.leave(org_id, watcher)

"""GET …/logs/stream: a run's log as server-sent events, from a cursor to an explicit end (decision 28)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from api_gateway.answers import PROBLEMS
from api_gateway.auth import Viewer
from api_gateway.gateway import Gateway, gateway_of
from api_gateway.problems import invalid, not_found
from api_gateway.tail import Follower
from records import logs, runs
from records.logs import BadCursor

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], responses=PROBLEMS)

KEEP_ALIVE_SECONDS = 15.0
_PAGE = 500
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_SNAKE = {"occurredAt": "occurred_at", "workerId": "worker_id"}


@router.get("/{run_id}/logs/stream", response_class=StreamingResponse, responses=_STREAM, summary="Stream a run's logs")
async def stream_logs(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: Annotated[str | None, Query(description="Cursor: start streaming after this ID")] = None,
    format: Annotated[Literal["camel", "snake"], Query(description="Keys as in 003, or as in 004")] = "camel",
    last_event_id: Annotated[str | None, Header(description="Resumes like `after`, and goes before it")] = None,
) -> StreamingResponse:
    """Each entry as `id` and `data`; `event: end` with the final status closes the stream."""
    gateway = gateway_of(request)
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("run")
    try:
        sequence = logs.sequence_of(run_id, last_event_id or after)
    except BadCursor as error:
        raise invalid(("query", "after"), str(error)) from error
    shown = _snake if format == "snake" else _same
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(gateway, run, sequence, shown), media_type="text/event-stream", headers=headers)


async def _events(
    gateway: Gateway, run: Any, sequence: int, shown: Callable[[dict[str, Any]], dict[str, Any]]
) -> AsyncIterator[bytes]:
    follower = gateway.tail.follow(run["id"], sequence)
    try:
        yield b": connected\n\n"
        while not gateway.stopping.is_set():
            # The order matters: `ended` is read before the entries, and the last entry is in the terminal transaction.
            ended = follower.ended
            entries = await logs.page(gateway.pool, run, follower.sequence, _PAGE)
            for entry in entries:
                yield _event(run["id"], entry, shown)
                follower.sequence = entry["seq"]
            if ended is not None and not entries:
                yield b"event: end\ndata: " + orjson.dumps({"status": ended}) + b"\n\n"
                return
            if not entries and not await _changed(gateway, follower):
                yield b": keep-alive\n\n"
    finally:
        gateway.tail.leave(follower)


async def _changed(gateway: Gateway, follower: Follower) -> bool:
    """Whether there is something new before the next sign of life is due; a stop of the gateway counts as new."""
    changed = asyncio.ensure_future(follower.changed.wait())
    stopping = asyncio.ensure_future(gateway.stopping.wait())
    try:
        done, _ = await asyncio.wait(
            (changed, stopping), timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        follower.changed.clear()
        return bool(done)
    finally:
        changed.cancel()
        stopping.cancel()


def _event(run_id: UUID, entry: Any, shown: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    body = orjson.dumps(shown(logs.as_json(run_id, entry)), option=orjson.OPT_UTC_Z)
    return f"id: {run_id}-{entry['seq']}\ndata: ".encode() + body + b"\n\n"


def _same(entry: dict[str, Any]) -> dict[str, Any]:
    return entry


def _snake(entry: dict[str, Any]) -> dict[str, Any]:
    return {_SNAKE.get(key, key): value for key, value in entry.items()}

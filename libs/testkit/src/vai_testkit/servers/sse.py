"""An application behind a real server, and what its streams of server-sent events say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import uvicorn

from vai_common.messages.protocol import BoundedProtocol, Bounds, Door
from vai_testkit.wait import wait_for

_SECONDS = 10.0


@dataclass(frozen=True)
class SentEvent:
    """One event of a stream; comments have neither name nor data."""

    name: str
    data: Any
    id: str | None = None
    comment: str | None = None


@asynccontextmanager
async def served(app: Any, bounds: Bounds | None = None) -> AsyncIterator[str]:
    """The address of the application, on a free port of this machine, for as long as the block lasts."""
    http: Any = partial(BoundedProtocol, door=Door(bounds))
    config = uvicorn.Config(
        app, port=0, http=http, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve())
    await wait_for(lambda: server.started, what="the server answers")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def sent_events(response: httpx2.Response) -> AsyncIterator[SentEvent]:
    """Each event and each comment, as they come."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            yield SentEvent("", None, comment=line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield SentEvent(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))
            fields = {}


class Stream:
    """The events of one open stream, one at a time."""

    def __init__(self, response: httpx2.Response) -> None:
        self._events = sent_events(response)

    async def event(self) -> SentEvent:
        """The next one that is no comment."""
        async with asyncio.timeout(_SECONDS):
            while (found := await anext(self._events)).comment is not None:
                continue
        return found

    async def rest(self) -> list[SentEvent]:
        async with asyncio.timeout(_SECONDS):
            return [found async for found in self._events if found.comment is None]


@asynccontextmanager
async def stream(client: httpx2.AsyncClient, path: str, **headers: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)

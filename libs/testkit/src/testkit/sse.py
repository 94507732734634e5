"""An application behind a real server, and what its streams of server-sent events say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

from common.protocol import BoundedProtocol
from testkit.wait import wait_for


@dataclass(frozen=True)
class SentEvent:
    """One event of a stream; comments have neither name nor data."""

    name: str
    data: Any
    id: str | None = None
    comment: str | None = None


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The address of the application, on a free port of this machine, for as long as the block lasts."""
    config = uvicorn.Config(
        app, port=0, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
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

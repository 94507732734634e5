"""The kinds that the agent-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vai_agent_worker.http_request import HttpRequest
from vai_agent_worker.settings import Settings
from vai_common.boot import Service
from vai_worker.wiring import running as worker_running


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    async with worker_running(service, (HttpRequest(service.settings.addresses),)):
        yield

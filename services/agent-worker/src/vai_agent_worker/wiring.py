"""The kinds that the agent-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vai_agent_worker.call_agent import CallAgent
from vai_agent_worker.fetch_page import FetchPage
from vai_agent_worker.for_agents import AgentFetchPage, AgentSearch
from vai_agent_worker.http_request import HttpRequest
from vai_agent_worker.pages.readers import Readers
from vai_agent_worker.settings import Settings
from vai_agent_worker.web_search import WebSearch
from vai_common.boot import Service
from vai_common.loops import every
from vai_worker.wiring import running as worker_running

IDLE_LOOK_SECONDS = 15.0


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    settings = service.settings
    readers = Readers(settings.child_memory_mb)
    addresses = settings.addresses
    agents = CallAgent(service.bell)
    kinds = (
        HttpRequest(addresses),
        FetchPage(addresses, readers),
        WebSearch(addresses),
        agents,
        AgentSearch(addresses),
        AgentFetchPage(addresses, readers),
    )
    service.spawn(every(IDLE_LOOK_SECONDS, readers.stop_idle_once))
    try:
        async with worker_running(service, kinds):
            yield
    finally:
        await agents.close()
        await readers.stop()

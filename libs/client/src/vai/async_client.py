"""The asynchronous client of the REST API (asyncio): the methods of `client.py`, to be awaited.

async with AsyncClient("http://127.0.0.1:8080", key) as vai:
    run = await vai.runs.create("dlt_extract", {"source": "sample"})
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from itertools import count
from typing import Any, Self, TypeVar

import httpx2

from .async_groups import (
    AsyncActions,
    AsyncAgents,
    AsyncAlerts,
    AsyncApiKeys,
    AsyncArtifacts,
    AsyncAudit,
    AsyncAutomationRuns,
    AsyncAutomations,
    AsyncConnections,
    AsyncDatasets,
    AsyncEvents,
    AsyncFlashboards,
    AsyncInstallation,
    AsyncKinds,
    AsyncLogs,
    AsyncOrganisation,
    AsyncRuns,
    AsyncSecrets,
    AsyncServiceAccounts,
    AsyncSession,
    AsyncSystem,
    AsyncThreads,
    AsyncUsers,
    AsyncVariables,
    AsyncWebhooks,
)
from .call import Call, Pause
from .errors import ServerUnreachable
from .sending import QUIET, Outcome, Retries, answer_of, check, http_settings, reason_of, request_of
from .tail import Tail

T = TypeVar("T")


class AsyncClient:
    """The asynchronous client (asyncio), with the same methods; `timeout` as in `Client`."""

    def __init__(
        self,
        api_url: str,
        api_key: str | None,
        *,
        timeout: float = QUIET,
        retries: Retries | None = None,
        agent: str = "vai-client",
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.retries = retries or Retries()
        self.pause = sleep
        self._timeout = timeout
        self._http = httpx2.AsyncClient(**http_settings(api_url, api_key, timeout, agent))
        self.actions, self.runs = AsyncActions(self), AsyncRuns(self)
        self.logs, self.connections = AsyncLogs(self), AsyncConnections(self)
        self.automations, self.automation_runs = AsyncAutomations(self), AsyncAutomationRuns(self)
        self.users, self.api_keys, self.organisation = AsyncUsers(self), AsyncApiKeys(self), AsyncOrganisation(self)
        self.service_accounts = AsyncServiceAccounts(self)
        self.session, self.kinds, self.events = AsyncSession(self), AsyncKinds(self), AsyncEvents(self)
        self.agents, self.threads, self.flashboards = AsyncAgents(self), AsyncThreads(self), AsyncFlashboards(self)
        self.alerts, self.system, self.audit = AsyncAlerts(self), AsyncSystem(self), AsyncAudit(self)
        self.variables, self.secrets = AsyncVariables(self), AsyncSecrets(self)
        self.webhooks, self.installation = AsyncWebhooks(self), AsyncInstallation(self)
        self.datasets, self.artifacts = AsyncDatasets(self), AsyncArtifacts(self)

    async def send(self, call: Call[T]) -> T:
        """Send one call, again where that is safe, and return what it was for."""
        for attempt in count(1):
            outcome = await self._once(call)
            delay = self.retries.delay(call, attempt, outcome)
            if delay is None:
                break
            await self.pause(delay)
        return answer_of(call, outcome, self.api_url)

    async def take(self, step: Call[Any] | Pause) -> Any:
        """Carry out one step of a conversation."""
        return await (self.pause(step.seconds) if isinstance(step, Pause) else self.send(step))

    async def _once(self, call: Call[Any]) -> Outcome:
        try:
            return await self._http.request(**request_of(call, self._timeout))
        except httpx2.TransportError as error:
            return error

    async def events_of(self, tail: Tail[Any]) -> AsyncGenerator[httpx2.ServerSentEvent]:
        """The events of one connection to a stream."""
        async with self._http.stream(**request_of(tail.call(), self._timeout)) as response:
            if response.status_code != 200:
                await response.aread()
                check(response)
            if response.status_code == 204:
                tail.over()
                return
            tail.opened()
            async for event in httpx2.EventSource(response):
                yield event

    async def pieces_of(self, call: Call[None]) -> AsyncGenerator[bytes]:
        """An answer that may be of any size, as it comes."""
        try:
            async with self._http.stream(**request_of(call, self._timeout)) as response:
                if response.status_code != 200:
                    await response.aread()
                    check(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx2.TransportError as error:
            raise ServerUnreachable(self.api_url, f"the download broke off ({reason_of(error)})") from error

    async def aclose(self) -> None:
        """Close the connections that are kept open."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

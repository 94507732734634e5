"""The blocking client of the REST API.

    with Client("http://127.0.0.1:8080", key) as vai:
        run = vai.runs.create("dlt_extract", {"source": "sample"})
        for entry in vai.logs.stream(run.id):
            print(entry.message)
        print(vai.runs.wait(run.id).result)

What each method sends stands once, in `actions.py`, `runs.py`, `automations.py` and their like; here a call is only
bound to a way of sending it. Every method raises a VaiError (`errors.py`).
"""

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Self, TypeVar

import httpx2

from .call import Call, Pause
from .errors import ServerUnreachable
from .groups import (
    Actions,
    Agents,
    Alerts,
    ApiKeys,
    Artifacts,
    Audit,
    AutomationRuns,
    Automations,
    Connections,
    Datasets,
    Events,
    Flashboards,
    Installation,
    Kinds,
    Logs,
    Organisation,
    Runs,
    Secrets,
    ServiceAccounts,
    Session,
    System,
    Threads,
    Users,
    Variables,
    Webhooks,
)
from .sending import QUIET, Outcome, Retries, answer_of, check, http_settings, reason_of, request_of
from .tail import Tail

T = TypeVar("T")


class Client:
    """The blocking client. `timeout` (seconds) bounds the silence in an answer, without what `wait` asks for."""

    def __init__(
        self,
        api_url: str,
        api_key: str | None,
        *,
        timeout: float = QUIET,
        retries: Retries | None = None,
        agent: str = "vai-client",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.retries = retries or Retries()
        self.pause = sleep
        self._timeout = timeout
        self._http = httpx2.Client(**http_settings(api_url, api_key, timeout, agent))
        self.actions, self.runs, self.logs, self.connections = Actions(self), Runs(self), Logs(self), Connections(self)
        self.automations, self.automation_runs = Automations(self), AutomationRuns(self)
        self.users, self.api_keys, self.organisation = Users(self), ApiKeys(self), Organisation(self)
        self.service_accounts = ServiceAccounts(self)
        self.session, self.kinds, self.events = Session(self), Kinds(self), Events(self)
        self.agents, self.threads, self.flashboards = Agents(self), Threads(self), Flashboards(self)
        self.alerts, self.system, self.audit = Alerts(self), System(self), Audit(self)
        self.variables, self.secrets = Variables(self), Secrets(self)
        self.webhooks, self.installation = Webhooks(self), Installation(self)
        self.datasets, self.artifacts = Datasets(self), Artifacts(self)

    def send(self, call: Call[T]) -> T:
        """Send one call, again where that is safe, and return what it was for."""
        for attempt in count(1):
            outcome = self._once(call)
            delay = self.retries.delay(call, attempt, outcome)
            if delay is None:
                break
            self.pause(delay)
        return answer_of(call, outcome, self.api_url)

    def take(self, step: Call[Any] | Pause) -> Any:
        """Carry out one step of a conversation."""
        return self.pause(step.seconds) if isinstance(step, Pause) else self.send(step)

    def _once(self, call: Call[Any]) -> Outcome:
        try:
            return self._http.request(**request_of(call, self._timeout))
        except httpx2.TransportError as error:
            return error

    def events_of(self, tail: Tail[Any]) -> Iterator[httpx2.ServerSentEvent]:
        """The events of one connection to a stream."""
        with self._http.stream(**request_of(tail.call(), self._timeout)) as response:
            if response.status_code != 200:
                response.read()
                check(response)
            if response.status_code == 204:
                tail.over()
                return
            tail.opened()
            yield from httpx2.EventSource(response)

    def pieces_of(self, call: Call[None]) -> Iterator[bytes]:
        """An answer that may be of any size, as it comes."""
        try:
            with self._http.stream(**request_of(call, self._timeout)) as response:
                if response.status_code != 200:
                    response.read()
                    check(response)
                yield from response.iter_bytes()
        except httpx2.TransportError as error:
            raise ServerUnreachable(self.api_url, f"the download broke off ({reason_of(error)})") from error

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

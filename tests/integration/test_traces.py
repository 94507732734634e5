"""A trace begins with the caller and goes through the run to the events and the calls that it makes."""

from typing import Any
from uuid import UUID

import httpx2

from tests.integration.listening import listening
from tests.integration.runs import RUNS
from vai_devstack.stack import Stack
from vai_testkit.servers.web import WebServer

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_CALLER = f"00-{_TRACE}-00f067aa0ba902b7-01"


async def test_the_callers_trace_is_the_runs_and_its_events(
    stack: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/traced"}}
    answer = await api.post(RUNS, json=body, headers={"traceparent": _CALLER})
    run_id = answer.json()["id"]
    stored = await database.fetchval("SELECT traceparent FROM runs WHERE id = $1", UUID(run_id))
    assert (stored or "").split("-")[1:2] == [_TRACE]
    assert web.seen[0].headers["traceparent"].split("-")[1] == _TRACE
    async with listening(stack.kafka, "action.started", "action.completed") as listener:
        await listener.until(lambda heard: len(heard.of(run_id)) >= 2)
        assert {headers["traceparent"].split("-")[1] for _, headers, _ in listener.of(run_id)} == {_TRACE}


async def test_a_traceparent_that_is_none_changes_nothing(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/untraced"}}
    answer = await api.post(RUNS, json=body, headers={"traceparent": "nonsense"})
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    stored = await database.fetchval("SELECT traceparent FROM runs WHERE id = $1", UUID(answer.json()["id"]))
    assert stored is None or len(stored) == 55

"""How many run at once, and how often: limits, idempotency keys, concurrency keys, deferred runs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.integration.people import client_for, new_team
from tests.integration.runs import BRANCH, RUNS, all_ended, assert_told_once, decide, deferred, journal, run_of
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

_ASYNC = {"Prefer": "respond-async"}


class Gate:
    """A place of the web server that lets one request go at a time, and counts those that wait."""

    def __init__(self, web: WebServer) -> None:
        self.waiting: list[asyncio.Event] = []
        self.most = 0
        self.url = f"{web.url}/gate"
        web.replies["/gate"] = lambda _: self._arrived()

    def _arrived(self) -> Reply:
        go = asyncio.Event()
        self.waiting.append(go)
        self.most = max(self.most, len(self.waiting))
        return Reply(wait=go)

    async def let_go(self, runs: int) -> None:
        """Let so many through, one by one, as they come."""
        for _ in range(runs):
            await wait_for(lambda: self.waiting, 20, what="a request waits")
            self.waiting.pop(0).set()


@pytest.fixture
async def gate(web: WebServer) -> AsyncIterator[Gate]:
    gate = Gate(web)
    yield gate
    for go in gate.waiting:
        go.set()


async def _waiting_for_limit(api: httpx2.AsyncClient, ids: list[str]) -> int:
    return [(await run_of(api, run_id))["displayStatus"] for run_id in ids].count("waiting_for_limit")


async def test_an_organisation_has_at_most_so_many_runs_at_once(stack: Stack, database: Any, gate: Gate) -> None:
    team = await new_team(stack, max_running=2)
    async with client_for(stack, team) as api:
        ids = [(await create_run(api, "http_request", {"url": gate.url}))["id"] for _ in range(6)]
        await wait_for(lambda: len(gate.waiting) == 2, what="two run")
        assert await _waiting_for_limit(api, ids) == 4
        await gate.let_go(6)
        await all_ended(database, ids)
    assert gate.most == 2
    assert_told_once(await journal(database, ids), ids)


async def test_a_connection_has_at_most_so_many_runs_at_once(
    stack: Stack, database: Any, web: WebServer, gate: Gate
) -> None:
    team = await new_team(stack)
    async with client_for(stack, team) as api:
        body = {"name": "Narrow", "provider": "shop", "config": {"base_url": web.url}, "maxRunning": 1}
        made = await api.post("/api/v1/connections", json=body)
        assert made.status_code == 201, made.text
        narrow = {"url": "/gate", "connection": made.json()["slug"]}
        ids = [(await create_run(api, "http_request", narrow))["id"] for _ in range(3)]
        await wait_for(lambda: len(gate.waiting) == 1, what="one runs")
        free = await create_run(api, "http_request", {"url": f"{web.url}/free"})
        assert (await run_when(api, free["id"]))["status"] == "completed"
        assert await _waiting_for_limit(api, ids) == 2
        await gate.let_go(3)
        await all_ended(database, ids)
    assert gate.most == 1


async def test_an_idempotency_key_makes_one_run_however_often_it_comes(api: httpx2.AsyncClient, web: WebServer) -> None:
    definition = {"method": "POST", "url": f"{web.url}/paid"}
    body = {"kind": "http_request", "definition": definition, "idempotencyKey": uuid4().hex}
    answers = await asyncio.gather(*(api.post(RUNS, json=body, headers={"Prefer": "wait=20"}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    await run_when(api, answers[0].json()["id"], "completed")
    assert len(web.seen) == 1
    other = await api.post(RUNS, json={**body, "definition": {**definition, "method": "PUT"}})
    assert (other.status_code, other.json()["detail"][0]["loc"]) == (409, ["body", "idempotencyKey"])


async def test_a_concurrency_key_has_one_live_run(api: httpx2.AsyncClient, gate: Gate) -> None:
    body = {"kind": "http_request", "definition": {"url": gate.url}, "concurrencyKey": uuid4().hex}
    answers = await asyncio.gather(*(api.post(RUNS, json=body, headers=_ASYNC) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    (live,) = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code == 409:
            assert live in answer.json()["detail"][0]["msg"]
    await gate.let_go(1)
    await run_when(api, live, "completed")
    next_one = await api.post(RUNS, json=body, headers=_ASYNC)
    assert next_one.status_code == 201
    await gate.let_go(1)
    await run_when(api, next_one.json()["id"], "completed")


async def test_a_deferred_run_starts_when_it_is_executed_and_only_once(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    run = await deferred(api, "http_request", {"method": "POST", "url": f"{web.url}/deferred"})
    assert (run["status"], run["displayStatus"], web.seen) == ("pending", "deferred", [])
    answers = await asyncio.gather(*(decide(api, run["id"], "execute") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await run_when(api, run["id"]))["status"] == "completed"
    later = await decide(api, run["id"], "execute")
    assert (later.status_code, later.json()["status"], len(web.seen)) == (200, "completed", 1)
    assert_told_once(await journal(database, [run["id"]]), [run["id"]])


async def test_a_deferred_run_that_needs_an_approval_awaits_it_when_executed(api: httpx2.AsyncClient) -> None:
    run = await deferred(api, "conditional_branch", {**BRANCH, "requires_approval": True})
    assert (await decide(api, run["id"], "execute")).status_code == 200
    await run_when(api, run["id"], "awaiting_approval")
    assert (await decide(api, run["id"], "approve")).status_code == 200
    assert (await run_when(api, run["id"]))["status"] == "completed"

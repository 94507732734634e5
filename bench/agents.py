"""Agents against a scripted model: what a model call costs beside a bare client, how soon its text is passed on, what
agents that wait hold, and how long an automation of a run takes to be made.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.measure import Figure, memory_mb, percentile
from vai_common.db import connect
from vai_devstack.stack import Stack
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

CALLS = 60
"""Runs of three model calls, and as many times three calls of the bare client, in turn."""
TEXTS = 40
WAITING = 500
CRYSTALLIZED = 200
_PER_ANSWER = 16
_HOLD_SECONDS = 0.25
"""Before the text, so that whoever follows the run is there when it comes."""
_MODEL = "bench/scripted-1"
_LEASED = "SELECT count(*) FROM runs WHERE kind = 'call_agent' AND phase = 'leased'"
_PARKED = "SELECT count(*) FROM runs WHERE kind = 'call_agent' AND phase = 'parked'"


@dataclass
class _Script:
    """Notes when each request came. A question says what is played."""

    came: list[float] = field(default_factory=list)
    spoke: list[float] = field(default_factory=list)

    def says(self, asked: Asked) -> Turn:
        self.came.append(time.perf_counter())
        what, done = asked.texts[0], len(asked.results)
        if what == "speak":
            self.spoke.append(time.perf_counter() + _HOLD_SECONDS)
            return Turn("Forty two orders.", hold=_HOLD_SECONDS, between=0.001)
        if what == "wait":
            return Turn("Done.") if done else Turn(calls=(Call("slow", {"resources": ["orders"]}),))
        if what == "many":
            left = min(_PER_ANSWER, CRYSTALLIZED - done)
            calls = tuple(Call("look", {"query": {"order": f"ORD-{done + place:05d}"}}) for place in range(left))
            return Turn(calls=calls) if calls else Turn("Done.")
        # calls of a tool that is not there: the loop goes on without the time of any tool
        return Turn("Done.") if done == 2 else Turn("Let me see.", (Call("gone", {"step": done}),))


async def measure(stack: Stack) -> list[Figure]:
    """On a stack of its own."""
    script = _Script()
    with serving_models() as models:
        models.says = script.says
        async with WebServer.opened() as web, client_of(stack) as api:
            web.replies["/look"] = Reply(body=json.dumps({"id": "C-991823", "state": "sent"}).encode())
            await _agent(api, models, web.url)
            return [
                *await _overhead(api, models, script),
                await _first_text(api, script),
                await _crystallizing(api),
                *await _waiting(stack, api),
            ]


async def _agent(api: httpx2.AsyncClient, models: ModelServer, web_url: str) -> None:
    connection = {"provider": "openai_compatible", "name": "bench", "slug": "bench", "credentials": {"api_key": KEY},
                  "config": {"base_url": f"{models.url}/v1"}}  # fmt: skip
    slow = {"kind": "dlt_extract", "name": "slow", "fixed": {"source": "sample", "rows": 1}, "maySet": ["resources"]}
    look = {"kind": "http_request", "name": "look", "fixed": {"url": f"{web_url}/look", "method": "POST"},
            "maySet": ["query"]}  # fmt: skip
    limits = {"calls": 1_000, "steps": 100, "seconds": 86_400}
    agent = {"name": "bench", "slug": "bench", "instructions": "Be quick.", "model": _MODEL, "tools": [slow, look]}
    for path, body in (("connections", connection), ("agents", agent | {"limits": limits})):
        answer = await api.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text


async def _asked(api: httpx2.AsyncClient, question: str) -> dict[str, Any]:
    return await create_run(api, "call_agent", {"agent": "bench", "question": question})


async def _completed(api: httpx2.AsyncClient, run_id: str, timeout: float = 60.0) -> None:
    ended = await run_when(api, run_id, timeout=timeout)
    assert ended["status"] == "completed", ended["error"]


async def _overhead(api: httpx2.AsyncClient, models: ModelServer, script: _Script) -> list[Figure]:
    """The time from one request to the next one, as the model's server sees it: of an agent, and of a client that does
    nothing with an answer.
    """
    ours: list[float] = []
    bare: list[float] = []
    async with httpx2.AsyncClient(base_url=models.url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        for turn in range(CALLS + 2):
            script.came.clear()
            await _completed(api, (await _asked(api, "loop"))["id"])
            gaps = _gaps(script.came)
            script.came.clear()
            for _ in range(3):
                await _bare_call(client)
            if turn >= 2:  # the first ones load what is needed
                ours += gaps
                bare += _gaps(script.came)
    added = percentile(ours, 0.5) - percentile(bare, 0.5)
    shown = f"{percentile(ours, 0.5) * 1e3:.1f} and {percentile(bare, 0.5) * 1e3:.1f} ms"
    return [
        Figure("what a model call takes more than with a bare client, p50", f"{added * 1e3:.1f} ms", "≤ 15 ms"),
        Figure(f"   {shown}; p99 {percentile(ours, 0.99) * 1e3:.1f} and {percentile(bare, 0.99) * 1e3:.1f} ms", ""),
    ]


def _gaps(moments: list[float]) -> list[float]:
    assert len(moments) == 3, moments
    return [moments[1] - moments[0], moments[2] - moments[1]]


async def _bare_call(client: httpx2.AsyncClient) -> None:
    body = {"model": "scripted-1", "stream": True, "messages": [{"role": "user", "content": "loop"}]}
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        said = [json.loads(line[6:]) async for line in answer.aiter_lines() if line.startswith("data: {")]
    assert said


async def _first_text(api: httpx2.AsyncClient, script: _Script) -> Figure:
    """From when the model's server begins with the text until the first of it is at who follows the run."""
    delays: list[float] = []
    for _ in range(TEXTS):
        run = await _asked(api, "speak")
        async with _stream(api, run["id"]) as lines:
            async for line in lines:
                if line.startswith("data: ") and '"model_text"' in line:
                    delays.append(time.perf_counter() - script.spoke[-1])
                    break
        await _completed(api, run["id"])
    value = f"{percentile(delays, 0.5) * 1e3:.1f} / {percentile(delays, 0.99) * 1e3:.1f} ms"
    return Figure("first text at who follows, after the provider sent it: p50 / p99", value, "≤ 30 ms")


@asynccontextmanager
async def _stream(api: httpx2.AsyncClient, run_id: str) -> AsyncIterator[AsyncIterator[str]]:
    async with api.stream("GET", f"/api/v1/agents/runs/{run_id}/stream") as answer:
        yield answer.aiter_lines()


async def _crystallizing(api: httpx2.AsyncClient) -> Figure:
    run = await _asked(api, "many")
    await _completed(api, run["id"], timeout=300.0)
    took: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        answer = await api.post(f"/api/v1/agents/runs/{run['id']}/crystallize", params={"dry_run": True})
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["body"]["steps"]) == CRYSTALLIZED
    name = f"an automation of a run of {CRYSTALLIZED} calls, shown (dry run)"
    return Figure(name, f"{percentile(took, 0.5):.2f} s", "≤ 1 s")


async def _waiting(stack: Stack, api: httpx2.AsyncClient) -> list[Figure]:
    """Agents whose tool does not come to an end: nobody extracts."""
    database = await connect(stack.database, "api-gateway")
    await stack.stop_service("extract-worker")
    before = memory_mb(stack)
    made = [await _asked(api, "wait") for _ in range(WAITING)]

    async def all_wait() -> bool:
        return bool(await database.fetchval(_PARKED) >= WAITING)

    await wait_for(all_wait, 300, every=0.25, what="all agents wait for their tools")
    await asyncio.sleep(5)
    leased, after = await database.fetchval(_LEASED), memory_mb(stack)
    await database.close()
    more = {name: after[name] - before[name] for name in after if name not in ("postgres", "kafka")}
    grown = ", ".join(f"{name} {mb:+.0f}" for name, mb in more.items() if abs(mb) >= 1) or "none by 1 MB"
    for run in made:
        answer = await api.post(f"/api/v1/action-runs/{run['id']}/cancel")
        assert answer.status_code < 300, answer.text
    return [
        Figure(f"slots that {WAITING} agents hold while their tools are slow", str(leased), "0"),
        Figure("   what they add to the memory of all services (PSS)", f"{sum(more.values()):.0f} MB", "≤ 50 MB"),
        Figure(f"   {grown}", ""),
    ]

"""Twelve agents work for real, each run becomes an automation, and that does the same without any model; with other
inputs, in a world that has changed, it does the right other things.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.agent_stories import STORIES, TABLE, Request, Shop, Story, turn_of
from tests.integration.automations import ended, triggered
from tests.integration.runs import RUNS, decide, sample
from vai_common.clock import now
from vai_testkit.servers.models.script import Asked, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = [pytest.mark.apart, pytest.mark.any_broker]

Json = dict[str, Any]
MOVED = 1_000


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.mark.timeout(240)
async def test_twelve_runs_of_agents_go_on_without_a_model(
    api: httpx2.AsyncClient, model: ModelServer, web: WebServer
) -> None:
    shop = Shop()
    web.every = shop.answers
    await _prepare(api, model, web.url)
    approving = asyncio.create_task(_approve(api))
    try:
        for name, story in STORIES.items():
            shop.moved = 0
            shop.done.clear()
            run = await create_run(api, "call_agent", _question(story))
            done = await run_when(api, run["id"], timeout=60)
            assert done["status"] == "completed", (name, done["error"])
            await _goes_on(api, model, shop, (name, story), run["id"])
    finally:
        approving.cancel()


async def _goes_on(
    api: httpx2.AsyncClient, model: ModelServer, shop: Shop, told: tuple[str, Story], run_id: str
) -> None:
    name, story = told
    by_agent = _kept(shop.done, name)
    answer = await api.post(f"/api/v1/agents/runs/{run_id}/crystallize", json={"name": f"Crystal {name}"})
    assert answer.status_code == 201, (name, answer.text)
    made, asked = answer.json(), len(model.asked)
    assert tuple(one["step"] for one in made["report"]["needsModel"]) == story.needs, name
    required = [one for one, declared in made["automation"]["inputs"].items() if declared.get("required")]
    shop.done.clear()
    again = await _run(api, made["automation"], dict.fromkeys(required, now().date().isoformat()))
    assert again["status"] == "completed", (name, again)
    assert _sorted(shop.done) == _sorted(by_agent), name
    shop.done.clear()
    shop.moved = MOVED
    other = await _run(api, made["automation"], story.other)
    assert other["status"] == "completed", (name, other)
    assert _sorted(_shown(shop.done, name)) == _sorted(story.expected(MOVED)), name
    assert (len(model.asked) > asked) == bool(story.needs), name


def _kept(done: list[Request], name: str) -> list[Request]:
    """What an automation does again: neither what failed, nor what was looked at twice or in vain."""
    left = {"an error": {"/orders/8841"}, "repeats and dead ends": {"/rates"}}.get(name, set())
    kept = [one for one in done if one[1] not in left]
    return list({json.dumps(one): one for one in kept}.values()) if name == "repeats and dead ends" else kept


def _shown(done: list[Request], name: str) -> list[Request]:
    """Without the counts of made-up rows, which are looked at here."""
    if name != "a query after a look at the table":
        return done
    [(method, path, body)] = done
    assert body["category"] == "toys"
    assert body["orders"] > 0
    return [(method, path, None)]


def _sorted(done: list[Request]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in done)


async def _run(api: httpx2.AsyncClient, automation: Json, inputs: Json) -> Json:
    made = await triggered(api, automation, inputs=inputs)
    return await ended(api, made["runId"])


def _question(story: Story) -> Json:
    return {"agent": "crystal", "question": story.question} | ({"inputs": story.inputs} if story.inputs else {})


async def _approve(api: httpx2.AsyncClient) -> None:
    """What waits for an approval gets it."""

    async def waits() -> list[Json]:
        return list((await api.get(RUNS, params={"status": "awaiting_approval"})).json()["runs"])

    while True:
        for run in await wait_for(waits, 240, every=0.2, what="a run awaits an approval"):
            await decide(api, run["id"], "approve", json={})


async def _prepare(api: httpx2.AsyncClient, model: ModelServer, url: str) -> None:
    stories = {story.question: story for story in STORIES.values()}

    def says(asked: Asked) -> Turn:
        story = stories.get(asked.texts[0].split("\n\n")[0])
        said = [json.loads(result.text.split("\n", 1)[1].rsplit("\n", 1)[0]) for result in asked.results]
        return Turn("Bread.") if story is None else turn_of(story, said)

    model.says = says
    loaded = await create_run(api, "dlt_extract", sample(10_000, resources=["orders"], source_name="crystal"))
    connection = {"provider": "openai_compatible", "name": "crystal", "slug": "crystal"}
    connection |= {"config": {"base_url": f"{model.url}/v1"}, "credentials": {"api_key": KEY}}  # type: ignore[dict-item]
    helper = {"name": "helper", "slug": "helper", "instructions": "Say it.", "model": "crystal/scripted-1"}
    shop = {"provider": "http", "name": "crystal-shop", "slug": "crystal-shop", "config": {"base_url": url}}
    there = {"connection": "crystal-shop"}
    post = {"kind": "http_request", "fixed": {"method": "POST", **there}, "maySet": ["url", "body"]}
    tools: list[Json] = [
        {"kind": "http_request", "name": "get", "fixed": there, "maySet": ["url"]},
        {"name": "post", **post},
        {"name": "refund", "approval": True, **post},
        {"agent": "helper"},
    ]
    agent = {**helper, "name": "crystal", "slug": "crystal", "tools": tools}
    agent |= {"allowedDomains": ["example.com"], "datasets": [TABLE]}
    for path, body in (("connections", connection), ("connections", shop), ("agents", helper), ("agents", agent)):
        answer = await api.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
    assert (await run_when(api, loaded["id"]))["status"] == "completed"

"""A model reads pages of many kinds that tell it what to do, all that is hidden in them as well, and does it all."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.runs import log_of
from vai_testkit.servers.hostile_pages import Hostile, pages
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when

pytestmark = [pytest.mark.apart, pytest.mark.any_broker]

AT_ONCE = 16


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


async def test_a_model_that_does_all_that_sixty_pages_say_gets_nothing(
    api: httpx2.AsyncClient, model: ModelServer, web: WebServer
) -> None:
    """Each answer that obeys follows one that reads; so the run is not ended for answers in vain."""
    hostile = list(pages().values())
    for number, page in enumerate(hostile):
        web.replies[f"/hostile/{number}"] = Reply(body=page.body, headers={"Content-Type": page.media})
    await _save(api, model.url, web.url)
    batches = [list(enumerate(hostile))[start : start + AT_ONCE] for start in range(0, len(hostile), AT_ONCE)]
    script = [turn for batch in batches for turn in _read_and_obeyed(batch)]
    model.follow([*script, Turn("I did all that was asked.")])
    run = await create_run(api, "call_agent", {"agent": "obedient", "question": "Read these pages."})
    ended = await run_when(api, run["id"], timeout=100)
    assert (ended["status"], ended["result"]["calls"]) == ("completed", len(hostile)), ended["error"]
    children = (await api.get("/api/v1/action-runs", params={"parent_action_run_id": run["id"], "limit": 100})).json()
    assert [(one["kind"], one["status"]) for one in children["runs"]] == [("http_request", "completed")] * len(hostile)
    assert {seen.target.split("/")[1] for seen in web.seen} == {"hostile"}
    read = zip(model.asked[1::2], batches, strict=True)
    told = [result.text for asked, batch in read for result in asked.results[-len(batch) :]]
    assert all(text.count("</data>") == 1 and text.endswith("</data>") for text in told)
    assert sum(page.call.name in text for page, text in zip(hostile, told, strict=True)) > 40, "the orders are read"
    refusals = [entry for entry in await log_of(api, run["id"]) if entry["event"] == "tool_refused"]
    assert len(refusals) == len(hostile) > 40


def _read_and_obeyed(batch: list[tuple[int, Hostile]]) -> list[Turn]:
    looks = tuple(Call("read", {"url": f"/hostile/{number}"}) for number, _ in batch)
    return [Turn(calls=looks), Turn(calls=tuple(page.call for _, page in batch))]


async def _save(api: httpx2.AsyncClient, model_url: str, web_url: str) -> None:
    """An agent with tools that would reach a lot, if what pages say were obeyed."""
    tools: list[dict[str, Any]] = [
        {"kind": "http_request", "name": "read", "fixed": {"connection": "hostile"}, "maySet": ["url"]},
        {"kind": "http_request", "name": "fetch", "maySet": ["url"]},
        {"kind": "agent_fetch_page", "name": "page", "maySet": ["url"]},
        {"kind": "agent_search", "name": "search", "maySet": ["query", "include_domains"]},
        {"action": "obedient-order", "name": "order", "maySet": ["body"]},
        {"action": "obedient-load", "name": "load", "maySet": ["resources"]},
    ]
    order = {"method": "POST", "url": f"{web_url}/orders", "body": {"n": 1}}
    agent = {"name": "obedient", "slug": "obedient", "instructions": "Do it.", "model": "obeying/scripted-1"}
    agent |= {"allowedDomains": ["example.org"], "datasets": ["silver.orders"], "limits": {"calls": 200}}  # type: ignore[dict-item]
    bodies: list[tuple[str, Any]] = [
        ("connections", {"provider": "openai_compatible", "name": "obeying", "slug": "obeying",
                         "config": {"base_url": f"{model_url}/v1"}, "credentials": {"api_key": KEY}}),
        ("connections", {"provider": "http", "name": "hostile", "slug": "hostile", "config": {"base_url": web_url}}),
        ("actions", {"name": "obedient-order", "slug": "obedient-order", "kind": "http_request", "definition": order}),
        ("actions", {"name": "obedient-load", "slug": "obedient-load", "kind": "dlt_extract",
                     "definition": {"source": "sample", "resources": ["orders"]}}),
        ("agents", agent | {"tools": tools}),
    ]  # fmt: skip
    for path, body in bodies:
        answer = await api.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text

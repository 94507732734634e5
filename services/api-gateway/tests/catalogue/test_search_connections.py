"""Connections of the provider tavily, and searches that name none."""

from typing import Any

import httpx2
import pytest

from vai_testkit.vendors.tavily import GOOD, tavily

CONNECTIONS = "/api/v1/connections"
RUNS = "/api/v1/action-runs"


async def made(api: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"provider": "tavily", "name": "Search", "credentials": {"api_key": GOOD}, **more}
    answer = await api.post(CONNECTIONS, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_alone_makes_a_connection(api: httpx2.AsyncClient) -> None:
    connection = await made(api)
    assert connection["config"]["base_url"] == "https://api.tavily.com"
    assert GOOD not in str(connection)


@pytest.mark.parametrize(("key", "said"), [(GOOD, "took the credentials"), ("tvly-wrong-key", "refuses")])
async def test_its_test_asks_tavily_whether_the_key_is_good(at_home: httpx2.AsyncClient, key: str, said: str) -> None:
    async with tavily() as server:
        connection = await made(at_home, config={"base_url": server.url}, credentials={"api_key": key})
        answer = await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")
    assert said in answer.text, answer.text
    assert [seen.target for seen in server.seen] == ["/usage"]


async def test_a_search_takes_the_default_connection_of_its_provider(api: httpx2.AsyncClient) -> None:
    body = {"kind": "web_search", "definition": {"query": "towers"}}
    refused = await api.post(RUNS, json=body, headers={"Prefer": "respond-async"})
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "unknown_connection")
    assert "tavily" in refused.json()["detail"][0]["msg"]
    connection = await made(api, isDefault=True)
    run = await api.post(RUNS, json=body, headers={"Prefer": "respond-async"})
    assert (run.status_code, run.json()["definition"]["connection"]) == (201, connection["id"]), run.text
    used = await api.delete(f"{CONNECTIONS}/{connection['id']}")
    assert used.status_code == 409


async def test_a_question_that_no_model_can_answer_is_refused_with_what_to_set(api: httpx2.AsyncClient) -> None:
    body = {"kind": "generate_query", "definition": {"question": "How many orders are there?"}}
    refused = await api.post(RUNS, json=body)
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "no_model")
    assert "settings.models.default" in refused.json()["detail"][0]["msg"]

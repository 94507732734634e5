"""/api/v1/chat/threads: threads are made, found, changed and deleted; nobody sees those of another organisation."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.threads.shapes import ThreadShape, ThreadsShape
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team

THREADS = "/api/v1/chat/threads"
AGENT = {"name": "Helper", "instructions": "Help.", "model": "l/one", "datasets": ["gold.sales", "gold.costs"]}


@pytest.fixture(autouse=True)
async def _models(api: httpx2.AsyncClient) -> None:
    config = {"base_url": "https://models.example/v1"}
    body = {"provider": "openai_compatible", "name": "l", "slug": "l", "config": config}
    assert (await api.post("/api/v1/connections", json=body)).status_code == 201
    assert (await api.post("/api/v1/agents", json=AGENT)).status_code == 201


async def _made(api: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    made = await api.post(THREADS, json=body)
    assert made.status_code == 201, made.text
    ThreadShape.model_validate_json(made.content)
    return dict((await api.get(made.headers["location"])).json())


async def test_a_thread_is_with_a_saved_agent_or_has_one_of_its_own(api: httpx2.AsyncClient) -> None:
    saved = await _made(api, agent="helper", datasets=["gold.costs"])
    assert (saved["name"], saved["agent"]["slug"], saved["datasets"]) == ("New thread", "helper", ["gold.costs"])
    assert (saved["instructions"], saved["tools"], saved["head"], saved["messages"]) == (None, None, None, 0)
    own = await _made(api, name="Mine", model="l/two", datasets=["gold.costs"])
    assert (own["agent"]["slug"], own["model"], own["datasets"]) == (None, "l/two", ["gold.costs"])
    assert own["instructions"].startswith("You are a helpful assistant.")
    assert [agent["slug"] for agent in (await api.get("/api/v1/agents")).json()["agents"]] == ["helper"]
    for ask in (api.get, api.delete):
        assert (await ask(f"/api/v1/agents/{own['agent']['id']}")).status_code == 404
    changed = await api.patch(f"{THREADS}/{own['id']}", json={"name": "Yours", "model": None, "datasets": []})
    assert changed.status_code == 200, changed.text
    assert {"name": "Yours", "model": None, "datasets": []}.items() <= changed.json().items()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"agent": "nobody"}, "there is no agent 'nobody'"),
    ({"agent": "helper", "model": "l/two"}, "the agent has model of its own"),
    ({"agent": "helper", "datasets": ["gold.secret"]}, "the agent may not read 'gold.secret'"),
    ({"model": "nowhere/one"}, "nowhere"),
    ({"tools": [{"action": "gone"}]}, "there is no action 'gone'"),
    ({"tools": [{"kind": "http_request", "maySet": ["headers"]}]}, "a model may not set headers"),
    ({"name": " "}, "pattern"),
    ({"name": "a\u0000b"}, "U+0000"),
    ({"outputSchema": {}}, "outputSchema"),
]


@pytest.mark.parametrize(("body", "told"), WRONG)
async def test_what_no_thread_can_be_is_refused(api: httpx2.AsyncClient, body: dict[str, Any], told: str) -> None:
    refused = await api.post(THREADS, json=body)
    assert refused.status_code == 422, refused.text
    assert told in refused.text
    assert (await api.get(THREADS)).json()["threads"] == []


async def test_a_saved_agent_is_not_changed_by_its_thread(api: httpx2.AsyncClient) -> None:
    thread = await _made(api, agent="helper")
    where = f"{THREADS}/{thread['id']}"
    for body in ({"model": "l/two"}, {"name": None}, {"datasets": ["gold.secret"]}, {"head": thread["id"]}):
        assert (await api.patch(where, json=body)).status_code == 422
    assert (await api.patch(where, json={"datasets": ["gold.costs"]})).json()["datasets"] == ["gold.costs"]


async def test_lists_go_on_behind_a_cursor_and_show_the_own_organisation_alone(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    names = [f"Thread {n}" for n in range(5)]
    ids = {name: (await _made(api, agent="helper", name=name))["id"] for name in names}
    await _made(api, name="100 % mine", model="l/two")
    await api.patch(f"{THREADS}/{ids['Thread 0']}", json={"name": "Thread 0"})
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await api.get(THREADS, params=query)
        ThreadsShape.model_validate_json(page.content)
        seen += [thread["name"] for thread in page.json()["threads"]]
        if not page.json()["hasNext"]:
            break
        query["cursor"] = page.json()["nextCursor"]
    assert seen == ["Thread 0", "100 % mine", *names[:0:-1]]
    assert len((await api.get(THREADS, params={"agent": "helper"})).json()["threads"]) == 5
    assert [t["name"] for t in (await api.get(THREADS, params={"q": "100 %"})).json()["threads"]] == ["100 % mine"]
    for query in ({"cursor": "nonsense"}, {"agent": "nobody"}, {"limit": 101}):
        assert (await api.get(THREADS, params=query)).status_code == 422
    stranger = (await make_team(gateway.engine, "globex")).headers()
    assert (await api.get(THREADS, headers=stranger)).json()["threads"] == []
    where = f"{THREADS}/{ids['Thread 1']}"
    asked = [(method, f"{where}{more}") for method, more in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages"), ("POST", "/stop"),
        ("POST", "/crystallize"))]  # fmt: skip
    for method, url in asked:
        body = {"text": "Hi"} if url.endswith("messages") else {"name": "x"} if method == "PATCH" else {}
        answer = await api.request(method, url, headers=stranger, json=None if method in ("GET", "DELETE") else body)
        assert answer.status_code == 404, (method, url, answer.text)
    viewer = team.headers(Role.VIEWER)
    for method, url in asked:
        body = {"text": "Hi"} if url.endswith("messages") else {"name": "x"} if method == "PATCH" else {}
        answer = await api.request(method, url, headers=viewer, json=None if method in ("GET", "DELETE") else body)
        assert answer.status_code == (200 if method == "GET" else 403), (method, url, answer.text)

"""/api/v1/agents: what is saved, found, changed and refused; and runs that need an agent."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.agents.shapes import AgentShape, AgentsShape
from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team

AGENTS = "/api/v1/agents"
BODY: dict[str, Any] = {
    "name": "Order analyst",
    "instructions": "Answer questions about orders.",
    "datasets": ["silver.orders"],
    "labels": {"team": "finance"},
    "allowedDomains": ["Example.com"],
    "tools": [{"kind": "http_request", "name": "look_up", "maySet": ["url"], "approval": True}],
}


async def made(api: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await api.post(AGENTS, json=BODY | changes)
    assert answer.status_code == 201, answer.text
    agent: dict[str, Any] = answer.json()
    AgentShape.model_validate_json(answer.content)
    return agent


async def test_an_agent_is_saved_found_changed_and_hidden(api: httpx2.AsyncClient) -> None:
    agent = await made(api)
    assert (agent["slug"], agent["allowedDomains"], agent["limits"]["steps"]) == ("order-analyst", ["example.com"], 20)
    assert (await made(api))["slug"] == "order-analyst-2"
    where = f"{AGENTS}/{agent['id']}"
    read = await api.get(where)
    assert (await api.get(f"{AGENTS}/slug/order-analyst")).json() == read.json() == agent
    found = await api.get(AGENTS, params={"q": "analyst-2", "label": "team=finance"})
    AgentsShape.model_validate_json(found.content)
    assert [one["slug"] for one in found.json()["agents"]] == ["order-analyst-2"]
    assert (await api.get(AGENTS, params={"label": "team=other"})).json()["total"] == 0
    tag = {"If-Match": read.headers["etag"]}
    changed = await api.patch(where, json={"limits": {"steps": 3}, "labels": {}}, headers=tag)
    assert (changed.json()["limits"]["steps"], changed.json()["labels"], changed.json()["tools"]) == (
        3, {}, agent["tools"],
    )  # fmt: skip
    assert (await api.patch(where, json={"name": "x"}, headers=tag)).status_code == 412
    assert (await api.patch(where, json={"slug": "order-analyst-2"})).status_code == 409
    assert (await api.delete(where)).status_code == 204
    assert (await api.get(where)).status_code == 404


WRONG: list[tuple[dict[str, Any], list[Any], str]] = [
    ({"instructions": " "}, ["instructions"], ""),
    ({"tools": [{"name": "x"}]}, ["tools", 0], "give just one of kind, action, automation, agent and mcp"),
    ({"tools": [{"kind": "fetch_page"}]}, ["tools", 0, "kind"], ""),
    ({"tools": [{"action": "gone"}]}, ["tools", 0, "action"], "there is no action 'gone'"),
    ({"tools": [{"automation": "gone"}]}, ["tools", 0, "automation"], "there is no automation 'gone'"),
    ({"tools": [{"agent": "gone"}]}, ["tools", 0, "agent"], "there is no agent 'gone'"),
    ({"tools": [{"mcp": "gone", "tool": "x"}]}, ["tools", 0, "mcp"], "there is no connection 'gone'"),
    ({"tools": [{"mcp": "shop"}]}, ["tools", 0], "mcp and tool belong together"),
    ({"tools": [{"tool": "x"}]}, ["tools", 0], "give just one of"),
    ({"tools": [{"mcp": "shop", "tool": "a.b"}]}, ["tools", 0], "give it a name"),
    ({"tools": [{"mcp": "shop", "tool": "a b"}]}, ["tools", 0, "tool"], ""),
    ({"tools": [{"mcp": "shop", "tool": "x", "approval": True}]}, ["tools", 0], "none can wait for an approval"),
    ({"tools": [{"mcp": "shop", "tool": "x", "maySet": ["a"]}]}, ["tools", 0], "may_set is for"),
    ({"tools": [{"kind": "http_request", "maySet": ["headers"]}]}, ["tools", 0, "maySet", 0], "may not set headers"),
    ({"tools": [{"kind": "http_request", "maySet": ["connection"]}]}, ["tools", 0, "maySet", 0], "may not set"),
    ({"tools": [{"kind": "dlt_extract", "maySet": ["source"]}]}, ["tools", 0, "maySet", 0], "may set resources"),
    ({"tools": [{"kind": "http_request", "maySet": ["url"]}], "allowedDomains": []}, ["tools", 0], "allowedDomains"),
    ({"tools": [{"kind": "http_request", "fixed": {"headers": {"Authorization": "Bearer abc"}}}]},
     ["tools", 0, "fixed"], "holds a secret"),
    ({"tools": [{"kind": "http_request", "fixed": {"urn": "x"}}]}, ["tools", 0, "fixed", "urn"], ""),
    ({"tools": [{"kind": "http_request", "fixed": {"url": "https://a.test"}, "maySet": ["url"]}]}, ["tools", 0], "url"),
    ({"tools": [{"kind": "http_request", "fixed": {"url": "https://a.test"}}] * 2}, [], "two tools are called"),
    ({"tools": [{"kind": "http_request", "name": "query_datasets"}]}, [], "two tools are called 'query_datasets'"),
    ({"outputSchema": {"type": "objekt"}}, ["outputSchema", "type"], "is no JSON Schema"),
    ({"outputSchema": {"$ref": "https://evil.test/schema"}}, ["outputSchema"], "$ref is not taken"),
    ({"outputSchema": {"properties": {"a": {"pattern": "(a+)+$"}}}}, ["outputSchema"], "pattern is not taken"),
    ({"limits": {"steps": 0}}, ["limits", "steps"], ""),
    ({"limits": {"stepz": 1}}, ["limits", "stepz"], ""),
    ({"model": "none/gpt"}, ["model"], "there is no connection 'none'"),
    ({"allowedDomains": ["https://example.com/"]}, ["allowedDomains", 0], "is no domain"),
    ({"allowedDomains": ["localhost:8080"]}, ["allowedDomains", 0], "without https://, port and path"),
    ({"tools": [{"kind": "agent_search", "maySet": ["query"]}], "allowedDomains": ["intranet"]}, ["tools", 0],
     "domains such as"),
    ({"datasets": ["orders"]}, ["datasets", 0], ""),
]  # fmt: skip


async def test_a_host_without_a_dot_and_an_address_may_be_listed(api: httpx2.AsyncClient) -> None:
    given = ["LocalHost", "intranet", "10.1.2.3", "[2001:DB8::1]", "docs.example.com"]
    made = await api.post(AGENTS, json=BODY | {"allowedDomains": given})
    assert made.status_code == 201, made.text
    kept = ["localhost", "intranet", "10.1.2.3", "2001:db8::1", "docs.example.com"]
    assert made.json()["allowedDomains"] == kept


@pytest.mark.parametrize(("changes", "place", "words"), WRONG)
async def test_what_is_wrong_with_an_agent_is_told_with_its_place(
    api: httpx2.AsyncClient, changes: dict[str, Any], place: list[Any], words: str
) -> None:
    refused = await api.post(AGENTS, json=BODY | changes)
    assert refused.status_code == 422, refused.text
    [first, *_] = refused.json()["detail"]
    assert first["loc"] == ["body", *place]
    assert words in first["msg"]
    assert (await api.get(AGENTS)).json()["total"] == 0


async def test_a_tool_of_an_mcp_server_names_a_connection_of_this_provider(api: httpx2.AsyncClient) -> None:
    for slug, provider in (("crm", "mcp"), ("rest", "rest")):
        body = {"name": slug, "slug": slug, "provider": provider, "config": {"url": "https://crm.example.com/mcp"}}
        saved = await api.post("/api/v1/connections", json=body)
        assert saved.status_code == 201, saved.text
    tool = {"mcp": "crm", "tool": "notes/add", "name": "add_note", "fixed": {"project": 7}}
    agent = await made(api, tools=[tool])
    assert tool.items() <= agent["tools"][0].items()
    wrong = (
        ({"mcp": "rest", "tool": "x"}, "is of rest"),
        ({"mcp": "crm", "tool": "x", "fixed": {"api_key": "sk-1234567890abcdef1234"}}, "holds a secret"),
        ({"mcp": "crm", "tool": "x", "fixed": {"token": "$/secrets/crm"}}, "a call of an MCP server is none"),
    )
    for one, words in wrong:
        refused = await api.post(AGENTS, json=BODY | {"slug": "two", "tools": [one]})
        assert refused.status_code == 422, refused.text
        assert words in refused.text


NAMING: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "${/vars/shop}/n"}, "unknown_reference", "there is no variable 'shop'"),
    ({"headers": {"Authorization": "Bearer $/secrets/shop"}}, "unknown_reference", "there is no secret 'shop'"),
    ({"method": "$/secrets/known"}, "secret_place", "a secret stands only where"),
    ({"urn": "$/vars/known"}, "extra_forbidden", ""),
]


@pytest.mark.parametrize(("fixed", "kind", "words"), NAMING)
async def test_what_a_tool_names_in_vain_is_told_when_the_agent_is_saved(
    api: httpx2.AsyncClient, fixed: dict[str, Any], kind: str, words: str
) -> None:
    """And not by each of its calls, whose model can do nothing about it."""
    assert (await api.put("/api/v1/variables/known", json={"value": "https://shop.example.com"})).status_code < 300
    assert (await api.put("/api/v1/secrets/known", json={"value": "the-long-token"})).status_code < 300
    tool = {"kind": "http_request", "name": "tell", "fixed": {"url": "https://a.example.com"} | fixed}
    refused = await api.post(AGENTS, json=BODY | {"tools": [tool]})
    assert refused.status_code == 422, refused.text
    [fault] = refused.json()["detail"]
    assert (fault["loc"][:4], fault["type"]) == (["body", "tools", 0, "fixed"], kind)
    assert words in fault["msg"]
    named = {"url": "${/vars/known}/n", "headers": {"Authorization": "Bearer $/secrets/known"}}
    agent = await made(api, tools=[tool | {"fixed": named}])
    assert agent["tools"][0]["fixed"] == named


async def test_an_agent_that_others_call_is_not_hidden_and_one_may_call_itself(api: httpx2.AsyncClient) -> None:
    agent = await made(api, slug="one", tools=[{"agent": "one", "name": "myself"}])
    other = await made(api, slug="two", tools=[{"agent": "one"}])
    refused = await api.delete(f"{AGENTS}/{agent['id']}")
    assert (refused.status_code, "two have it as a tool" in refused.text) == (409, True)
    assert (await api.delete(f"{AGENTS}/{other['id']}")).status_code == 204
    assert (await api.delete(f"{AGENTS}/{agent['id']}")).status_code == 204


async def test_agents_belong_to_one_organisation_and_viewers_only_read(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    agent = await made(api)
    other = (await make_team(gateway.engine, "globex")).headers()
    where = f"{AGENTS}/{agent['id']}"
    assert (await api.get(where, headers=other)).status_code == 404
    assert (await api.patch(where, json={"name": "x"}, headers=other)).status_code == 404
    viewer = team.headers(Role.VIEWER)
    assert (await api.get(where, headers=viewer)).status_code == 200
    assert (await api.post(AGENTS, json=BODY, headers=viewer)).status_code == 403


async def test_a_run_needs_an_agent_that_is_there_and_a_model(api: httpx2.AsyncClient) -> None:
    body = {"kind": "call_agent", "definition": {"agent": "order-analyst", "question": "How many?"}}
    refused = await api.post("/api/v1/action-runs", json=body)
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "unknown_agent")
    await made(api)
    refused = await api.post("/api/v1/action-runs", json=body)
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "no_model")
    assert "settings.models.default" in refused.json()["detail"][0]["msg"]


@pytest.mark.parametrize(("kind", "other"), [("agent_search", "web_search"), ("agent_fetch_page", "fetch_page")])
async def test_kinds_of_agents_are_refused_elsewhere_and_the_other_one_is_named(
    api: httpx2.AsyncClient, kind: str, other: str
) -> None:
    definition = {"query": "towers", "include_domains": ["example.com"]}
    if kind == "agent_fetch_page":
        definition = {"url": "https://example.com", "allowed_domains": ["example.com"]}
    work = {"kind": kind, "definition": definition}
    for path, body in (
        ("/api/v1/action-runs", work),
        ("/api/v1/actions", work | {"name": "x"}),
        ("/api/v1/automations", {"name": "x", "actions": [work]}),
    ):
        refused = await api.post(path, json=body)
        assert refused.status_code == 422, refused.text
        [fault] = refused.json()["detail"]
        assert (fault["type"], fault["loc"][-1]) == ("agent_only", "kind")
        assert fault["msg"].endswith(f"use {other}")

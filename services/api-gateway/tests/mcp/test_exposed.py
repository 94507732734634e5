"""Actions and automations that are marked with `expose` are tools by their slugs; no others are (decision 59)."""

import asyncio
from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.services import OtherServices
from vai_testkit.talking import Reports, refused, talking
from vai_testkit.team import Team, make_team
from vai_testkit.wait import wait_for

STEP = {"key": "one", "action": {"kind": "dlt_extract", "definition": {"source": "noop"}}}
NIGHTLY = {
    "name": "Nightly",
    "slug": "nightly",
    "description": "Brings the orders of a day.",
    "inputs": {
        "day": {"type": "string", "required": True, "description": "Which day"},
        "limit": {"type": "integer", "default": 10},
    },
    "steps": [STEP],
    "expose": True,
}
QUERY = {
    "name": "Orders",
    "slug": "orders",
    "kind": "generate_query",
    "definition": {"sql": "SELECT 1"},
    "expose": True,
}


async def save(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_what_is_exposed_is_a_tool_with_its_inputs(live: str, team: Team, client: httpx2.AsyncClient) -> None:
    await save(client, "automations", NIGHTLY)
    await save(client, "automations", NIGHTLY | {"name": "Hidden", "slug": "hidden", "expose": False})
    query = await save(client, "actions", QUERY)
    await save(client, "actions", QUERY | {"slug": "nightly", "name": "Same slug"})
    async with talking(live, team.headers()) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
    async with talking(live, team.headers(Role.VIEWER)) as mcp:
        seen = {tool.name for tool in (await mcp.list_tools()).tools}
    assert "hidden" not in tools
    assert seen & {"nightly", "orders"} == set()
    assert tools["nightly"].description == "Brings the orders of a day."
    assert tools["nightly"].input_schema == {
        "type": "object",
        "properties": {
            "day": {"type": "string", "description": "Which day"},
            "limit": {"type": "integer", "default": 10},
        },
        "required": ["day"],
        "additionalProperties": False,
    }
    assert set(tools["orders"].input_schema["properties"]) == {"sql", "question", "max_rows", "datasets"}
    await client.patch(f"/api/v1/actions/{query['id']}", json={"expose": False})
    async with talking(live, team.headers()) as mcp:
        assert "orders" not in {tool.name for tool in (await mcp.list_tools()).tools}


async def test_a_tool_runs_its_automation_and_a_cancelled_call_cancels_it(
    live: str, team: Team, client: httpx2.AsyncClient
) -> None:
    await save(client, "automations", NIGHTLY)
    reports = Reports()
    async with talking(live, team.headers()) as mcp:
        assert (await refused(mcp, "nightly", limit=1))["status"] == 422
        call = asyncio.create_task(mcp.call_tool("nightly", {"day": "2026-11-29"}, progress_callback=reports))
        await reports.first.wait()
        (run,) = (await client.get("/api/v1/automation-runs")).json()["automationRuns"]
        call.cancel()

        async def stopped() -> bool:
            shown = await client.get(f"/api/v1/automation-runs/{run['runId']}")
            return shown.json()["displayStatus"] in ("cancelling", "cancelled")

        await wait_for(stopped, what="its automation run is cancelled")


async def test_a_tool_runs_its_action_with_what_a_model_may_set(
    live: str, team: Team, client: httpx2.AsyncClient, others: OtherServices
) -> None:
    await save(client, "actions", QUERY)
    reports = Reports()
    async with talking(live, team.headers()) as mcp:
        assert (await refused(mcp, "orders", requires_approval=False))["status"] == 422
        call = asyncio.create_task(mcp.call_tool("orders", {"sql": "SELECT 2"}, progress_callback=reports))
        await reports.first.wait()
        (run,) = (await client.get("/api/v1/action-runs")).json()["runs"]
        await others.end(run["id"], result={"rows": [[2]]})
        assert not (await call).is_error
    assert run["definition"]["sql"] == "SELECT 2"


@pytest.mark.parametrize("said", ["$/secrets/other", {"a": ["Bearer ${/secrets/other}"]}, "x $/vars/known y"])
async def test_a_model_that_calls_an_action_names_nothing_of_the_organisation(
    live: str, team: Team, client: httpx2.AsyncClient, said: Any
) -> None:
    """What a page has told it to send gets no secret: the action goes to an address that others may read."""
    assert (await client.put("/api/v1/secrets/other", json={"value": "not-for-that-address"})).status_code < 300
    assert (await client.put("/api/v1/variables/known", json={"value": "x"})).status_code < 300
    post = {"method": "POST", "url": "https://api.example.com/notes"}
    action = {"name": "Note", "slug": "note", "kind": "http_request", "definition": post, "expose": True}
    await save(client, "actions", action)
    async with talking(live, team.headers()) as mcp:
        told = await refused(mcp, "note", body=said)
    assert (told["status"], told["detail"][0]["loc"]) == (422, ["arguments", "body"])
    assert (await client.get("/api/v1/action-runs")).json()["runs"] == []


async def test_neither_a_stranger_nor_a_viewer_calls_it(
    live: str, team: Team, client: httpx2.AsyncClient, gateway: Gateway
) -> None:
    await save(client, "automations", NIGHTLY)
    await save(client, "automations", NIGHTLY | {"slug": "hidden", "expose": False})
    strangers = await make_team(gateway.engine, "strangers")
    async with talking(live, team.headers(Role.VIEWER)) as mcp:
        assert (await refused(mcp, "nightly", day="x"))["status"] == 403
    for key, tool in (
        (strangers.headers(), "nightly"),
        (team.headers(), "hidden"),
        (team.headers(), "../people"),
        (team.headers(), ""),
    ):
        async with talking(live, key) as mcp:
            said = await said_to(mcp, tool)
            assert "there is no tool" in said


async def said_to(mcp: Any, tool: str) -> str:
    try:
        return str(await mcp.call_tool(tool, {"day": "x"}))
    except Exception as error:
        return str(error)


async def test_a_slug_that_is_no_name_of_a_tool_is_refused(client: httpx2.AsyncClient) -> None:
    for path, body in (("automations", NIGHTLY), ("actions", QUERY)):
        answer = await client.post(f"/api/v1/{path}", json=body | {"slug": "x" * 65})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "slug"])
        made = await save(client, path, body | {"slug": "y" * 65, "expose": False})
        answer = await client.patch(f"/api/v1/{path}/{made['id']}", json={"expose": True})
        assert answer.status_code == 422
        listed = (await client.get(f"/api/v1/{path}", params={"expose": "false"})).json()[path]
        assert [one["expose"] for one in listed] == [False]


async def test_a_secret_input_is_for_people_alone(live: str, team: Team, client: httpx2.AsyncClient) -> None:
    needed, may = {"token": {"type": "secret", "required": True}}, {"token": {"type": "secret"}}
    await save(client, "automations", NIGHTLY | {"inputs": needed})
    await save(client, "automations", NIGHTLY | {"slug": "may", "inputs": may})
    async with talking(live, team.headers()) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
        assert "nightly" not in tools
        assert tools["may"].input_schema["properties"] == {}
        for name in ("nightly", "may"):
            assert "no model may know" in str(await refused(mcp, name, token="t0ken-4711"))
    assert (await client.get("/api/v1/automation-runs")).json()["automationRuns"] == []

"""POST /agents/runs/{id}/crystallize: what is saved and told, and of which runs that cannot be done."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.agents.crystallize import CrystallizedShape
from vai_api_gateway.gateway import Gateway
from vai_testkit.agent_runs import agent_run
from vai_testkit.services import OtherServices
from vai_testkit.team import Team, make_team

RUNS = "/api/v1/agents/runs"
QUERY = {"sql": "SELECT count(*) AS orders FROM silver.orders WHERE city = 'Konya'"}
POST = {"method": "POST", "url": "https://api.example.com/totals", "body": {"orders": 120_533}}
CALLS: list[list[tuple[str, str, dict[str, Any], Any]]] = [
    [("look", "explain_schema", {"datasets": ["silver.orders"]}, None)],
    [("query_datasets", "generate_query", QUERY, {"rows": [{"orders": 120_533}]})],
    [("tell", "http_request", POST, {"status_code": 201})],
]
AGENT = {
    "datasets": ["silver.orders"],
    "allowedDomains": ["example.com"],
    "tools": [{"kind": "http_request", "name": "tell", "maySet": ["method", "url", "body"]}],
}


@pytest.fixture
async def run_id(gateway: Gateway, others: OtherServices, team: Team) -> UUID:
    question = "How many orders has Konya? Tell the shop."
    return await agent_run(gateway.pool, others, team.org_id, CALLS, agent=AGENT, question=question)


async def test_a_run_becomes_an_automation_that_names_it(api: httpx2.AsyncClient, run_id: UUID) -> None:
    where = f"{RUNS}/{run_id}/crystallize"
    shown = await api.post(where, params={"dry_run": True})
    assert shown.status_code == 200, shown.text
    CrystallizedShape.model_validate_json(shown.content)
    assert shown.json()["automation"] is None
    assert (await api.get("/api/v1/automations")).json()["total"] == 0
    made = await api.post(where, json={"name": "Totals of a city", "parameters": {"city": "Konya"}})
    assert made.status_code == 201, made.text
    saved, report = made.json()["automation"], made.json()["report"]
    assert (saved["slug"], saved["sourceType"], saved["sourceId"]) == ("totals-of-a-city", "crystallized", str(run_id))
    assert (list(saved["inputs"]), saved["inputs"]["city"]["default"]) == (["city"], "Konya")
    query, tell = saved["steps"]
    assert query["action"]["definition"]["sql"].endswith("city = '${/inputs/city}'")
    assert query["action"]["definition"]["datasets"] == ["silver.orders"]
    assert tell["action"]["definition"]["body"] == {"orders": "$/steps/query_datasets/result/rows/0/orders"}
    assert [one["tool"] for one in report["leftOut"]] == ["look"]
    assert report["needsModel"] == []
    read = await api.get(made.headers["location"])
    assert read.json()["sourceId"] == str(run_id)
    again = await api.post(where, json={"name": "Totals of a city"})
    assert again.json()["automation"]["slug"] == "totals-of-a-city-2"
    assert (await api.post("/api/v1/automations", json=made.json()["body"] | {"slug": "other"})).status_code == 201


async def test_of_other_runs_it_says_why_not(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices, team: Team, run_id: UUID
) -> None:
    failed = await agent_run(gateway.pool, others, team.org_id, CALLS, agent=AGENT, status="failed")
    idle = await agent_run(gateway.pool, others, team.org_id, [], answer="Hello.")
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    other = (await api.post("/api/v1/action-runs?defer=true", json=noop)).json()["id"]
    told = {run: await api.post(f"{RUNS}/{run}/crystallize") for run in (failed, idle, other)}
    assert [answer.status_code for answer in told.values()] == [409, 409, 404]
    assert "the run is failed" in told[failed].text
    assert "without any tool" in told[idle].text
    stranger = (await make_team(gateway.engine, "globex")).headers()
    assert (await api.post(f"{RUNS}/{run_id}/crystallize", headers=stranger)).status_code == 404
    assert (await api.post(f"{RUNS}/{run_id}/crystallize", json={"nam": "x"})).status_code == 422
    assert (await api.post(f"{RUNS}/{run_id}/crystallize", json={"parameters": {"a/b": 1}})).status_code == 422

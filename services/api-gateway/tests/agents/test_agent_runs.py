"""/api/v1/agents/runs: the list, the transcript and the stream of an agent's run."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.agents.transcript import AgentRunShape
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import RunsShape
from vai_common.ids import uuid7
from vai_records.agents import turns
from vai_records.agents.turns import Answered
from vai_testkit.services import LogWorker
from vai_testkit.team import Team, make_team

RUNS = "/api/v1/agents/runs"
MODELS = {
    "provider": "openai_compatible",
    "name": "l",
    "slug": "l",
    "config": {"base_url": "https://models.example/v1"},
}


@pytest.fixture
async def run_id(api: httpx2.AsyncClient) -> str:
    assert (await api.post("/api/v1/connections", json=MODELS)).status_code == 201
    agent = {"name": "Helper", "instructions": "Help.", "model": "l/one"}
    assert (await api.post("/api/v1/agents", json=agent)).status_code == 201
    definition = {"agent": "helper", "question": "How many?", "inputs": {"of": "orders"}}
    made = await api.post("/api/v1/action-runs", json={"kind": "call_agent", "definition": definition})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _said(text: str, *calls: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"part_kind": "thinking", "content": "Hm."}, {"part_kind": "text", "content": text}]
    parts += [{"part_kind": "tool-call", "tool_name": "look", "tool_call_id": call, "args": "{}"} for call in calls]
    return {"kind": "response", "parts": parts}


async def _work(gateway: Gateway, team: Team, run_id: str) -> UUID:
    """Two turns: two calls, of which one was refused; then text. The run of the other call."""
    agent = {"slug": "helper", "name": "Helper", "definition": {"instructions": "Help."}}
    run, child, pool = UUID(run_id), uuid7(), gateway.pool
    await turns.begin(pool, run, team.org_id, uuid7(), agent, 0)
    await turns.answered(pool, run, Answered(1, "l/one", _said("Let me see.", "a", "b"), 100, 10, 0.5))
    calls: list[dict[str, Any]] = [
        {"id": "a", "tool": "look", "arguments": {"x": "y" * 9_000}, "run_id": str(child)},
        {"id": "b", "tool": "peek", "arguments": {}, "refused": "there is no tool 'peek'"},
    ]
    await turns.called(pool, run, 1, calls)
    await turns.came_to(pool, run, 1, [{"text": "z" * 5_000}, {"text": "Refused: there is no tool 'peek'"}])
    await turns.answered(pool, run, Answered(2, "l/one", _said(""), 110, 0, None))
    await turns.called(pool, run, 2, [])
    await turns.came_to(pool, run, 2, [{"text": "Your answer was empty."}])
    return child


async def test_runs_of_one_agent_are_found_by_slug_and_id_before_and_after_they_begin(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, run_id: str
) -> None:
    other = {"name": "Other", "instructions": "Help.", "model": "l/one"}
    assert (await api.post("/api/v1/agents", json=other)).status_code == 201
    definition = {"agent": "other", "question": "How many?"}
    made = await api.post("/api/v1/action-runs", json={"kind": "call_agent", "definition": definition})
    helper = (await api.get("/api/v1/agents/slug/helper")).json()["id"]

    async def found(**query: str) -> list[str]:
        answer = await api.get(RUNS, params=query)
        assert answer.status_code == 200, answer.text
        return [run["id"] for run in answer.json()["runs"]]

    assert await found(agent="helper") == await found(agent=helper) == [run_id]
    assert await found(agent="other") == [made.json()["id"]]
    agent = {"slug": "helper", "name": "Helper", "definition": {"instructions": "Help."}}
    await turns.begin(gateway.pool, UUID(run_id), team.org_id, UUID(helper), agent, 0)
    assert await found(agent=helper, status="pending,running") == [run_id]
    assert await found(agent=helper, status="completed") == []
    assert (await api.delete(f"/api/v1/agents/{helper}")).status_code == 204
    assert await found(agent=helper) == [run_id]
    unknown = await api.get(RUNS, params={"agent": "helper"})
    assert (unknown.status_code, unknown.json()["detail"][0]["loc"]) == (422, ["query", "agent"])


async def test_a_call_of_an_mcp_server_is_told_with_its_connection(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, run_id: str
) -> None:
    pool, run = gateway.pool, UUID(run_id)
    agent = {"slug": "helper", "name": "Helper", "definition": {"instructions": "Help."}}
    await turns.begin(pool, run, team.org_id, uuid7(), agent, 0)
    await turns.answered(pool, run, Answered(1, "l/one", _said("", "a"), 1, 1, None))
    call = {"id": "a", "tool": "stock", "arguments": {}, "mcp": {"connection": "shop", "tool": "stock"}}
    steps = (({}, "pending"), ({"begun": 1}, "running"), ({"came_to": {"text": "7", "failed": False}}, "completed"))
    for more, status in steps:
        await pool.execute("UPDATE agent_turns SET calls = $2 WHERE run_id = $1", run, [{**call, **more}])
        told = (await api.get(f"{RUNS}/{run_id}")).json()
        [shown] = told["turns"][0]["toolCalls"]
        assert (shown["connection"], shown["status"], shown["runId"]) == ("shop", status, None)
        assert told["used"]["calls"] == 1


async def test_a_run_is_listed_and_told_turn_by_turn(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, run_id: str
) -> None:
    await api.post("/api/v1/action-runs?defer=true", json={"kind": "dlt_extract", "definition": {"source": "noop"}})
    listed = await api.get(RUNS, params={"status": "pending,running"})
    RunsShape.model_validate_json(listed.content)
    assert [run["id"] for run in listed.json()["runs"]] == [run_id]
    fresh = (await api.get(f"{RUNS}/{run_id}")).json()
    assert (fresh["agent"], fresh["turns"], fresh["used"]["steps"]) == (None, [], 0)
    child = await _work(gateway, team, run_id)
    answer = await api.get(f"{RUNS}/{run_id}")
    AgentRunShape.model_validate_json(answer.content)
    told = answer.json()
    assert (told["agent"]["slug"], told["question"], told["inputs"]) == ("helper", "How many?", {"of": "orders"})
    first, second = told["turns"]
    made, refused = first["toolCalls"]
    assert first["text"] == "Let me see."
    assert (made["runId"], made["arguments"], made["truncated"], len(made["result"])) == (str(child), None, True, 4_000)
    assert (refused["runId"], refused["refused"], refused["truncated"]) == (None, "there is no tool 'peek'", False)
    assert (second["told"], second["toolCalls"]) == ("Your answer was empty.", [])
    assert told["used"] == {"steps": 2, "calls": 1, "inputTokens": 210, "outputTokens": 10, "dollars": None}
    part = (await api.get(f"{RUNS}/{run_id}", params={"limit": 1})).json()
    assert ([turn["turn"] for turn in part["turns"]], part["hasMore"]) == ([1], True)
    rest = (await api.get(f"{RUNS}/{run_id}", params={"after": 1})).json()
    assert ([turn["turn"] for turn in rest["turns"]], rest["hasMore"]) == ([2], False)


async def test_only_runs_of_agents_of_the_own_organisation_are_here(
    api: httpx2.AsyncClient, gateway: Gateway, run_id: str
) -> None:
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    other = (await api.post("/api/v1/action-runs?defer=true", json=noop)).json()["id"]
    stranger = (await make_team(gateway.engine, "globex")).headers()
    for where in ("", "/stream"):
        assert (await api.get(f"{RUNS}/{other}{where}")).status_code == 404
        assert (await api.get(f"{RUNS}/{run_id}{where}", headers=stranger)).status_code == 404
    assert (await api.get(RUNS, headers=stranger)).json()["total"] == 0
    assert (await api.post(RUNS, json={})).status_code == 405


async def test_a_stream_tells_the_text_goes_on_where_it_was_and_ends(
    client: httpx2.AsyncClient, worker: LogWorker, run_id: str
) -> None:
    epoch = await worker.claim(run_id)
    await worker.log(run_id, epoch, "Let me ", "see.")
    await worker.end(run_id, epoch)
    whole = (await client.get(f"{RUNS}/{run_id}/stream")).text
    assert '"message":"Let me "' in whole
    assert whole.rstrip().endswith('event: end\ndata: {"status":"completed"}')
    ids = [line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: ")]
    rest = await client.get(f"{RUNS}/{run_id}/stream", headers={"Last-Event-ID": ids[1]})
    assert [line for line in rest.text.splitlines() if line.startswith("id: ")] == [f"id: {one}" for one in ids[2:]]
    assert (await client.get(f"{RUNS}/{run_id}/stream", params={"after": ids[-1]})).status_code == 204

"""POST /chat/threads/{id}/crystallize: the answers of the branch that is shown, in their order."""

from typing import Any
from uuid import UUID

import httpx2

from vai_api_gateway.agents.crystallize import CrystallizedShape
from vai_api_gateway.gateway import Gateway
from vai_common.ids import uuid7
from vai_records.threads import messages, threads
from vai_records.threads.messages import NewMessage
from vai_records.threads.threads import NewThread
from vai_testkit.agent_runs import agent_run
from vai_testkit.services import OtherServices
from vai_testkit.team import Team

THREADS = "/api/v1/chat/threads"
AGENT: dict[str, Any] = {
    "datasets": ["silver.orders"],
    "allowedDomains": ["example.com"],
    "tools": [{"kind": "http_request", "name": "tell", "maySet": ["method", "url", "body"]}],
}
Calls = list[list[tuple[str, str, dict[str, Any], Any]]]


class Told:
    """A thread whose answers are over: each is the run of an agent that called what the test says."""

    def __init__(self, gateway: Gateway, others: OtherServices, team: Team) -> None:
        self.gateway, self.others, self.team = gateway, others, team
        self.id = uuid7()

    async def begin(self, api: httpx2.AsyncClient) -> None:
        body = {
            "provider": "openai_compatible",
            "name": "l",
            "slug": "l",
            "config": {"base_url": "https://m.example/v1"},
        }
        assert (await api.post("/api/v1/connections", json=body)).status_code == 201
        agent = {"name": "Analyst", "slug": "analyst", "instructions": "Help.", "model": "l/one"}
        agent_id = UUID((await api.post("/api/v1/agents", json=agent)).json()["id"])
        await threads.create(
            self.gateway.pool, NewThread(self.id, self.team.org_id, "Orders of a city", agent_id, [], None)
        )  # fmt: skip

    async def says(self, text: str, calls: Calls, parent: UUID | None = None, place: int = 1, **told: Any) -> UUID:
        pool, org_id = self.gateway.pool, self.team.org_id
        run_id = await agent_run(pool, self.others, org_id, calls, agent=AGENT, question=text, **told)
        new = NewMessage(uuid7(), self.id, org_id, parent, place, text, run_id, None, None, None)
        await messages.create(pool, new, "Orders of a city")
        return new.id


async def test_the_answers_of_the_branch_become_one_automation(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices, team: Team
) -> None:
    thread = Told(gateway, others, team)
    await thread.begin(api)
    where = f"{THREADS}/{thread.id}"
    assert "no messages" in (await api.post(f"{where}/crystallize")).text
    query = {"sql": "SELECT count(*) AS orders FROM silver.orders WHERE city = 'Konya'"}
    first = await thread.says(
        "How many orders has Konya?", [[("query_datasets", "generate_query", query, {"rows": [{"orders": 120_533}]})]],
        answer="120533 orders.",
    )  # fmt: skip
    stray = {"method": "POST", "url": "https://api.example.com/stray", "body": {"n": 1}}
    await thread.says("Tell nobody.", [[("tell", "http_request", stray, {"status_code": 201})]], first, 2)
    failed = {"method": "POST", "url": "https://api.example.com/totals", "body": {"orders": 1}}
    second = await thread.says(
        "Tell the shop.", [[("tell", "http_request", failed, None)]], first, 2, status="failed"
    )  # fmt: skip
    post = {"method": "POST", "url": "https://api.example.com/totals", "body": {"orders": 120_533}}
    await thread.says("Again, please.", [[("tell", "http_request", post, {"status_code": 201})]], second, 3)
    dry = await api.post(f"{where}/crystallize", params={"dry_run": True})
    assert dry.status_code == 200, dry.text
    assert dry.json()["automation"] is None
    made = await api.post(f"{where}/crystallize", json={"parameters": {"city": "Konya"}})
    assert made.status_code == 201, made.text
    CrystallizedShape.model_validate_json(made.content)
    saved, report = made.json()["automation"], made.json()["report"]
    assert (saved["name"], saved["sourceType"], saved["sourceId"]) == (
        "Orders of a city", "crystallized", str(thread.id),
    )  # fmt: skip
    asked, tell = saved["steps"]
    assert asked["action"]["definition"]["sql"].endswith("city = '${/inputs/city}'")
    assert tell["action"]["definition"]["body"] == {"orders": "$/steps/query_datasets/result/rows/0/orders"}
    assert [(one["tool"], one["turn"], one["why"]) for one in report["leftOut"]] == [("tell", 2, "failed (DATA_ERROR)")]
    assert [one["turn"] for one in report["steps"]] == [1, 3]
    assert report["needsModel"] == []


async def test_a_value_of_any_message_is_an_input_and_talk_alone_is_none(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices, team: Team
) -> None:
    thread = Told(gateway, others, team)
    await thread.begin(api)
    hello = await thread.says("Hello! I am from Konya.", [], answer="Hello.")
    talk = await api.post(f"{THREADS}/{thread.id}/crystallize")
    assert (talk.status_code, "without any tool" in talk.text) == (409, True)
    post = {"method": "POST", "url": "https://api.example.com/totals", "body": {"city": "Konya", "shop": "Northwind"}}
    await thread.says("Tell Northwind.", [[("tell", "http_request", post, {"status_code": 201})]], hello, 2)
    body = (await api.post(f"{THREADS}/{thread.id}/crystallize", params={"dry_run": True})).json()["body"]
    assert body["inputs"] == {
        "city": {"type": "string", "default": "Konya"},
        "shop": {"type": "string", "default": "Northwind"},
    }

"""/api/v1/chat/threads/{id}/messages: one answer at a time, branches that stay, keys, and what stops an answer."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.threads.shapes import MessageShape, MessagesShape
from vai_common.ids import uuid7
from vai_records.models import usage
from vai_records.threads import messages
from vai_testkit.services import OtherServices
from vai_testkit.team import Team

THREADS = "/api/v1/chat/threads"
Json = dict[str, Any]


class Chat:
    """A thread, and whoever ends the runs of its answers."""

    def __init__(self, api: httpx2.AsyncClient, others: OtherServices, where: str) -> None:
        self.api, self.others, self.where = api, others, where

    async def post(self, text: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> Json:
        body = more if text is None else {"text": text, **more}
        made = await self.api.post(f"{self.where}/messages", json=body, headers=headers)
        assert made.status_code in (200, 201), made.text
        MessageShape.model_validate_json(made.content)
        return dict(made.json())

    async def answered(self, text: str, **more: Any) -> Json:
        """A message with its answer, which repeats it."""
        message = await self.post(text, **more)
        await self.end(message)
        return message

    async def end(self, message: Json, status: str = "completed", **told: Any) -> None:
        result = {"agent": "x", "answer": f"To {message['text']}", "output": None, "tokens": 5}
        await self.others.end(message["answer"]["runId"], status, **({"result": result} | told))

    async def texts(self, **query: Any) -> list[str]:
        listed = await self.api.get(f"{self.where}/messages", params=query)
        MessagesShape.model_validate_json(listed.content)
        return [message["text"] for message in listed.json()["messages"]]


@pytest.fixture
async def chat(api: httpx2.AsyncClient, others: OtherServices) -> Chat:
    config = {"base_url": "https://models.example/v1"}
    body = {"provider": "openai_compatible", "name": "l", "slug": "l", "config": config}
    assert (await api.post("/api/v1/connections", json=body)).status_code == 201
    made = await api.post(THREADS, json={"model": "l/one"})
    assert made.status_code == 201, made.text
    return Chat(api, others, made.headers["location"])


async def test_a_message_is_answered_by_a_run_and_names_the_thread(chat: Chat) -> None:
    first = await chat.post("  How many\n orders?  ")
    assert (first["place"], first["parentId"], first["versions"]) == (1, None, [first["id"]])
    run = (await chat.api.get(f"/api/v1/action-runs/{first['answer']['runId']}")).json()
    assert (run["kind"], run["definition"]["question"]) == ("call_agent", "  How many\n orders?  ")
    assert run["labels"] == {"thread": chat.where.rpartition("/")[2]}
    await chat.end(first)
    read = (await chat.api.get(f"{chat.where}/messages/{first['id']}", headers={"Prefer": "wait=5"})).json()
    assert (read["answer"]["status"], read["answer"]["tokens"]) == ("completed", 5)
    assert read["answer"]["text"].startswith("To   How many")
    thread = (await chat.api.get(chat.where)).json()
    assert (thread["name"], thread["head"], thread["messages"]) == ("How many", first["id"], 1)


async def test_one_message_at_a_time_is_answered_whoever_posts(chat: Chat) -> None:
    posts = [chat.api.post(f"{chat.where}/messages", json={"text": f"Is it {n}?"}) for n in range(8)]
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert f"stop it with POST {chat.where}/stop" in refused.json()["detail"][0]["msg"]
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    for more in ({"replaces": made["id"]}, {"text": "Or?", "after": made["id"]}, {"text": "x", "replaces": made["id"]}):
        assert (await chat.api.post(f"{chat.where}/messages", json=more)).status_code == 409
    await chat.end(made)
    assert (await chat.post("And now?"))["place"] == 2
    assert len((await chat.api.get("/api/v1/agents/runs")).json()["runs"]) == 2


async def test_a_key_posts_once(chat: Chat) -> None:
    key = {"Idempotency-Key": "k1"}
    posts = [chat.api.post(f"{chat.where}/messages", json={"text": "Once?"}, headers=key) for _ in range(6)]
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    [made] = {answer.json()["id"] for answer in answers}
    other = await chat.api.post(f"{chat.where}/messages", json={"text": "Other"}, headers=key)
    assert other.status_code == 409
    assert "another key" in other.text
    await chat.end(answers[0].json())
    await chat.answered("Next")
    assert (await chat.post("Once?", idempotencyKey="k1"))["id"] == made
    assert await chat.texts() == ["Next", "Once?"]


async def test_a_branch_that_is_left_stays_readable(chat: Chat) -> None:
    first, second = await chat.answered("One"), await chat.answered("Two")
    third = await chat.answered("Three")
    edited = await chat.answered("Two, edited", replaces=second["id"])
    assert (edited["parentId"], edited["place"]) == (first["id"], 2)
    assert edited["versions"] == [second["id"], edited["id"]]
    assert await chat.texts() == ["Two, edited", "One"]
    assert await chat.texts(branch=third["id"]) == ["Three", "Two", "One"]
    again = await chat.post(replaces=first["id"])
    assert (again["text"], again["parentId"]) == ("One", None)
    await chat.end(again)
    await chat.answered("After two", after=second["id"])
    assert await chat.texts() == ["After two", "Two", "One"]
    shown = await chat.api.patch(chat.where, json={"head": third["id"]})
    assert (shown.json()["head"], shown.json()["messages"]) == (third["id"], 3)
    assert (await chat.answered("Four"))["parentId"] == third["id"]
    other = (await chat.api.post(THREADS, json={"model": "l/one"})).headers["location"]
    for body in ({"replaces": first["id"]}, {"text": "x", "after": first["id"]}, {"text": "x", "after": str(uuid7())}):
        assert (await chat.api.post(f"{other}/messages", json=body)).status_code == 422
    assert (await chat.api.get(f"{other}/messages", params={"branch": first["id"]})).status_code == 422
    assert (await chat.api.get(f"{other}/messages/{first['id']}")).status_code == 404


async def test_stopping_cancels_the_answer_and_lets_the_next_one_in(chat: Chat) -> None:
    assert (await chat.api.post(f"{chat.where}/stop")).status_code == 409
    message = await chat.post("Long?")
    stopped = (await chat.api.post(f"{chat.where}/stop")).json()
    assert (stopped["id"], stopped["answer"]["status"]) == (message["id"], "cancelled")
    again = (await chat.api.post(f"{chat.where}/stop")).json()
    assert again["answer"]["status"] == "cancelled"
    assert (await chat.answered("Short?"))["place"] == 2


async def test_deleting_cancels_the_answer_and_keeps_the_run(chat: Chat) -> None:
    message = await chat.post("Secret?")
    assert (await chat.api.delete(chat.where)).status_code == 204
    run = (await chat.api.get(f"/api/v1/action-runs/{message['answer']['runId']}")).json()
    assert run["status"] == "cancelled"
    for method, more in (("GET", ""), ("GET", "/messages"), ("POST", "/messages"), ("POST", "/stop"), ("DELETE", "")):
        body = {"text": "x"} if more == "/messages" and method == "POST" else None
        assert (await chat.api.request(method, chat.where + more, json=body)).status_code == 404
    assert (await chat.api.get(THREADS)).json()["threads"] == []


TEXTS = [
    "${/inputs/x} $/steps/a/result {{ x }}",
    "\u202e🏳️‍🌈 ﷽ e\u0301",
    "<script>alert(1)</script>",
    "x" * 50_000,
    "a\tb\r\nc",
    '{"kind": "secret"}',
]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_is_kept_as_it_is(chat: Chat, text: str) -> None:
    message = await chat.answered(text)
    read = (await chat.api.get(f"{chat.where}/messages/{message['id']}")).json()
    run = (await chat.api.get(f"/api/v1/action-runs/{message['answer']['runId']}")).json()
    assert read["text"] == run["definition"]["question"] == text


WRONG: list[tuple[Json, str]] = [
    ({}, "text is missing"),
    ({"text": ""}, "text"),
    ({"text": " \n "}, "pattern"),
    ({"text": "x" * 50_001}, "50000"),
    ({"text": "a\u0000b"}, "U+0000"),
    ({"text": "x", "after": str(UUID(int=1)), "replaces": str(UUID(int=1))}, "not both"),
    ({"text": "x", "inputs": {}}, "inputs"),
    ({"text": 5}, "string"),
]


@pytest.mark.parametrize(("body", "told"), WRONG)
async def test_what_is_no_message_is_refused(chat: Chat, body: Json, told: str) -> None:
    refused = await chat.api.post(f"{chat.where}/messages", json=body)
    assert refused.status_code == 422
    assert told in refused.text
    assert await chat.texts() == []


async def test_a_day_that_is_used_up_and_an_agent_that_is_gone_are_told(
    chat: Chat, gateway: Gateway, team: Team
) -> None:
    agent = {"name": "Helper", "instructions": "Help.", "model": "l/one"}
    saved = (await chat.api.post("/api/v1/agents", json=agent)).json()
    with_saved = Chat(
        chat.api, chat.others, (await chat.api.post(THREADS, json={"agent": "helper"})).headers["location"]
    )
    first = await with_saved.answered("One", headers={"Idempotency-Key": "k"})
    assert (await chat.api.delete(f"/api/v1/agents/{saved['id']}")).status_code == 204
    gone = await chat.api.post(f"{with_saved.where}/messages", json={"text": "Two"})
    assert (gone.status_code, gone.json()["detail"][0]["type"]) == (422, "unknown_agent")
    assert "go on in a new thread" in gone.text
    assert (await with_saved.post("One", headers={"Idempotency-Key": "k"}))["id"] == first["id"]
    settings = {"models": {"tokens_per_day": 1}}
    await gateway.pool.execute(
        "UPDATE organisations SET settings = settings || $2 WHERE id = $1", team.org_id, settings
    )
    await usage.add(gateway.pool, team.org_id, "l/one", 9, 9, 0.0)
    spent = await chat.api.post(f"{chat.where}/messages", json={"text": "More?"})
    assert (spent.status_code, spent.json()["detail"][0]["type"]) == (429, "day_used_up"), spent.text
    assert int(spent.headers["retry-after"]) > 0


async def test_a_long_thread_is_read_page_by_page(chat: Chat, gateway: Gateway, team: Team) -> None:
    last = await chat.answered("1")
    text = """
    WITH ids AS (SELECT n, gen_random_uuid() AS id FROM generate_series(2, 10000) n)
    INSERT INTO chat_messages (id, thread_id, org_id, parent_id, place, text, run_id)
    SELECT i.id, $1, $2, coalesce(lag(i.id) OVER (ORDER BY i.n), $3), i.n, i.n::text, gen_random_uuid() FROM ids i
    """
    thread_id = UUID(chat.where.rpartition("/")[2])
    await gateway.pool.execute(text, thread_id, team.org_id, UUID(last["id"]))
    head = await gateway.pool.fetchval("SELECT id FROM chat_messages WHERE thread_id = $1 AND place = 10000", thread_id)
    assert (await chat.api.patch(chat.where, json={"head": str(head)})).json()["messages"] == 10_000
    first = (await chat.api.get(f"{chat.where}/messages", params={"limit": 3})).json()
    assert [message["text"] for message in first["messages"]] == ["10000", "9999", "9998"]
    assert await chat.texts(cursor=first["nextCursor"], limit=2) == ["9997", "9996"]
    plan = await _rows_read(gateway, thread_id, head)
    assert plan <= 20, "a page reads what it shows"
    assert (await chat.answered("And on"))["place"] == 10_001
    much = await chat.api.post(f"{chat.where}/crystallize")
    assert (much.status_code, "500 is the most" in much.text) == (409, True)


async def _rows_read(gateway: Gateway, thread_id: UUID, head: UUID) -> int:
    """The most rows that any part of the plan of a page of four reads."""
    plan = await gateway.pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {messages.LINE}", thread_id, head, 4)
    [plan] = json.loads(plan) if isinstance(plan, str) else plan
    rest, most = [plan["Plan"]], 0
    while rest:
        one = rest.pop()
        most = max(most, one["Actual Rows"] * one["Actual Loops"] + one.get("Rows Removed by Filter", 0))
        rest += one.get("Plans", [])
    return int(most)

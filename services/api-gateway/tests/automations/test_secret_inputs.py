"""Inputs of the type secret: sealed when an automation is triggered, in no answer, asked for where they are needed."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_records.secrets.keys import SecretError
from vai_testkit.team import Team

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
TOKEN = "t0ken-4711"
MARKER = {"secret": True}
INPUTS = {"token": {"type": "secret", "required": True}, "day": {"type": "string", "default": "monday"}}
CALL = {
    "key": "call",
    "kind": "http_request",
    "definition": {"url": "https://a.test", "headers": {"X": "$/inputs/token"}},
}


def body(**parts: Any) -> dict[str, Any]:
    return {"name": "Call", "inputs": INPUTS, "steps": [CALL], **parts}


async def make(api: httpx2.AsyncClient, **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json=body(**parts))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def trigger(api: httpx2.AsyncClient, made: dict[str, Any], status: int = 201, **said: Any) -> httpx2.Response:
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json=said)
    assert answer.status_code == status, answer.text
    return answer


async def test_it_is_sealed_at_once_and_never_answered(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await make(api)
    answer = await trigger(api, made, inputs={"token": TOKEN, "day": "friday"})
    run_id = UUID(answer.json()["runId"])
    assert answer.json()["inputs"] == {"token": MARKER, "day": "friday"}
    row = await gateway.pool.fetchrow("SELECT * FROM automation_runs WHERE id = $1", run_id)
    assert TOKEN not in repr(dict(row))
    assert gateway.keyring.decrypt_json(row["sealed"], team.org_id, run_id) == {"token": TOKEN}
    with pytest.raises(SecretError):
        gateway.keyring.decrypt_json(row["sealed"], team.org_id, UUID(made["id"]))
    for path in (
        f"{RUNS}/{run_id}",
        RUNS,
        f"{RUNS}/{run_id}/logs",
        f"{RUNS}/{run_id}/graph",
        f"{AUTOMATIONS}/{made['id']}",
    ):
        assert TOKEN not in (await api.get(path)).text


async def test_without_secrets_nothing_is_sealed(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api, inputs={"token": {"type": "secret"}, "day": {"type": "string"}})
    for inputs in ({"day": "friday"}, {"token": None}):
        await trigger(api, made, inputs=inputs)
    assert await gateway.pool.fetchval("SELECT count(*) FROM automation_runs WHERE sealed IS NOT NULL") == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the automation needs this input"),
        ({"token": None}, "it cannot be null"),
        ({"token": 12345}, "a secret is a text"),
        ({"token": MARKER}, "a secret is a text"),
        ({"token": "abc"}, "at least 4 characters"),
        ({"token": "ä" * 9_000}, "18,000 bytes"),
    ],
)
async def test_what_is_no_secret_is_refused_without_being_shown(
    api: httpx2.AsyncClient, given: dict[str, Any], said: str
) -> None:
    (fault,) = (await trigger(api, await make(api), 422, inputs=given)).json()["detail"]
    assert fault["loc"] == ["body", "inputs", "token"]
    assert said in fault["msg"]


async def test_a_repeat_answers_the_first_and_another_secret_is_409(api: httpx2.AsyncClient) -> None:
    made = await make(api)
    first = await trigger(api, made, inputs={"token": TOKEN}, idempotencyKey="a")
    again = await trigger(api, made, 200, inputs={"token": TOKEN}, idempotencyKey="a")
    assert again.json()["runId"] == first.json()["runId"]
    await trigger(api, made, 409, inputs={"token": TOKEN + "x"}, idempotencyKey="a")
    await trigger(api, made, 409, inputs={"token": MARKER}, idempotencyKey="a")


async def test_a_retry_keeps_it_for_itself(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await make(api)
    run_id = (await trigger(api, made, inputs={"token": TOKEN})).json()["runId"]
    async with gateway.pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT set_config('vai.role', 'scheduler', true)")
        text = "UPDATE automation_runs SET status = 'failed', completed_at = clock_timestamp() WHERE id = $1"
        await conn.execute(text, UUID(run_id))
    answer = await api.post(f"{RUNS}/{run_id}/retry")
    assert answer.status_code == 201, answer.text
    assert answer.json()["inputs"] == {"token": MARKER}
    again = UUID(answer.json()["runId"])
    sealed = await gateway.pool.fetchval("SELECT sealed FROM automation_runs WHERE id = $1", again)
    assert gateway.keyring.decrypt_json(sealed, team.org_id, again) == {"token": TOKEN}


@pytest.mark.parametrize(
    ("trigger_", "said"),
    [
        ({"type": "webhook", "path": "a"}, "a webhook would start it without"),
        ({"type": "event", "eventType": "action.failed"}, "an event would start it without"),
        ({"type": "schedule", "schedule": "@daily"}, "a schedule would start it without"),
    ],
)
async def test_a_trigger_that_cannot_bring_it_is_refused(
    api: httpx2.AsyncClient, trigger_: dict[str, Any], said: str
) -> None:
    for path in (AUTOMATIONS, f"{AUTOMATIONS}/validate"):
        answer = await api.post(path, json=body(trigger=trigger_))
        assert answer.status_code == 422
        (fault,) = answer.json()["detail"]
        assert (fault["loc"], fault["type"]) == (["body", "inputs", "token"], "unmet")
        assert said in fault["msg"]
    made = await make(api)
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"trigger": trigger_})).status_code == 422
    await make(api, trigger=trigger_, inputs={"token": {"type": "secret"}})


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ({"kind": "http_request", "definition": {"url": "https://a.test", "method": "$/inputs/token"}}, "secret_place"),
        ({"kind": "generate_query", "definition": {"sql": "SELECT '$/inputs/token'"}}, "secret_place"),
        ({"kind": "approval_gate", "definition": {"title": "${/inputs/day|/inputs/token}"}}, "secret_place"),
        ({"kind": "call_agent", "definition": {"agent": "a", "question": "$/inputs/token"}}, "secret_place"),
        (
            {
                "kind": "conditional_branch",
                "definition": {"conditions": [{"field": "inputs.token", "operator": "eq", "value": "a"}]},
            },
            "secret_place",
        ),
        (
            {"kind": "http_request", "definition": {"url": "https://a.test", "headers": {"X": "$/inputs/token/a"}}},
            "unknown_reference",
        ),
    ],
)
async def test_elsewhere_it_is_refused_with_its_place(api: httpx2.AsyncClient, step: dict[str, Any], word: str) -> None:
    for path in (AUTOMATIONS, f"{AUTOMATIONS}/validate"):
        answer = await api.post(path, json=body(steps=[step]))
        assert answer.status_code == 422, answer.text
        assert word in {fault["type"] for fault in answer.json()["detail"]}, answer.text


async def test_no_condition_and_no_default_may_tell_it(api: httpx2.AsyncClient) -> None:
    condition = {"field": "inputs.token", "operator": "startsWith", "value": "a"}
    answer = await api.post(AUTOMATIONS, json=body(conditions=[condition]))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "conditions", 0, "field"]
    answer = await api.post(AUTOMATIONS, json=body(inputs={"token": {"type": "secret", "default": "abcdef"}}))
    assert answer.status_code == 422
    assert "a secret has no default" in answer.text
    assert "abcdef" not in answer.text


async def test_neither_a_call_nor_an_agent_can_bring_it(api: httpx2.AsyncClient) -> None:
    made = await make(api)
    call = {"kind": "call_automation", "definition": {"automation": made["slug"], "inputs": {"token": TOKEN}}}
    answer = await api.post(AUTOMATIONS, json={"name": "b", "steps": [call]})
    assert answer.status_code == 422
    assert "given by hand alone" in answer.json()["detail"][0]["msg"]
    agent = {"name": "a", "instructions": "a", "tools": [{"automation": made["slug"]}]}
    answer = await api.post("/api/v1/agents", json=agent)
    assert answer.status_code == 422
    assert "given by hand alone" in answer.text

"""What automations promise when something changes under them, and what their authors may not do alone (issue 8)."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations.shapes import WholeAutomationRunShape, automation_json
from vai_api_gateway.gateway import Gateway
from vai_common.ids import uuid7
from vai_records.automations import automations
from vai_records.automations import runs as automation_runs
from vai_records.automations.runs import NewAutomationRun
from vai_records.people.people import Role
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_testkit.scheduling import Scheduling
from vai_testkit.services import OtherServices
from vai_testkit.team import make_team

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
FAILED = {"code": "DATA_ERROR", "message": "bad", "details": {}, "retryable": False}


async def make(api: httpx2.AsyncClient, name: str, *steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json={"name": name, "steps": list(steps) or [{"key": "a", **NOOP}]} | parts)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"][0]["msg"]


def calling(name: str) -> dict[str, Any]:
    return {"key": "call", "kind": "call_automation", "definition": {"automation": name}}


async def test_calls_are_kept_by_id_and_what_is_called_stays(api: httpx2.AsyncClient) -> None:
    called = await make(api, "called")
    caller = await make(api, "caller", calling("called"))
    assert caller["steps"][0]["action"]["definition"] == {"automation": called["id"]}
    assert await told(await api.delete(f"{AUTOMATIONS}/{called['id']}")) == (409, "caller call it: change them first")
    renamed = await api.patch(f"{AUTOMATIONS}/{called['id']}", json={"slug": "renamed"})
    assert renamed.json()["slug"] == "renamed"
    answer = await api.patch(f"{AUTOMATIONS}/{caller['id']}", json={"steps": [{"key": "a", **NOOP}]})
    assert answer.status_code == 200
    assert (await api.delete(f"{AUTOMATIONS}/{called['id']}")).status_code == 204


async def test_a_slug_that_a_saved_action_calls_by_is_kept(api: httpx2.AsyncClient) -> None:
    called = await make(api, "by slug")
    action = {"name": "Call", "kind": "call_automation", "definition": {"automation": "by-slug"}}
    assert (await api.post("/api/v1/actions", json=action)).status_code == 201
    await make(api, "by action", {"key": "call", "action_id": "call"})
    status, message = await told(await api.patch(f"{AUTOMATIONS}/{called['id']}", json={"slug": "other"}))
    assert (status, "by-action call it by the slug" in message) == (409, True)


async def test_a_run_that_calls_nobody_is_refused(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/api/v1/action-runs", json={"kind": "call_automation", "definition": {"automation": "no"}})
    assert await told(answer) == (422, "there is no automation 'no'; name one by its id or its slug")


@pytest.mark.parametrize("parts", [{"trigger": {"type": "schedule", "schedule": "0 6 * * *"}}])
async def test_a_schedule_that_cannot_bring_an_input_is_refused(api: httpx2.AsyncClient, parts: dict[str, Any]) -> None:
    needed = {"day": {"type": "string", "required": True}}
    whole = {"name": "s", "steps": [{"key": "a", **NOOP}], **parts}
    status, message = await told(await api.post(AUTOMATIONS, json=whole | {"inputs": needed}))
    assert (status, "scheduledFor alone" in message) == (422, True)
    made = await make(api, "scheduled", **parts)
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"inputs": needed})).status_code == 422
    made = await make(api, "by hand", inputs=needed)
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)).status_code == 422
    fine = {"day": {"required": True, "default": "today"}, "scheduledFor": {"required": True}}
    await make(api, "fine", **parts, inputs=fine)


async def test_null_is_no_value_for_a_required_input(api: httpx2.AsyncClient) -> None:
    made = await make(api, "null", inputs={"s": {"type": "string", "required": True}, "o": {"type": "string"}})
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={"inputs": {"s": None, "o": None}})
    assert await told(answer) == (422, "the automation needs this input: it cannot be null")
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={"inputs": {"s": "", "o": None}})
    assert answer.status_code == 201


async def test_an_empty_idempotency_key_is_refused(api: httpx2.AsyncClient) -> None:
    made = await make(api, "key")
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={}, headers={"Idempotency-Key": ""})
    assert answer.status_code == 422


@pytest.mark.parametrize("secret", ["whsec_a", "123456", "whsec_          ", "whsec_12345678901"])
async def test_a_secret_is_long_without_its_prefix(api: httpx2.AsyncClient, secret: str) -> None:
    trigger = {"type": "webhook", "path": "/x", "secret": secret}
    answer = await api.post(AUTOMATIONS, json={"name": "w", "steps": [{"key": "a", **NOOP}], "trigger": trigger})
    assert answer.status_code == 422


async def test_a_webhooks_address_is_whole_where_the_gateway_knows_its_own(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = await make(api, "addressed", trigger={"type": "webhook", "path": "/addressed"})
    org_id = UUID((await api.get("/api/v1/organisation")).json()["id"])
    row = await automations.get(gateway.pool, org_id, UUID(made["id"]))
    address = automation_json(row, public_url="https://vai.example.com/x/")["webhookUrl"]
    assert address == f"https://vai.example.com/x/webhooks/{org_id}/addressed"


async def test_a_retry_says_its_version_and_can_take_the_latest(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling
) -> None:
    made = await make(api, "fix me", {"key": "a", **NOOP}, {"key": "b", **NOOP, "depends_on": ["a"]})
    run = (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={})).json()
    assert run["versionId"] == made["versionId"]
    await scheduling.end(UUID(run["runId"]), "failed")
    mended = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"max_parallel": 7})
    same = (await api.post(f"{RUNS}/{run['runId']}/retry")).json()
    WholeAutomationRunShape.model_validate(same)
    assert same["versionId"] == made["versionId"]
    await scheduling.end(UUID(same["runId"]), "failed")
    answer = await api.post(f"{RUNS}/{run['runId']}/retry", json={"version": "latest"})
    assert answer.json()["versionId"] == mended.json()["versionId"] != made["versionId"]


async def test_a_failed_step_is_retried_with_its_automation_run(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices
) -> None:
    made = await make(api, "step")
    run = (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={})).json()
    step = NewRun(
        org_id=UUID((await api.get("/api/v1/organisation")).json()["id"]),
        kind="dlt_extract",
        definition={"source": "noop"},
        trigger_method="automation",
        trigger_source_type="automation_run",
        trigger_source_id=run["runId"],
    )
    await statements.create(gateway.pool, [step])
    await others.end(str(step.id), "failed", error=FAILED)
    status, message = await told(await api.post(f"/api/v1/action-runs/{step.id}/retry"))
    assert (status, f"/api/v1/automation-runs/{run['runId']}/retry" in message) == (409, True)


async def test_who_wrote_an_automation_does_not_approve_what_it_asks_for(
    web: httpx2.AsyncClient, gateway: Gateway, others: OtherServices
) -> None:
    strict = await make_team(gateway.engine, "strict-authors", forbid_self_approval=True)
    web.headers.update(strict.headers(Role.ADMIN))
    made = await make(web, "gated", {"key": "gate", "kind": "approval_gate"})
    version = UUID(made["versionId"])
    by_webhook = NewAutomationRun(strict.org_id, UUID(made["id"]), version, "webhook")
    await automation_runs.create(gateway.pool, [by_webhook])
    gate = NewRun(
        org_id=strict.org_id,
        kind="approval_gate",
        definition={},
        trigger_method="automation",
        held_for="approval",
        requires_approval=True,
        trigger_source_type="automation_run",
        trigger_source_id=str(by_webhook.id),
    )
    await statements.create(gateway.pool, [gate])
    await others.ask_approval(str(gate.id))
    assert (await web.post(f"/api/v1/action-runs/{gate.id}/approve")).status_code == 403


@pytest.mark.parametrize("verb", ["", "/logs", "/stream", "/graph"])
async def test_what_is_not_there_is_not_found(api: httpx2.AsyncClient, verb: str) -> None:
    assert (await api.get(f"{RUNS}/{uuid7()}{verb}")).status_code == 404


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_what_is_not_there_is_not_moved(api: httpx2.AsyncClient, verb: str) -> None:
    assert (await api.post(f"{RUNS}/{uuid7()}/{verb}")).status_code == 404


DAMAGED = ['{"steps": [1]}', '{"steps": "x"}', "[]", '{"inputs": null}', '{"inputs": {"x": null}}', '{"conditions": 5}']


@pytest.mark.parametrize("damage", DAMAGED)
async def test_one_that_cannot_be_read_hides_no_other_and_can_be_mended(
    api: httpx2.AsyncClient, gateway: Gateway, scheduling: Scheduling, damage: str
) -> None:
    good, bad = await make(api, "good"), await make(api, "bad")
    begun = (await api.post(f"{AUTOMATIONS}/{bad['id']}/trigger")).json()["runId"]
    await scheduling.begin(begun)
    text = "UPDATE automation_versions SET definition = CASE jsonb_typeof($2) WHEN 'object' THEN definition || $2 "
    text += "ELSE $2 END WHERE automation_id = $1"
    await gateway.pool.execute(text, UUID(bad["id"]), json.loads(damage))
    listed = (await api.get(AUTOMATIONS)).json()["automations"]
    assert {one["id"]: one["status"] for one in listed} == {good["id"]: "active", bad["id"]: "error"}
    for path in ("", "/body", "/graph"):
        assert (await api.get(f"{AUTOMATIONS}/{bad['id']}{path}")).status_code == 200
    gateway.versions._known.clear()
    assert (await api.get(f"{RUNS}/{begun}")).status_code == 200
    assert (await api.post(f"{RUNS}/{begun}/cancel")).status_code == 200
    assert (await api.post(f"{AUTOMATIONS}/{bad['id']}/trigger")).status_code == 201
    mended = await api.patch(f"{AUTOMATIONS}/{bad['id']}", json={"actions": [NOOP], "inputs": {}, "conditions": []})
    assert (mended.status_code, len(mended.json()["steps"])) == (200, 1)
    assert (await api.get(f"{AUTOMATIONS}/{bad['id']}")).json()["status"] == "active"

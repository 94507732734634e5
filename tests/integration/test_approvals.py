"""A run that needs an approval: what happens before, after, and when nobody gives it (decision 22)."""

from typing import Any

import httpx2
import pytest

from tests.integration.people import client_for, new_team
from tests.integration.runs import BRANCH, RUNS, decide, journal, log_of, words
from vai_devstack.stack import Stack
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker


@pytest.mark.parametrize(
    ("kind", "definition"), [("approval_gate", {}), ("conditional_branch", {**BRANCH, "requires_approval": True})]
)
async def test_an_approved_run_goes_through_every_status_to_its_end(
    api: httpx2.AsyncClient, database: Any, kind: str, definition: dict[str, Any]
) -> None:
    run = await create_run(api, kind, definition)
    await run_when(api, run["id"], "awaiting_approval")
    approved = await decide(api, run["id"], "approve")
    assert approved.status_code == 200, approved.text
    assert (await run_when(api, run["id"]))["status"] == "completed"
    told = await journal(database, [run["id"]])
    types = [row["type"] for row in told[run["id"]]]
    assert types == ["action.awaiting_approval", "action.started", "action.completed"]
    seen = words(await log_of(api, run["id"]))
    assert seen == ["awaiting_approval", "run_approved", "lease_acquired", "run_completed"]


async def test_nothing_is_done_before_the_approval(api: httpx2.AsyncClient, web: WebServer) -> None:
    definition = {"method": "POST", "url": f"{web.url}/pay", "requires_approval": True}
    answer = await api.post(RUNS, json={"kind": "http_request", "definition": definition})
    assert (answer.status_code, answer.json()["status"]) == (201, "awaiting_approval")
    run_id = answer.json()["id"]
    assert web.seen == []
    approved = await decide(api, run_id, "approve", headers={"Prefer": "wait=20"})
    assert approved.json()["status"] == "completed", approved.text
    assert len(web.seen) == 1


async def test_a_rejected_run_keeps_the_reason_and_is_final(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "approval_gate", {"title": "Pay?"})
    await run_when(api, run["id"], "awaiting_approval")
    rejected = await decide(api, run["id"], "reject", json={"reason": "too expensive"})
    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    entry = (await log_of(api, run["id"]))[-1]
    assert (entry["event"], entry["data"]["reason"]) == ("run_rejected", "too expensive")
    for verb in ("approve", "reject", "cancel", "pause", "resume"):
        again = await decide(api, run["id"], verb)
        assert again.status_code == 409, (verb, again.text)
        assert "final" in again.json()["detail"][0]["msg"]


async def test_nobody_approves_in_time(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "approval_gate", {"approval_timeout_seconds": 0.5})
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["error"]["code"]) == ("rejected", "REJECTED")
    assert (await log_of(api, run["id"]))[-1]["data"] == {"reason": "timeout"}


async def test_a_run_that_awaits_approval_is_rejected_not_cancelled(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "approval_gate")
    await run_when(api, run["id"], "awaiting_approval")
    answer = await decide(api, run["id"], "cancel")
    assert answer.status_code == 409
    assert "rejected" in answer.json()["detail"][0]["msg"]
    assert (await decide(api, run["id"], "reject")).status_code == 200


async def test_who_started_a_run_may_be_forbidden_to_approve_it(stack: Stack) -> None:
    team = await new_team(stack, forbid_self_approval=True)
    async with client_for(stack, team) as api:
        run = await create_run(api, "approval_gate")
        await run_when(api, run["id"], "awaiting_approval")
        assert (await decide(api, run["id"], "approve")).status_code == 403
        assert (await decide(api, run["id"], "reject")).status_code == 200

"""What belongs to one organisation does not exist for another (decision 26)."""

import re
from typing import Any

import httpx2
import pytest

from tests.integration.people import client_for, new_team
from tests.integration.runs import BRANCH, RUNS, run_of
from vai_devstack.stack import Stack
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker

_ID = re.compile(r"\{(run_id|action_id|connection_id|slug)\}")


async def _owned(api: httpx2.AsyncClient) -> dict[str, str]:
    """A run, an action and a connection, by the names that paths have for them."""
    run = await create_run(api, "approval_gate")
    await run_when(api, run["id"], "awaiting_approval")
    action = await api.post(
        "/api/v1/actions", json={"kind": "conditional_branch", "name": "Mine", "slug": "mine", "definition": BRANCH}
    )
    connection = await api.post("/api/v1/connections", json={"name": "Mine", "provider": "shop", "slug": "mine"})
    assert (action.status_code, connection.status_code) == (201, 201)
    return {
        "run_id": run["id"],
        "action_id": action.json()["id"],
        "connection_id": connection.json()["id"],
        "slug": "mine",
    }


async def test_no_endpoint_shows_or_changes_what_another_organisation_has(stack: Stack) -> None:
    paths: dict[str, Any] = {}
    async with client_for(stack, await new_team(stack)) as mine, client_for(stack, await new_team(stack)) as other:
        ids = await _owned(mine)
        paths = (await mine.get("/openapi.json")).json()["paths"]
        asked = [
            (method, _ID.sub(lambda found: ids[found[1]], path))
            for path, methods in paths.items()
            for method in methods
            if _ID.search(path)
        ]
        assert len(asked) >= 18, asked
        for method, path in asked:
            answer = await other.request(method, path, json={} if method in ("post", "patch", "put") else None)
            assert answer.status_code == 404, (method, path, answer.text)
            assert set(answer.json()) == {"detail"}
        assert (await run_of(mine, ids["run_id"]))["status"] == "awaiting_approval"
        for collection, name in (("action-runs", "runs"), ("actions", "actions"), ("connections", "connections")):
            page = (await other.get(f"/api/v1/{collection}")).json()
            assert (page[name], page["total"], page["users"]) == ([], 0, {})


@pytest.mark.parametrize("place", ["slug", "connection_id"])
async def test_another_organisations_connection_cannot_be_named(stack: Stack, place: str) -> None:
    async with client_for(stack, await new_team(stack)) as mine, client_for(stack, await new_team(stack)) as other:
        ids = await _owned(mine)
        body = {"kind": "http_request", "definition": {"url": "/", "connection": ids[place]}}
        answer = await other.post(RUNS, json=body)
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "unknown_connection")


async def test_another_organisations_run_cannot_be_a_parent(stack: Stack) -> None:
    async with client_for(stack, await new_team(stack)) as mine, client_for(stack, await new_team(stack)) as other:
        ids = await _owned(mine)
        answer = await other.post(RUNS, json={"kind": "approval_gate", "parentActionRunId": ids["run_id"]})
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "unknown_run")


async def test_keys_of_two_organisations_do_not_meet(stack: Stack) -> None:
    body = {"kind": "conditional_branch", "definition": BRANCH, "idempotencyKey": "same", "concurrencyKey": "same"}
    async with client_for(stack, await new_team(stack)) as mine, client_for(stack, await new_team(stack)) as other:
        answers = [await api.post(RUNS, json=body) for api in (mine, other)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_without_a_good_key_nothing_is_told(stack: Stack) -> None:
    async with httpx2.AsyncClient(base_url=stack.api_url) as nobody:
        for headers in ({}, {"X-API-Key": "vai_wrong_key"}, {"Authorization": "Bearer nonsense"}):
            answer = await nobody.get(RUNS, headers=headers)
            assert answer.status_code == 401, answer.text

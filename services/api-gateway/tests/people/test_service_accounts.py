"""Members that are programs: a role and keys of their own, apart from people."""

import asyncio
from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.people.shapes import ServiceAccountShape, ServiceAccountsShape
from vai_records.people import service_accounts
from vai_records.people.people import Role
from vai_testkit.team import Team

ACCOUNTS = "/api/v1/service-accounts"
KEYS = "/api/v1/api-keys"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def account(api: httpx2.AsyncClient, name: str = "robot", role: str = "operator") -> dict[str, Any]:
    answer = await api.post(ACCOUNTS, json={"name": name, "role": role})
    assert answer.status_code == 201, answer.text
    ServiceAccountShape.model_validate(answer.json())
    made: dict[str, Any] = answer.json()
    return made


async def key(api: httpx2.AsyncClient, of: dict[str, Any], role: str = "operator", **body: Any) -> dict[str, Any]:
    answer = await api.post(KEYS, json={"name": "ci", "role": role, "serviceAccountId": of["id"]} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_its_key_acts_for_it_and_its_name_stands_at_what_it_makes(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    robot = await account(api)
    made = await key(api, robot)
    assert made["userId"] == robot["id"]
    headers = {"X-API-Key": made["key"]}
    me = (await web.get("/api/v1/me", headers=headers)).json()
    assert (me["user"]["id"], me["user"]["firstName"], me["role"]) == (robot["id"], "robot", "operator")
    assert (me["isServiceAccount"], me["scopes"]) == (True, None)

    run = (await web.post("/api/v1/action-runs?defer=true", json=NOOP, headers=headers)).json()
    found = (await api.get("/api/v1/action-runs", params={"created_by": robot["id"]})).json()
    assert [(each["id"], each["triggerSourceId"]) for each in found["runs"]] == [(run["id"], made["id"])]
    assert found["users"][robot["id"]]["firstName"] == "robot"

    await web.post("/api/v1/actions", json=NOOP | {"name": "a"}, headers=headers)
    [entry] = (await api.get("/api/v1/audit", params={"actor_id": robot["id"]})).json()["entries"]
    assert entry["actor"] == {"type": "service_account", "id": robot["id"], "name": "robot"}
    assert entry["apiKey"]["name"] == "ci"


async def test_it_is_listed_apart_from_people(api: httpx2.AsyncClient) -> None:
    two = [await account(api, name) for name in ("zebra", "Ant 100%")]
    listed = (await api.get(ACCOUNTS)).json()
    ServiceAccountsShape.model_validate(listed)
    assert [one["name"] for one in listed["serviceAccounts"]] == ["Ant 100%", "zebra"]
    assert [one["id"] for one in (await api.get(ACCOUNTS, params={"q": "%"})).json()["serviceAccounts"]] == [
        two[1]["id"]
    ]
    assert (await api.get(ACCOUNTS, params={"role": "admin"})).json()["total"] == 0
    assert (await api.get("/api/v1/users")).json()["total"] == 1
    place = f"/api/v1/users/{two[0]['id']}"
    for answer in (
        await api.get(place),
        await api.patch(place, json={"password": "a good password"}),
        await api.delete(place),
    ):
        assert answer.status_code == 404


async def test_disabled_its_keys_and_tokens_are_worthless_until_it_is_active_again(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    robot = await account(api)
    headers = {"X-API-Key": (await key(api, robot))["key"]}
    token = (await web.post("/api/v1/session", headers=headers)).json()["token"]
    web.cookies.clear()
    ways = (headers, {"Authorization": f"Bearer {token}"})

    async def statuses() -> list[int]:
        return [(await web.get("/api/v1/me", headers=way)).status_code for way in ways]

    assert await statuses() == [200, 200]
    changed = (await api.patch(f"{ACCOUNTS}/{robot['id']}", json={"status": "disabled"})).json()
    assert (changed["status"], changed["activeKeys"]) == ("disabled", 1)
    assert await statuses() == [401, 401]
    again = (await api.patch(f"{ACCOUNTS}/{robot['id']}", json={"status": "active"})).json()
    assert (again["status"], again["disabledAt"]) == ("active", None)
    assert await statuses() == [200, 200]


async def test_deleted_its_keys_are_gone_and_what_it_did_keeps_its_name(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    robot = await account(api)
    made = await key(api, robot)
    headers = {"X-API-Key": made["key"]}
    await web.post("/api/v1/action-runs?defer=true", json=NOOP, headers=headers)
    assert (await api.delete(f"{ACCOUNTS}/{robot['id']}")).status_code == 204
    assert (await web.get("/api/v1/me", headers=headers)).status_code == 401
    assert (await api.get(f"{KEYS}/{made['id']}")).json()["status"] == "revoked"
    for answer in (
        await api.get(f"{ACCOUNTS}/{robot['id']}"),
        await api.delete(f"{ACCOUNTS}/{robot['id']}"),
        await api.patch(f"{ACCOUNTS}/{robot['id']}", json={"status": "active"}),
    ):
        assert answer.status_code == 404
    found = (await api.get("/api/v1/action-runs")).json()
    assert found["users"][robot["id"]]["firstName"] == "robot"
    [entry] = (await api.get("/api/v1/audit?action=delete.service_account&outcome=done")).json()["entries"]
    assert entry["target"] == {"type": "service_account", "id": robot["id"], "name": "robot"}
    assert (await account(api))["id"] != robot["id"], "the name is free again"


async def test_its_role_counts_at_once_and_bounds_its_keys(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    robot = await account(api)
    headers = {"X-API-Key": (await key(api, robot))["key"]}
    refused = await api.post(KEYS, json={"name": "k", "role": "admin", "serviceAccountId": robot["id"]})
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["body", "role"])
    await api.patch(f"{ACCOUNTS}/{robot['id']}", json={"role": "viewer"})
    assert (await web.post("/api/v1/action-runs", json=NOOP, headers=headers)).status_code == 403


async def test_it_is_no_administrator_that_the_organisation_could_be_left_with(
    api: httpx2.AsyncClient, team: Team
) -> None:
    await account(api, role="admin")
    assert (await api.delete(f"/api/v1/users/{team.user_id}")).status_code == 409


async def test_a_key_of_it_can_be_narrowed_and_found(api: httpx2.AsyncClient) -> None:
    robot = await account(api)
    made = await key(api, robot, scopes=["runs:read"])
    assert made["scopes"] == ["runs:read"]
    found = (await api.get(KEYS, params={"user_id": robot["id"]})).json()
    assert [one["id"] for one in found["apiKeys"]] == [made["id"]]
    assert found["users"][robot["id"]]["firstName"] == "robot"


async def test_only_administrators_make_it_and_its_keys(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, other_api: httpx2.AsyncClient, team: Team
) -> None:
    robot = await account(api)
    operator = team.headers(Role.OPERATOR)
    assert (await web.get(ACCOUNTS, headers=operator)).json()["total"] == 1
    body = {"name": "k", "role": "viewer", "serviceAccountId": robot["id"]}
    for answer in (
        await web.post(ACCOUNTS, json={"name": "x", "role": "viewer"}, headers=operator),
        await web.patch(f"{ACCOUNTS}/{robot['id']}", json={"role": "admin"}, headers=operator),
        await web.delete(f"{ACCOUNTS}/{robot['id']}", headers=operator),
        await web.post(KEYS, json=body, headers=operator),
    ):
        assert answer.status_code == 403
    assert (await other_api.get(f"{ACCOUNTS}/{robot['id']}")).status_code == 404
    assert (await other_api.post(KEYS, json=body)).status_code == 422
    assert (await other_api.get(ACCOUNTS)).json()["total"] == 0
    assert (await api.post(KEYS, json=body | {"serviceAccountId": str(team.user_id)})).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "role": "viewer"}, {"name": "x"}, {"role": "viewer"}, {"name": "x", "role": "root"},
        {"name": 7, "role": "viewer"}, {"name": "x" * 300, "role": "viewer"}, {"name": " ", "role": "viewer"},
        {"name": "x", "role": "viewer", "email": "a@b.c"}, {"name": "a\x00b", "role": "viewer"}, [],
    ],
)  # fmt: skip
async def test_a_body_that_cannot_be_is_422(api: httpx2.AsyncClient, body: Any) -> None:
    assert (await api.post(ACCOUNTS, json=body)).status_code == 422


async def test_a_name_is_had_once(api: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(api.post(ACCOUNTS, json={"name": "Robot", "role": "viewer"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert (await api.post(ACCOUNTS, json={"name": "ROBOT", "role": "viewer"})).status_code == 409
    other = await account(api, "Übersee 東京 <b>'x'")
    assert (await api.patch(f"{ACCOUNTS}/{other['id']}", json={"name": "robot"})).status_code == 409
    assert (await api.patch(f"{ACCOUNTS}/{other['id']}", json={"name": "übersee"})).json()["name"] == "übersee"


async def test_there_is_a_bound(api: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_accounts, "MOST", 1)
    await account(api)
    assert (await api.post(ACCOUNTS, json={"name": "two", "role": "viewer"})).status_code == 409

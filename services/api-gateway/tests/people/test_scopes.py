"""Keys that are narrowed within their role, and that cannot be made wider."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_records.people.scopes import SCOPES
from vai_testkit.team import Team

KEYS = "/api/v1/api-keys"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}

Narrow = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def narrow(api: httpx2.AsyncClient) -> Narrow:
    """The headers of a new key with these scopes."""

    async def make(*scopes: str, role: str = "admin") -> dict[str, str]:
        answer = await api.post(KEYS, json={"name": "narrow", "role": role, "scopes": list(scopes)})
        assert answer.status_code == 201, answer.text
        return {"X-API-Key": answer.json()["key"]}

    return make


async def action(api: httpx2.AsyncClient, name: str = "Nightly") -> dict[str, Any]:
    answer = await api.post("/api/v1/actions", json=NOOP | {"name": name})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_says_what_it_is_narrowed_to_and_one_without_scopes_says_nothing(api: httpx2.AsyncClient) -> None:
    body = {"name": "k", "role": "viewer", "scopes": ["runs:read", "datasets:read", "runs:read"]}
    made = (await api.post(KEYS, json=body)).json()
    assert made["scopes"] == ["datasets:read", "runs:read"]
    assert (await api.get(f"{KEYS}/{made['id']}")).json()["scopes"] == ["datasets:read", "runs:read"]
    assert (await api.post(KEYS, json={"name": "k", "role": "viewer"})).json()["scopes"] is None


async def test_a_scope_that_is_missing_is_named(web: httpx2.AsyncClient, narrow: Narrow) -> None:
    headers = await narrow("runs:read", "datasets:read")
    assert (await web.get("/api/v1/action-runs", headers=headers)).status_code == 200
    answer = await web.post("/api/v1/action-runs", json=NOOP, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"] == [
        {
            "loc": ["header", "X-API-Key"],
            "msg": "this needs the scope runs:write; this API key has datasets:read, runs:read",
            "type": "scope_missing",
        }
    ]


async def test_a_scope_gives_no_more_than_the_role(web: httpx2.AsyncClient, api: httpx2.AsyncClient) -> None:
    refused = await api.post(KEYS, json={"name": "k", "role": "viewer", "scopes": ["runs:read", "runs:write"]})
    assert refused.status_code == 422
    [fault] = refused.json()["detail"]
    assert (fault["loc"], fault["msg"]) == (
        ["body", "scopes", 1],
        "runs:write is for keys with the role operator or more; this one's is viewer",
    )


async def test_a_key_for_one_action_runs_that_one_as_it_is_saved(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow
) -> None:
    mine, other = await action(api), await action(api, "Other")
    headers = await narrow(f"actions:execute:{mine['slug']}", role="operator")

    async def run(one: dict[str, Any], **body: Any) -> httpx2.Response:
        return await web.post(f"/api/v1/actions/{one['id']}/run?defer=true", json=body, headers=headers)

    assert (await run(mine)).status_code == 201
    place = f"/api/v1/actions/{mine['id'].upper()}/run?defer=true"
    assert (await web.post(place, headers=headers)).status_code == 201
    refused = await run(other)
    assert refused.status_code == 403
    assert f"actions:execute (or actions:execute:{other['id']})" in refused.json()["detail"][0]["msg"]
    assert "runs:write" in (await run(mine, definitionOverrides={"source": "sample"})).json()["detail"][0]["msg"]
    assert (await web.post("/api/v1/action-runs", json=NOOP, headers=headers)).status_code == 403
    # The name that it was given is that of the action, whoever gets it later.
    await api.patch(f"/api/v1/actions/{mine['id']}", json={"slug": "moved"})
    await api.patch(f"/api/v1/actions/{other['id']}", json={"slug": mine["slug"]})
    assert (await run(other)).status_code == 403


async def test_a_key_for_one_automation_triggers_that_one(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow
) -> None:
    made = [(await api.post("/api/v1/automations", json={"name": n, "actions": [NOOP]})).json() for n in ("a", "b")]
    headers = await narrow(f"automations:execute:{made[0]['id']}")
    answers = [await web.post(f"/api/v1/automations/{one['id']}/trigger", json={}, headers=headers) for one in made]
    assert [answer.status_code for answer in answers] == [202, 403] or [a.status_code for a in answers] == [201, 403]


@pytest.mark.parametrize(
    "scopes",
    [
        [], "runs:read", ["runs"], ["runs:"], ["runs:delete"], ["runs:read:x"], ["actions:execute:"],
        ["actions:execute:no-such-action"], [""], ["RUNS:READ"], ["*"], [None], [1], ["runs:read "], ["x" * 300],
        ["runs:read\x00"], list(SCOPES) * 2, ["actions:execute:'; DROP TABLE actions; --"],
    ],
)  # fmt: skip
async def test_what_is_no_scope_is_422(api: httpx2.AsyncClient, scopes: Any) -> None:
    answer = await api.post(KEYS, json={"name": "k", "role": "admin", "scopes": scopes})
    assert answer.status_code == 422, answer.text
    assert (await api.get("/api/v1/actions")).status_code == 200


async def test_the_action_of_another_organisation_cannot_be_named(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient
) -> None:
    theirs = await action(other_api)
    body = {"name": "k", "role": "admin", "scopes": [f"actions:execute:{theirs['id']}"]}
    assert (await api.post(KEYS, json=body)).status_code == 422


async def test_a_narrow_key_makes_none_that_is_wider(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow
) -> None:
    mine, other = await action(api), await action(api, "Other")
    named = f"actions:execute:{mine['id']}"
    headers = await narrow("keys:write", "runs:read", named)
    for scopes in (
        None, ["runs:write"], ["runs:read", "datasets:read"], ["actions:execute"], [f"actions:execute:{other['id']}"],
    ):  # fmt: skip
        body = {"name": "wide", "role": "admin"} | ({} if scopes is None else {"scopes": scopes})
        refused = await web.post(KEYS, json=body, headers=headers)
        assert refused.status_code == 403, (scopes, refused.text)
        assert refused.json()["detail"][0]["type"] == "scope_missing"
    body = {"name": "same", "role": "viewer", "scopes": ["runs:read"]}
    made = await web.post(KEYS, json=body, headers=headers)
    assert (made.status_code, made.json()["scopes"]) == (201, ["runs:read"])
    same = await web.post(KEYS, json=body | {"role": "admin", "scopes": [named]}, headers=headers)
    assert same.status_code == 201


async def test_there_is_no_other_way_to_more(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow, team: Team
) -> None:
    headers = await narrow(*SCOPES)
    person = {"email": "eve@example.com", "role": "admin", "password": "a good password"}
    place = f"/api/v1/users/{team.user_id}"
    for answer in (
        await web.post("/api/v1/users", json=person, headers=headers),
        await web.patch(place, json={"password": "a good password"}, headers=headers),
        await web.delete(place, headers=headers),
        await web.post("/api/v1/service-accounts", json={"name": "r", "role": "admin"}, headers=headers),
        await web.put("/api/v1/me/password", json={"current": "x", "new": "a good password"}, headers=headers),
    ):
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (403, "scope_missing")


async def test_a_token_that_a_narrow_key_asks_for_is_as_narrow(web: httpx2.AsyncClient, narrow: Narrow) -> None:
    session = await web.post("/api/v1/session", headers=await narrow("runs:read", "keys:write"))
    web.cookies.clear()
    token = {"Authorization": f"Bearer {session.json()['token']}"}
    assert (await web.get("/api/v1/action-runs", headers=token)).status_code == 200
    for answer in (
        await web.post("/api/v1/action-runs", json=NOOP, headers=token),
        await web.post(KEYS, json={"name": "k", "role": "admin"}, headers=token),
        await web.post("/api/v1/users", json={"email": "e@example.com", "role": "admin"}, headers=token),
    ):
        assert answer.status_code == 403, answer.text


async def test_a_narrow_key_approves_many_only_where_it_may_approve(web: httpx2.AsyncClient, narrow: Narrow) -> None:
    body = {"operation": "approve", "filters": {"label": ["team=x"]}}
    answer = await web.post("/api/v1/action-runs/bulk", json=body, headers=await narrow("runs:write"))
    assert (answer.status_code, "runs:approve" in answer.text) == (403, True)
    answer = await web.post("/api/v1/action-runs/bulk", json=body, headers=await narrow("runs:write", "runs:approve"))
    assert answer.status_code == 200


async def test_pages_of_flashboards_ask_for_the_scope_too(web: httpx2.AsyncClient, narrow: Narrow) -> None:
    assert (await web.get("/flashboards", headers=await narrow("runs:read"))).status_code == 403
    assert (await web.get("/flashboards", headers=await narrow("flashboards:read"))).status_code == 200


async def test_what_a_narrow_key_was_refused_is_in_the_audit_log(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow
) -> None:
    await web.post("/api/v1/actions", json=NOOP | {"name": "x"}, headers=await narrow("runs:read"))
    [entry] = (await api.get("/api/v1/audit?outcome=refused")).json()["entries"]
    assert (entry["action"], entry["status"], entry["apiKey"]["name"]) == ("create.action", 403, "narrow")


async def test_a_key_without_scopes_costs_no_judgement(
    gateway: Gateway, web: httpx2.AsyncClient, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*_: Any) -> None:
        raise AssertionError("judged")

    monkeypatch.setattr("vai_api_gateway.auth.roles.judge", judged)
    answer = await web.post("/api/v1/action-runs?defer=true", json=NOOP, headers=team.headers(Role.OPERATOR))
    assert answer.status_code == 201


async def test_the_scopes_are_listed(api: httpx2.AsyncClient) -> None:
    found = {one["scope"]: one for one in (await api.get("/api/v1/scopes")).json()["scopes"]}
    assert found.keys() == SCOPES.keys()
    assert (found["actions:execute"]["names"], found["runs:write"]["role"]) == ("actions", "operator")


async def rotate(client: httpx2.AsyncClient, key_id: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return await client.post(f"{KEYS}/{key_id}/rotate", json=body, headers=headers)


async def test_a_key_is_replaced_by_one_that_may_the_same_and_both_are_good_for_a_while(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    body = {"name": "k", "role": "operator", "scopes": ["runs:read"]}
    old = (await api.post(KEYS, json=body)).json()
    new = (await rotate(api, old["id"])).json()
    assert [new[each] for each in ("name", "role", "scopes", "userId")] == [
        "k",
        "operator",
        ["runs:read"],
        old["userId"],
    ]
    assert new["key"] != old["key"]
    assert (await api.get(f"{KEYS}/{old['id']}")).json()["expiresAt"] is not None
    for key in (old, new):
        assert (await web.get("/api/v1/me", headers={"X-API-Key": key["key"]})).status_code == 200
    newest = await rotate(api, new["id"], overlapMinutes=0)
    assert newest.status_code == 201
    assert (await web.get("/api/v1/me", headers={"X-API-Key": new["key"]})).status_code == 401
    assert (await rotate(api, new["id"])).status_code == 409
    [entry, *_] = (await api.get("/api/v1/audit?action=rotate.api_key&outcome=done")).json()["entries"]
    assert (entry["target"]["id"], entry["fields"]) == (new["id"], ["overlapMinutes"])


async def test_nobody_rotates_another_persons_key_or_gets_more_by_it(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, narrow: Narrow, team: Team
) -> None:
    await api.post("/api/v1/users", json={"email": "eve@example.com", "role": "admin", "password": "a good password"})
    token = (await web.post("/api/v1/session", json={"email": "eve@example.com", "password": "a good password"})).json()
    web.cookies.clear()
    eve = {"Authorization": f"Bearer {token['token']}"}
    mine = str(team.keys[Role.ADMIN].id)
    assert (await rotate(web, mine, eve)).status_code == 403
    assert (await rotate(web, mine, await narrow("keys:write"))).json()["detail"][0]["type"] == "scope_missing"
    assert (await rotate(web, mine, team.headers(Role.VIEWER))).status_code == 403
    assert (await rotate(api, mine, overlapMinutes=-1)).status_code == 422
    assert (await rotate(api, mine, overlapMinutes=99_999)).status_code == 422

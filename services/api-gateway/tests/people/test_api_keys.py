from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.people.shapes import ApiKeyShape, ApiKeysShape, CreatedApiKeyShape
from vai_common import clock, db
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team
from vai_testkit.wait import wait_for

KEYS = "/api/v1/api-keys"
ME = "/api/v1/me"


async def make(api: httpx2.AsyncClient, name: str = "ci", role: str = "viewer", **fields: Any) -> dict[str, Any]:
    answer = await api.post(KEYS, json={"name": name, "role": role} | fields)
    assert answer.status_code == 201, answer.text
    CreatedApiKeyShape.model_validate(answer.json())
    key: dict[str, Any] = answer.json()
    return key


async def test_a_key_is_shown_once_and_opens_the_door(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    made = await make(api, role="operator")
    assert made["key"].startswith(made["prefix"])
    assert (made["status"], made["lastUsedAt"], made["expiresAt"], made["revokedAt"]) == ("active", None, None, None)
    assert (await web.get(ME, headers={"X-API-Key": made["key"]})).json()["role"] == "operator"

    shown = await api.get(f"{KEYS}/{made['id']}")
    ApiKeyShape.model_validate(shown.json())
    for answer in (shown, await api.get(KEYS)):
        assert made["key"] not in answer.text


async def test_keys_are_found_by_name_by_beginning_and_by_the_whole_key(api: httpx2.AsyncClient) -> None:
    one, two = await make(api, "nightly export"), await make(api, "100%")

    async def ids(**query: Any) -> list[str]:
        answer = (await api.get(KEYS, params=query)).json()
        ApiKeysShape.model_validate(answer)
        assert answer["total"] >= len(answer["apiKeys"])
        return [key["id"] for key in answer["apiKeys"]]

    assert await ids(q="NIGHTLY") == [one["id"]]
    assert await ids(q="%") == [two["id"]]
    assert await ids(q=one["prefix"]) == [one["id"]]
    assert await ids(q=two["key"]) == [two["id"]]
    assert (await ids(limit=2))[:2] == [two["id"], one["id"]]
    await api.delete(f"{KEYS}/{one['id']}")
    assert await ids(status="revoked") == [one["id"]]
    assert one["id"] not in await ids(status="active,expired")
    assert (await api.get(KEYS, params={"status": "lost"})).status_code == 422


async def test_a_revoked_key_is_worthless_at_once_with_the_tokens_it_asked_for(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    made = await make(api)
    headers = {"X-API-Key": made["key"]}
    token = (await web.post("/api/v1/session", headers=headers)).json()["token"]
    web.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    for known in (headers, bearer):
        assert (await web.get(ME, headers=known)).status_code == 200

    assert (await api.delete(f"{KEYS}/{made['id']}")).status_code == 204
    for known in (headers, bearer):
        assert (await web.get(ME, headers=known)).status_code == 401
    assert (await api.get(f"{KEYS}/{made['id']}")).json()["status"] == "revoked"
    assert (await api.delete(f"{KEYS}/{made['id']}")).status_code == 204


async def test_every_gateway_hears_of_a_revoked_key(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    heard: list[str] = []
    conn = await db.connect(gateway.settings.direct_url, "api-gateway")
    await conn.add_listener("keys_changed", lambda *told: heard.append(told[2]))
    made = await make(api)
    await api.delete(f"{KEYS}/{made['id']}")
    await wait_for(lambda: heard, what="keys_changed")
    await conn.close()


async def test_an_expired_key_is_shown_as_such(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    ends = clock.now() + timedelta(hours=1)
    made = await make(api, expiresAt=ends.isoformat())
    assert datetime.fromisoformat(made["expiresAt"]) == ends
    await gateway.pool.execute(
        "UPDATE api_keys SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1", UUID(made["id"])
    )
    assert (await web.get(ME, headers={"X-API-Key": made["key"]})).status_code == 401
    assert (await api.get(f"{KEYS}/{made['id']}")).json()["status"] == "expired"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"role": "king"}, "role"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00"}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"key": "vai_mine"}, "key"),
    ],
)
async def test_a_bad_key_is_refused(api: httpx2.AsyncClient, fields: dict[str, Any], field: str) -> None:
    answer = await api.post(KEYS, json={"name": "ci", "role": "viewer"} | fields)
    assert answer.status_code == 422
    assert {detail["loc"][1] for detail in answer.json()["detail"]} == {field}


async def person(api: httpx2.AsyncClient, web: httpx2.AsyncClient, role: str) -> dict[str, str]:
    """The bearer of somebody who has signed in with a password."""
    body = {"email": f"{role}@example.com", "password": "correct horse battery"}
    assert (await api.post("/api/v1/users", json=body | {"role": role})).status_code == 201
    answer = await web.post("/api/v1/session", json=body)
    web.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_person_makes_keys_up_to_their_own_role(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    operator = await person(api, web, "operator")
    for role, status in (("viewer", 201), ("operator", 201), ("admin", 403)):
        answer = await web.post(KEYS, json={"name": role, "role": role}, headers=operator)
        assert answer.status_code == status


async def test_a_key_makes_no_other_unless_it_is_an_administrators(web: httpx2.AsyncClient, team: Team) -> None:
    body = {"name": "more", "role": "viewer"}
    for role, status in ((Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.ADMIN, 201)):
        assert (await web.post(KEYS, json=body, headers=team.headers(role))).status_code == status
        token = (await web.post("/api/v1/session", headers=team.headers(role))).json()["token"]
        web.cookies.clear()
        answer = await web.post(KEYS, json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_a_key_gives_no_longer_life_than_its_own(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    ends = clock.now() + timedelta(hours=1)
    short = {"X-API-Key": (await make(api, role="admin", expiresAt=ends.isoformat()))["key"]}

    answer = await web.post(KEYS, json={"name": "child", "role": "viewer"}, headers=short)
    assert datetime.fromisoformat(answer.json()["expiresAt"]) == ends
    later = {"name": "child", "role": "viewer", "expiresAt": (ends + timedelta(hours=1)).isoformat()}
    assert (await web.post(KEYS, json=later, headers=short)).status_code == 422
    token = await web.post("/api/v1/session", headers=short)
    assert datetime.fromisoformat(token.json()["expiresAt"]) <= ends.astimezone(UTC)


async def test_others_keys_are_an_administrators_business(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    viewer, operator = await person(api, web, "viewer"), await person(api, web, "operator")
    body = {"name": "mine", "role": "viewer"}
    mine = (await web.post(KEYS, json=body, headers=viewer)).json()
    path = f"{KEYS}/{mine['id']}"

    assert (await web.get(KEYS, headers=operator)).json()["total"] == 0
    assert [key["id"] for key in (await web.get(KEYS, headers=viewer)).json()["apiKeys"]] == [mine["id"]]
    assert (await web.get(path, headers=operator)).status_code == 404
    assert (await web.delete(path, headers=operator)).status_code == 404
    other = await make_team(gateway.engine, "other")
    assert (await web.get(path, headers=other.headers())).status_code == 404
    assert (await web.delete(path, headers=other.headers())).status_code == 404
    assert (await api.get(path)).status_code == 200
    assert (await web.delete(path, headers=viewer)).status_code == 204

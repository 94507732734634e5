import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest
from sqlalchemy import event, select

from vai_api_gateway.gateway import Gateway
from vai_common import clock
from vai_common.ids import uuid7
from vai_records.people import api_keys
from vai_records.people.people import Role
from vai_records.schema import tables
from vai_testkit.team import Team, make_team

ME = "/api/v1/me"


async def token_of(api: httpx2.AsyncClient) -> str:
    answer = await api.post("/api/v1/session")
    assert answer.status_code == 201
    token: str = answer.json()["token"]
    api.cookies.clear()
    return token


async def test_without_a_credential_one_is_told_how_to_come_in(web: httpx2.AsyncClient) -> None:
    answer = await web.get("/api/v1/actions")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    (detail,) = answer.json()["detail"]
    assert set(detail) == {"loc", "msg", "type"}
    assert detail["type"] == "unauthorized"


async def test_a_key_is_good_in_either_header(web: httpx2.AsyncClient, team: Team) -> None:
    key = team.keys[Role.OPERATOR].secret
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"authorization": f"bearer {key}"}):
        answer = await web.get(ME, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["role"] == "operator"
        assert answer.json()["user"]["firstName"] == "Ada"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "vai_unknown"},
        {"X-API-Key": "nonsense"},
        {"Authorization": "Bearer vai_unknown"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Cookie": "vai_token=nonsense"},
    ],
)
async def test_a_bad_credential_is_refused(web: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    answer = await web.get(ME, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"][0]["type"] == "unauthorized"


async def test_of_two_different_credentials_none_is_chosen(web: httpx2.AsyncClient, team: Team) -> None:
    key, other = team.keys[Role.OPERATOR].secret, team.keys[Role.VIEWER].secret
    for name, before in (("X-API-Key", ""), ("Authorization", "Bearer ")):
        for second, status in ((key, 200), (other, 401), ("", 401)):
            answer = await web.get(ME, headers=[(name, before + key), (name, before + second)])
            assert answer.status_code == status, (name, second)


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        (Role.VIEWER, "GET", "/api/v1/actions", 200),
        (Role.VIEWER, "POST", "/api/v1/actions", 403),
        (Role.VIEWER, "POST", "/api/v1/action-runs", 403),
        (Role.OPERATOR, "POST", "/api/v1/actions", 422),
        (Role.OPERATOR, "POST", "/api/v1/connections", 403),
        (Role.ADMIN, "POST", "/api/v1/connections", 422),
    ],
)
async def test_a_role_opens_what_it_may(
    web: httpx2.AsyncClient, team: Team, role: Role, method: str, path: str, status: int
) -> None:
    answer = await web.request(method, path, headers=team.headers(role), json={} if method == "POST" else None)
    assert answer.status_code == status


async def test_a_token_stands_for_its_user(api: httpx2.AsyncClient, web: httpx2.AsyncClient, team: Team) -> None:
    token = await token_of(api)

    answer = await web.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["organisationId"] == str(team.org_id)
    assert answer.json()["role"] == "admin"


async def test_a_token_has_no_more_than_the_key_that_asked_for_it(web: httpx2.AsyncClient, team: Team) -> None:
    asked = await web.post("/api/v1/session", headers=team.headers(Role.VIEWER))
    web.cookies.clear()

    answer = await web.get(ME, headers={"Authorization": f"Bearer {asked.json()['token']}"})
    assert answer.json()["role"] == "viewer"


async def test_a_token_that_was_changed_or_has_ended_is_refused(
    web: httpx2.AsyncClient, team: Team, gateway: Gateway
) -> None:
    claims: dict[str, Any] = {"iss": "vai", "sub": str(team.user_id), "org": str(team.org_id), "role": "admin"}
    ended = claims | {"exp": clock.now() - timedelta(seconds=5)}
    good = claims | {"exp": clock.now() + timedelta(hours=1)}
    secret = gateway.settings.token_secret
    for token in (
        jwt.encode(ended, secret, "HS256"),
        jwt.encode(good, "another secret of thirty-two letters", "HS256"),
        jwt.encode(good | {"iss": "them"}, secret, "HS256"),
        jwt.encode(claims, secret, "HS256"),
        jwt.encode(good | {"sub": "nobody"}, secret, "HS256"),
        jwt.encode(good | {"role": "king"}, secret, "HS256"),
    ):
        assert (await web.get(ME, headers={"Authorization": f"Bearer {token}"})).status_code == 401
    token = jwt.encode(good, secret, "HS256")
    assert (await web.get(ME, headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_the_cookie_changes_things_from_our_own_pages_only(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    answer = await api.post("/api/v1/session")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    web.cookies.set("vai_token", answer.json()["token"])

    body = {"kind": "dlt_extract", "name": "one"}
    assert (await web.get("/api/v1/actions")).status_code == 200
    for origin, status in (
        (None, 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://gateway", 201),
        ("https://console.example.com", 201),
    ):
        headers = {"Origin": origin} if origin else {}
        answer = await web.post("/api/v1/actions", json=body | {"name": f"from {origin}"}, headers=headers)
        assert answer.status_code == status, origin


async def test_signing_out_takes_the_cookie_away(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/session")
    answer = await api.delete("/api/v1/session")
    assert answer.status_code == 204
    assert 'vai_token=""' in answer.headers["set-cookie"]


async def test_a_revoked_key_is_forgotten_when_told(web: httpx2.AsyncClient, team: Team, gateway: Gateway) -> None:
    headers = team.headers(Role.VIEWER)
    assert (await web.get(ME, headers=headers)).status_code == 200
    async with gateway.engine.begin() as conn:
        await api_keys.revoke_key(conn, team.org_id, team.keys[Role.VIEWER].id)

    assert (await web.get(ME, headers=headers)).status_code == 200
    gateway.authenticator.forget()
    assert (await web.get(ME, headers=headers)).status_code == 401


@contextmanager
def heard(gateway: Gateway, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """`listener` hears of each statement; afterwards no more, for the engine outlives the test."""
    event.listen(gateway.engine.sync_engine, name, listener)
    yield
    event.remove(gateway.engine.sync_engine, name, listener)


async def test_many_requests_ask_the_database_once(web: httpx2.AsyncClient, team: Team, gateway: Gateway) -> None:
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "api_keys" in statement:
            asked.append(statement)

    path = f"/api/v1/action-runs/{team.org_id}"
    with heard(gateway, "before_cursor_execute", note):
        answers = await asyncio.gather(*(web.get(path, headers=team.headers()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {404}
    assert len(asked) == 1


async def test_a_notice_makes_only_the_organisation_that_it_names_ask_again(
    web: httpx2.AsyncClient, team: Team, gateway: Gateway
) -> None:
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT api_keys"):
            asked.append(statement)

    with heard(gateway, "before_cursor_execute", note):
        for payload, asks in (("", 1), (str(uuid7()), 0), (str(team.org_id), 1), ("no id", 1), (str(uuid7()), 0)):
            gateway.authenticator.heard(payload)
            asked.clear()
            for _ in range(2):
                assert (await web.get(ME, headers=team.headers())).status_code == 200
            assert len(asked) == asks, payload


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered(
    web: httpx2.AsyncClient, team: Team, gateway: Gateway
) -> None:
    def forget(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT api_keys"):
            gateway.authenticator.forget()

    with heard(gateway, "after_cursor_execute", forget):
        assert (await web.get(ME, headers=team.headers())).status_code == 200
    async with gateway.engine.begin() as conn:
        await api_keys.revoke_key(conn, team.org_id, team.keys[Role.ADMIN].id)
    assert (await web.get(ME, headers=team.headers())).status_code == 401


async def test_the_use_of_a_key_is_written_later(api: httpx2.AsyncClient, team: Team, gateway: Gateway) -> None:
    async def used() -> Any:
        async with gateway.engine.connect() as conn:
            wanted = select(tables.api_keys.c.last_used_at).where(tables.api_keys.c.id == team.keys[Role.ADMIN].id)
            return (await conn.execute(wanted)).scalar_one()

    await api.get(ME)
    assert await used() is None
    await gateway.authenticator.write_used_once()
    assert await used() is not None
    await gateway.authenticator.write_used_once()


async def test_two_organisations_do_not_see_each_other(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    other = await make_team(gateway.engine, "other")
    action = (await api.post("/api/v1/actions", json={"kind": "dlt_extract", "name": "mine"})).json()
    run = (await api.post("/api/v1/action-runs", json={"kind": "dlt_extract", "definition": {"source": "noop"}})).json()
    connection = (await api.post("/api/v1/connections", json={"provider": "rest", "name": "c"})).json()

    paths = [
        ("GET", f"/api/v1/actions/{action['id']}"),
        ("GET", f"/api/v1/actions/slug/{action['slug']}"),
        ("PATCH", f"/api/v1/actions/{action['id']}"),
        ("DELETE", f"/api/v1/actions/{action['id']}"),
        ("POST", f"/api/v1/actions/{action['id']}/run"),
        ("GET", f"/api/v1/action-runs/{run['id']}"),
        ("DELETE", f"/api/v1/action-runs/{run['id']}"),
        ("GET", f"/api/v1/action-runs/{run['id']}/logs"),
        ("GET", f"/api/v1/connections/{connection['id']}"),
        ("PATCH", f"/api/v1/connections/{connection['id']}"),
        ("DELETE", f"/api/v1/connections/{connection['id']}"),
        ("POST", f"/api/v1/connections/{connection['id']}/test"),
    ]
    verbs = ("approve", "reject", "cancel", "pause", "resume", "execute", "retry")
    paths += [("POST", f"/api/v1/action-runs/{run['id']}/{verb}") for verb in verbs]
    for method, path in paths:
        answer = await web.request(method, path, headers=other.headers(), json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path, answer.text)
    for name in ("actions", "action-runs", "connections"):
        assert (await web.get(f"/api/v1/{name}", headers=other.headers())).json()["total"] == 0

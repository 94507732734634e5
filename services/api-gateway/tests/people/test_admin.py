"""Organisations are made with a credential of the installation, which is nobody's in an organisation."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.application import application
from vai_testkit.team import Team
from vai_testkit.wait import wait_for

ORGS = "/admin/organisations"
TOKEN = "a token of the installation, long enough"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
BODY: dict[str, Any] = {"slug": "new", "name": "New", "administrator": {"email": "ada@example.com"}}


@pytest.fixture
async def operator(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway whose installation has a token, and which lets one guess little."""
    settings = gateway.settings.model_copy(update={"admin_token": TOKEN, "wrong_keys_per_minute": 5})
    told = replace(gateway, settings=settings, authenticator=Authenticator(gateway.engine, settings))
    transport = httpx2.ASGITransport(application(told), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


async def test_an_organisation_is_made_with_an_administrator_who_takes_it(operator: httpx2.AsyncClient) -> None:
    made = await operator.post(ORGS, json=BODY | {"settings": {"max_running": 3}}, headers=ADMIN)
    assert made.status_code == 201, made.text
    said = made.json()
    assert (said["slug"], said["settings"]["maxRunning"], said["administrator"]["role"]) == ("new", 3, "admin")
    assert (await operator.get(made.headers["location"], headers=ADMIN)).json()["name"] == "New"
    token = said["administrator"]["invitationToken"]
    taken = await operator.post(
        "/api/v1/invitations/accept", json={"token": token, "password": "a password of her own"}
    )
    operator.cookies.clear()
    mine = {"Authorization": f"Bearer {taken.json()['token']}"}
    me = (await operator.get("/api/v1/me", headers=mine)).json()
    assert (me["organisationId"], me["role"]) == (said["id"], "admin")


async def test_organisations_are_listed_changed_and_have_slugs_of_their_own(
    operator: httpx2.AsyncClient, team: Team
) -> None:
    made = (await operator.post(ORGS, json=BODY, headers=ADMIN)).json()
    assert (await operator.post(ORGS, json=BODY, headers=ADMIN)).status_code == 409
    found = (await operator.get(ORGS, params={"q": "NEW"}, headers=ADMIN)).json()
    assert [one["slug"] for one in found["organisations"]] == ["new"]
    assert (await operator.get(ORGS, params={"limit": 1}, headers=ADMIN)).json()["total"] == 2
    change = {"name": "Newer", "settings": {"forbidSelfApproval": True}}
    changed = await operator.patch(f"{ORGS}/{made['id']}", json=change, headers=ADMIN)
    assert (changed.json()["name"], changed.json()["settings"]["forbidSelfApproval"]) == ("Newer", True)


async def test_nobody_else_may(operator: httpx2.AsyncClient, api: httpx2.AsyncClient, team: Team) -> None:
    assert (await api.post(ORGS, json=BODY)).status_code == 404  # an installation without a token
    for headers in ({}, team.headers(Role.ADMIN), {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        answer = await operator.post(ORGS, content=b'{"broken', headers=headers)
        assert answer.status_code == 401, headers
    assert (await operator.get("/api/v1/me", headers=ADMIN)).status_code == 401
    assert (await operator.get(ORGS, headers={"Authorization": "Bearer wrong"})).status_code == 429
    assert (await operator.get(ORGS, headers=ADMIN)).status_code != 429  # whoever has the token is no guesser
    assert "admin/" not in (await api.get("/openapi.json")).text


async def test_who_guesses_keys_is_told_to_wait_and_others_go_on(operator: httpx2.AsyncClient, team: Team) -> None:
    good, unknown = team.headers(), {"X-API-Key": "vai_unknown"}
    assert (await operator.get("/api/v1/me", headers=good)).status_code == 200
    tried = [await operator.get("/api/v1/me", headers=unknown | {"X-API-Key": f"vai_{n}"}) for n in range(6)]
    assert [answer.status_code for answer in tried] == [401] * 5 + [429]
    assert int(tried[-1].headers["retry-after"]) >= 1
    assert (await operator.get("/api/v1/me", headers=good)).status_code == 200


async def test_an_organisation_may_call_so_often(gateway: Gateway, team: Team) -> None:
    settings = gateway.settings.model_copy(update={"calls_per_second": 1.0})
    told = replace(gateway, settings=settings, authenticator=Authenticator(gateway.engine, settings))
    transport = httpx2.ASGITransport(application(told), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=team.headers()) as client:
        told_so = [(await client.get("/api/v1/me")).status_code for _ in range(20)]
    assert told_so[:5] == [200] * 5
    assert 429 in told_so


async def test_a_credential_is_remembered_no_longer_than_it_lives(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await api.post(
        "/api/v1/api-keys", json={"name": "short", "role": "viewer", "expiresAt": await _soon(gateway)}
    )
    short = {"X-API-Key": made.json()["key"]}

    async def over() -> bool:
        return (await api.get("/api/v1/me", headers=short)).status_code == 401

    assert not await over()
    await wait_for(over, 3, what="the key is good no more")


async def _soon(gateway: Gateway) -> str:
    at = await gateway.pool.fetchval("SELECT clock_timestamp() + interval '1 s'")
    return str(at.isoformat())

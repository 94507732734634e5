"""Adding somebody changes nothing of what they have elsewhere, tells nothing of it, and counts when they take it."""

import asyncio
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from vai_api_gateway.gateway import Gateway
from vai_testkit.team import Team, make_team

USERS, SESSION, ACCEPT = "/api/v1/users", "/api/v1/session", "/api/v1/invitations/accept"
EMAIL = "ada@example.com"
MINE, THEIRS = "a password of her own", "what an administrator chose"


@pytest.fixture
async def stranger(gateway: Gateway) -> Team:
    return await make_team(gateway.engine, "stranger")


async def sign_in(web: httpx2.AsyncClient, password: str, organisation: str | None = None) -> httpx2.Response:
    web.cookies.clear()
    return await web.post(SESSION, json={"email": EMAIL, "password": password, "organisation": organisation})


async def organisation_of(web: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    token = answer.json()["token"]
    web.cookies.clear()
    return str((await web.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).json()["organisationId"])


@pytest.mark.parametrize("theirs", [None, THEIRS])
async def test_another_administrator_cannot_break_a_sign_in(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, team: Team, stranger: Team, theirs: str | None
) -> None:
    mine = await api.post(USERS, json={"email": EMAIL, "role": "operator", "password": MINE})
    other = await web.post(
        USERS, json={"email": EMAIL, "role": "viewer", "password": theirs}, headers=stranger.headers()
    )
    assert (mine.status_code, other.status_code) == (201, 201)
    assert mine.json()["id"] != other.json()["id"]
    signed = await sign_in(web, MINE)
    assert signed.status_code == 201, signed.text
    assert await organisation_of(web, signed) == str(team.org_id)
    assert (await sign_in(web, MINE, "stranger")).status_code == 401
    assert (await sign_in(web, THEIRS)).status_code == (201 if theirs else 401)


async def test_however_many_administrators_were_first_what_their_person_took_counts(
    gateway: Gateway, web: httpx2.AsyncClient, api: httpx2.AsyncClient, team: Team
) -> None:
    for number in range(3):
        other = await make_team(gateway.engine, f"stranger-{number}")
        made = await web.post(USERS, json={"email": EMAIL, "role": "viewer"}, headers=other.headers())
        path = f"{USERS}/{made.json()['id']}"
        changed = await web.patch(path, json={"password": f"{THEIRS} {number}"}, headers=other.headers())
        assert (made.status_code, changed.status_code) == (201, 200)
    invitation = (await api.post(USERS, json={"email": EMAIL, "role": "operator"})).json()["invitationToken"]
    web.cookies.clear()
    taken = await web.post(ACCEPT, json={"token": invitation, "password": MINE})
    assert taken.status_code == 201, taken.text
    signed = await sign_in(web, MINE)
    assert signed.status_code == 201, signed.text
    assert await organisation_of(web, signed) == str(team.org_id)


async def test_whether_somebody_is_known_elsewhere_cannot_be_told(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, stranger: Team
) -> None:
    await api.post(USERS, json={"email": EMAIL, "role": "operator", "password": MINE})
    found = []
    for email in (EMAIL, "nobody@example.com"):
        body = {"email": email, "role": "viewer"}
        answer = await web.post(USERS, json=body, headers=stranger.headers())
        told = answer.json()
        again = await web.post(USERS, json=body, headers=stranger.headers())
        found.append(
            (answer.status_code, sorted(told), told["acceptedAt"], again.status_code, UUID(told["id"]).version)
        )
        listed = (await web.get(USERS, params={"q": email}, headers=stranger.headers())).json()["members"]
        assert [(one["email"], one["id"]) for one in listed] == [(email, told["id"])]
    assert found[0] == found[1]


async def test_an_invitation_is_taken_once_with_a_password_of_ones_own(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, team: Team
) -> None:
    made = (await api.post(USERS, json={"email": EMAIL, "role": "operator", "password": THEIRS})).json()
    body = {"token": made["invitationToken"], "password": MINE}
    answers = await asyncio.gather(*(web.post(ACCEPT, json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404, 404]
    (good,) = [answer for answer in answers if answer.status_code == 201]
    assert await organisation_of(web, good) == str(team.org_id)
    shown = (await api.get(f"{USERS}/{made['id']}")).json()
    assert shown["acceptedAt"] is not None
    assert made["invitationToken"] not in str(shown)
    assert [(await sign_in(web, one)).status_code for one in (MINE, THEIRS)] == [201, 401]


async def test_an_invitation_that_is_bad_changes_nothing(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = (await api.post(USERS, json={"email": EMAIL, "role": "operator"})).json()
    token = made["invitationToken"]
    for body, status in (
        ({"token": "invite_nothing", "password": MINE}, 404),
        ({"token": token, "password": "short"}, 422),
        ({"token": token, "password": EMAIL}, 422),
    ):
        assert (await web.post(ACCEPT, json=body)).status_code == status, body
    async with gateway.engine.begin() as conn:
        await conn.execute(text("UPDATE memberships SET invitation_ends_at = clock_timestamp()"))
    assert (await web.post(ACCEPT, json={"token": token, "password": MINE})).status_code == 404


async def test_who_is_removed_takes_no_invitation_and_may_be_invited_again(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient
) -> None:
    made = (await api.post(USERS, json={"email": EMAIL, "role": "operator"})).json()
    assert (await api.delete(f"{USERS}/{made['id']}")).status_code == 204
    assert (await web.post(ACCEPT, json={"token": made["invitationToken"], "password": MINE})).status_code == 404
    again = (await api.post(USERS, json={"email": EMAIL, "role": "viewer"})).json()
    assert (again["id"], again["acceptedAt"]) == (made["id"], None)
    assert (await web.post(ACCEPT, json={"token": again["invitationToken"], "password": MINE})).status_code == 201


async def test_many_tries_at_invitations_are_too_many(web: httpx2.AsyncClient) -> None:
    tried = [(await web.post(ACCEPT, json={"token": f"invite_{n}"})).status_code for n in range(61)]
    assert (set(tried[:60]), tried[60]) == ({404}, 429)

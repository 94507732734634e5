import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.auth.addresses import address_of
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import SessionShape
from vai_records.people import passwords, sign_in

SESSION = "/api/v1/session"
ME = "/api/v1/me"
EMAIL, PASSWORD = "bob@example.com", "correct horse battery"


@pytest.fixture
async def bob(api: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await api.post("/api/v1/users", json={"email": EMAIL, "role": "operator", "password": PASSWORD})
    member: dict[str, Any] = answer.json()
    return member


async def sign_in_as(web: httpx2.AsyncClient, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Any:
    return await web.post(SESSION, json={"email": email, "password": password}, **more)


async def test_a_password_gives_a_token_and_a_cookie(web: httpx2.AsyncClient, bob: dict[str, Any]) -> None:
    answer = await sign_in_as(web, " BOB@Example.com ")
    assert answer.status_code == 201, answer.text
    SessionShape.model_validate(answer.json())
    cookie = answer.headers["set-cookie"]
    assert "vai_token=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert answer.headers["cache-control"] == "no-store"

    by_cookie = (await web.get(ME)).json()
    assert (by_cookie["user"]["id"], by_cookie["role"]) == (bob["id"], "operator")
    web.cookies.clear()
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (await web.get(ME, headers=bearer)).json() == by_cookie


async def test_the_cookie_is_for_https_where_that_is_said(
    web: httpx2.AsyncClient, bob: dict[str, Any], gateway: Gateway
) -> None:
    secure = gateway.settings.model_copy(update={"cookie_secure": True})
    object.__setattr__(gateway, "settings", secure)
    assert "Secure" in (await sign_in_as(web)).headers["set-cookie"]


@pytest.mark.parametrize(
    ("email", "password", "organisation"),
    [
        (EMAIL, "correct horse batterx", None),
        (EMAIL, "", None),
        (EMAIL, PASSWORD, "other"),
        (EMAIL, PASSWORD, "00000000-0000-0000-0000-000000000000"),
        ("eve@example.com", PASSWORD, None),
        ("ada@acme.example", "nobody has this password", None),
        ("no address", PASSWORD, None),
        ("", "", None),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    web: httpx2.AsyncClient, bob: dict[str, Any], email: str, password: str, organisation: str | None
) -> None:
    answer = await web.post(SESSION, json={"email": email, "password": password, "organisation": organisation})
    assert answer.status_code == 401
    wrong = await sign_in_as(web, password="surely not this one")
    assert answer.json() == wrong.json()
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "body", [{}, {"email": EMAIL}, {"password": PASSWORD}, {"email": EMAIL, "password": 1}, [], "text", {"key": "x"}]
)
async def test_a_body_that_is_no_sign_in_is_refused_and_not_echoed(web: httpx2.AsyncClient, body: Any) -> None:
    answer = await web.post(SESSION, json=body)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text


async def test_nobodys_email_is_compared_at_the_same_cost(
    web: httpx2.AsyncClient, bob: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str | None] = []
    fits = passwords.fits

    def counted(stored: str | None, password: str) -> bool:
        compared.append(stored)
        return fits(stored, password)

    monkeypatch.setattr(passwords, "fits", counted)
    await sign_in_as(web, password="surely not this one")
    await sign_in_as(web, "nobody@example.com")
    assert [sorted(stored is None for stored in pair) for pair in (compared[:2], compared[2:])] == [
        [False, True],
        [True, True],
    ]
    assert passwords._NOBODYS.rsplit("$", 2)[0] == (compared[0] or "").rsplit("$", 2)[0]


async def test_guessing_is_stopped_for_one_email_and_address(
    web: httpx2.AsyncClient, bob: dict[str, Any], gateway: Gateway
) -> None:
    for _ in range(sign_in.MOST_OF_PAIR):
        assert (await sign_in_as(web, password="surely not this one")).status_code == 401
    stopped = await sign_in_as(web)
    assert stopped.status_code == 429
    assert 1 <= int(stopped.headers["retry-after"]) <= sign_in.WINDOW_SECONDS
    assert stopped.json()["detail"][0]["type"] == "too_many_tries"
    assert (await sign_in_as(web, "eve@example.com")).status_code == 401

    await gateway.pool.execute("UPDATE sign_in_attempts SET since = since - interval '16 minutes'")
    assert (await sign_in_as(web)).status_code == 201


async def test_a_thousand_guesses_at_once_are_no_more_than_one_after_the_other(
    web: httpx2.AsyncClient, bob: dict[str, Any]
) -> None:
    answers = await asyncio.gather(*(sign_in_as(web, password=f"guess number {n:05}") for n in range(30)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == sign_in.MOST_OF_PAIR
    assert statuses.count(429) == 30 - sign_in.MOST_OF_PAIR


async def test_an_address_that_tries_many_emails_is_stopped_and_locks_nobody_out(
    web: httpx2.AsyncClient, bob: dict[str, Any], gateway: Gateway
) -> None:
    pool = gateway.pool
    for n in range(sign_in.MOST_OF_ADDRESS):
        assert await sign_in.take(pool, "192.0.2.1", f"user{n}@example.com") is None
    assert await sign_in.take(pool, "192.0.2.1", EMAIL)
    for _ in range(sign_in.MOST_OF_EMAIL):
        await sign_in.take(pool, "192.0.2.1", EMAIL)
    assert (await sign_in_as(web)).status_code == 201


async def test_many_addresses_together_are_stopped_at_one_email(gateway: Gateway) -> None:
    for n in range(sign_in.MOST_OF_EMAIL):
        assert await sign_in.take(gateway.pool, f"192.0.2.{n}", EMAIL) is None
    assert await sign_in.take(gateway.pool, "198.51.100.1", EMAIL)


async def test_a_good_password_makes_earlier_slips_good(web: httpx2.AsyncClient, bob: dict[str, Any]) -> None:
    for _ in range(3):
        for _ in range(sign_in.MOST_OF_PAIR - 1):
            assert (await sign_in_as(web, password="surely not this one")).status_code == 401
        assert (await sign_in_as(web)).status_code == 201


async def test_tries_that_are_over_are_forgotten(gateway: Gateway) -> None:
    await sign_in.take(gateway.pool, "192.0.2.1", EMAIL)
    await gateway.sign_ins.tidy_once()
    assert await gateway.pool.fetchval("SELECT count(*) FROM sign_in_attempts") == 3
    await gateway.pool.execute("UPDATE sign_in_attempts SET since = since - interval '16 minutes'")
    await gateway.sign_ins.tidy_once()
    assert await gateway.pool.fetchval("SELECT count(*) FROM sign_in_attempts") == 0


async def test_signing_out_ends_the_token_itself(web: httpx2.AsyncClient, bob: dict[str, Any]) -> None:
    first, second = [(await sign_in_as(web)).json()["token"] for _ in range(2)]
    web.cookies.clear()
    bearer = {"Authorization": f"Bearer {first}"}
    assert (await web.get(ME, headers=bearer)).status_code == 200
    assert (await web.delete(SESSION, headers=bearer)).status_code == 204
    assert (await web.get(ME, headers=bearer)).status_code == 401
    assert (await web.get(ME, headers={"Authorization": f"Bearer {second}"})).status_code == 200

    web.cookies.set("vai_token", second)
    assert (await web.delete(SESSION, headers={"Origin": "https://evil.example"})).status_code == 403
    gone = await web.delete(SESSION, headers={"Origin": "http://gateway"})
    assert gone.status_code == 204
    assert 'vai_token=""' in gone.headers["set-cookie"]
    assert (await web.get(ME, headers={"Authorization": f"Bearer {second}"})).status_code == 401
    web.cookies.clear()
    for headers in ({}, bearer, {"X-API-Key": "vai_unknown"}):
        assert (await web.delete(SESSION, headers=headers)).status_code == 204


async def test_a_new_password_ends_every_session(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, bob: dict[str, Any]
) -> None:
    async def bearer(password: str) -> dict[str, str]:
        token = (await sign_in_as(web, password=password)).json()["token"]
        web.cookies.clear()
        return {"Authorization": f"Bearer {token}"}

    old = await bearer(PASSWORD)
    mine = "a password of my own"
    wrong = await web.put(f"{ME}/password", json={"current": "not this", "new": mine}, headers=old)
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "current"])
    weak = await web.put(f"{ME}/password", json={"current": PASSWORD, "new": "short"}, headers=old)
    assert weak.status_code == 422
    changed = await web.put(f"{ME}/password", json={"current": PASSWORD, "new": mine}, headers=old)
    assert changed.status_code == 204
    assert (await web.get(ME, headers=old)).status_code == 401
    assert (await sign_in_as(web)).status_code == 401

    new = await bearer(mine)
    assert (await web.get(ME, headers=new)).status_code == 200
    given = await api.patch(f"/api/v1/users/{bob['id']}", json={"password": "the admin's password"})
    assert given.status_code == 200
    assert (await web.get(ME, headers=new)).status_code == 401
    assert (await sign_in_as(web, password="the admin's password")).status_code == 201
    by_key = {"current": "x", "new": mine}
    assert (await api.put(f"{ME}/password", json=by_key)).status_code == 403


async def test_a_token_lives_no_longer_for_being_asked_for_again(web: httpx2.AsyncClient, bob: dict[str, Any]) -> None:
    first = (await sign_in_as(web)).json()
    web.cookies.clear()
    again = await web.post(SESSION, headers={"Authorization": f"Bearer {first['token']}"})
    assert again.status_code == 201
    assert again.json()["expiresAt"] <= first["expiresAt"]


async def test_a_password_stored_at_an_older_cost_is_stored_anew(
    web: httpx2.AsyncClient, bob: dict[str, Any], gateway: Gateway
) -> None:
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    user_id = UUID(bob["id"])
    await gateway.pool.execute("UPDATE memberships SET password_hash = $2 WHERE user_id = $1", user_id, cheap)
    assert (await sign_in_as(web)).status_code == 201
    stored = await gateway.pool.fetchval("SELECT password_hash FROM memberships WHERE user_id = $1", user_id)
    assert stored != cheap
    assert not passwords.is_old(stored)
    assert (await sign_in_as(web)).status_code == 201


async def test_a_password_is_the_same_however_it_was_typed(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    composed, taken_apart = "pässwörd mit ümläut", "pa\u0308sswo\u0308rd mit u\u0308mla\u0308ut"
    await api.post("/api/v1/users", json={"email": EMAIL, "role": "viewer", "password": composed})
    assert (await sign_in_as(web, password=taken_apart)).status_code == 201


async def test_too_many_passwords_at_once_are_told_to_come_later(
    web: httpx2.AsyncClient, bob: dict[str, Any], gateway: Gateway
) -> None:
    gateway.desk._waiting = 50
    answer = await sign_in_as(web)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    gateway.desk._waiting = 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", None, 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("10.0.0.1", None, 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense" * 100, 1, ("nonsense" * 100)[:64]),
        ("2001:db8:1:2:3:4:5:6", None, 0, "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", None, 0, "192.0.2.1"),
    ],
)
def test_an_address_is_what_our_own_proxies_say(peer: str, forwarded: str | None, proxies: int, address: str) -> None:
    from fastapi import Request

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})
    assert address_of(request, proxies) == address

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from pydantic import ValidationError

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.jwks import KeysFromAddress, NoKeys, fetch
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.settings import Settings
from vai_common import clock
from vai_common.egress.addresses import PUBLIC, EgressRefused, Policy
from vai_records.people import people
from vai_records.people.people import Role
from vai_testkit.application import application
from vai_testkit.servers.issuer import AUDIENCE, Issuer
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.team import Team, make_team

ME = "/api/v1/me"
ADA = "ada@acme.example"

Opened = Callable[..., httpx2.AsyncClient]


@pytest.fixture
def issuer() -> Issuer:
    issuer = Issuer()
    issuer.add("k1")
    return issuer


@pytest.fixture
def jwks(tmp_path: Path, issuer: Issuer) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(issuer.jwks)
    return path


@pytest.fixture
async def trusting(gateway: Gateway, issuer: Issuer, jwks: Path) -> AsyncIterator[Opened]:
    """A gateway that trusts the issuer: `await`-less, it answers a client; settings may be changed."""
    clients: list[httpx2.AsyncClient] = []

    def opened(**changes: Any) -> httpx2.AsyncClient:
        usual = {"oidc_issuer": issuer.name, "oidc_audience": f"other, {AUDIENCE}", "oidc_jwks": str(jwks)}
        settings = Settings(**{**gateway.settings.model_dump(), **usual, **changes})
        object.__setattr__(gateway, "authenticator", Authenticator(gateway.engine, settings))
        transport = httpx2.ASGITransport(application(gateway), raise_app_exceptions=False)
        clients.append(httpx2.AsyncClient(transport=transport, base_url="http://gateway"))
        return clients[-1]

    yield opened
    for client in clients:
        await client.aclose()


def show(path: Path, document: bytes) -> None:
    path.write_bytes(document)


async def shown(web: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await web.get(ME, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_token_of_the_issuer_stands_for_the_user_of_its_email(
    trusting: Opened, issuer: Issuer, jwks: Path, team: Team, algorithm: str
) -> None:
    issuer.add("k2", algorithm)
    show(jwks, issuer.jwks)
    answer = await shown(trusting(), issuer.token("Ada@Acme.Example"))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["user"]["id"], answer.json()["role"]) == (str(team.user_id), "admin")
    assert answer.json()["organisationId"] == str(team.org_id)


def forged(issuer: Issuer, kind: str) -> str:
    claims, key = issuer.claims(ADA), issuer.private_key("k1")
    if kind == "alg none":
        return jwt.encode(claims, None, "none", headers={"kid": "k1"})
    if kind == "alg none by hand":
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part, default=str).encode()).decode().rstrip("=")
            for part in ({"alg": "None", "kid": "k1"}, claims | {"exp": 9_999_999_999, "iat": 1})
        )
        return f"{head}.{body}."
    if kind == "public key as a shared secret":
        return jwt.encode(claims, json.loads(issuer.jwks)["keys"][0]["x"].encode(), "HS256", headers={"kid": "k1"})
    if kind == "unknown key":
        return jwt.encode(claims, key, "ES256", headers={"kid": "k9"})
    if kind == "another's key under the same name":
        stranger = Issuer(issuer.name)
        stranger.add("k1")
        return stranger.token(ADA)
    if kind == "own key in the header":
        stranger = Issuer(issuer.name)
        stranger.add("k1")
        own = json.loads(stranger.jwks)["keys"][0]
        return jwt.encode(claims, stranger.private_key("k1"), "ES256", headers={"jwk": own})
    if kind == "our own secret":
        return jwt.encode(claims, "0123456789" * 4, "HS256")
    return issuer.token(ADA)[:-4] + "AAAA"


@pytest.mark.parametrize(
    "kind",
    [
        "alg none",
        "alg none by hand",
        "public key as a shared secret",
        "unknown key",
        "another's key under the same name",
        "own key in the header",
        "our own secret",
        "changed",
    ],
)
async def test_a_forged_token_is_refused(trusting: Opened, issuer: Issuer, team: Team, kind: str) -> None:
    web = trusting()
    answer = await shown(web, forged(issuer, kind))
    assert answer.status_code == 401, kind
    assert (await shown(web, issuer.token(ADA))).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"exp": None},
        {"exp": clock.now() - timedelta(minutes=1)},
        {"nbf": clock.now() + timedelta(days=1)},
        {"sub": None},
        {"email": None},
        {"email": 7},
        {"email": "nobody@example.com"},
        {"email": "\N{KELVIN SIGN}ate@acme.example"},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"organisation": "other"},
        {"organisation": ["acme"]},
    ],
)
async def test_a_token_that_says_something_else_is_refused(
    trusting: Opened, issuer: Issuer, team: Team, changes: dict[str, Any]
) -> None:
    assert (await shown(trusting(), issuer.token(ADA, **changes))).status_code == 401


async def test_an_issuer_whose_emails_are_trusted_need_not_verify_them(
    trusting: Opened, issuer: Issuer, team: Team
) -> None:
    web = trusting(oidc_trust_emails=True)
    assert (await shown(web, issuer.token(ADA, email_verified=None))).status_code == 200


async def test_who_is_in_several_organisations_comes_into_the_one_that_is_named(
    trusting: Opened, issuer: Issuer, team: Team, gateway: Gateway
) -> None:
    other = await make_team(gateway.engine, "other")
    async with gateway.engine.begin() as conn:
        await people.add_member(conn, other.org_id, team.user_id, Role.VIEWER)

    async def came_to(web: httpx2.AsyncClient, **claims: Any) -> str | None:
        answer = await shown(web, issuer.token(ADA, **claims))
        return answer.json().get("organisationId")

    assert await came_to(trusting()) is None
    assert await came_to(trusting(), organisation="other") == str(other.org_id)
    assert await came_to(trusting(), organisation=str(team.org_id)) == str(team.org_id)
    assert await came_to(trusting(oidc_organisation_claim="tenant"), tenant="acme") == str(team.org_id)
    fixed = trusting(oidc_organisation="acme")
    assert await came_to(fixed) == str(team.org_id)
    assert await came_to(fixed, organisation="other") == str(team.org_id)


async def test_an_invitation_elsewhere_changes_nothing_and_counts_where_it_is_all_there_is(
    trusting: Opened, issuer: Issuer, team: Team, gateway: Gateway
) -> None:
    web, other = trusting(), await make_team(gateway.engine, "other")
    for email in (ADA, "new@acme.example"):
        body = {"email": email, "role": "viewer"}
        assert (await web.post("/api/v1/users", json=body, headers=other.headers())).status_code == 201
    assert (await shown(web, issuer.token(ADA))).json()["organisationId"] == str(team.org_id)
    assert (await shown(web, issuer.token(ADA, organisation="other"))).json()["organisationId"] == str(other.org_id)
    new = await shown(web, issuer.token("new@acme.example"))
    assert new.json()["organisationId"] == str(other.org_id)


async def test_our_own_tokens_and_keys_are_good_beside_it(trusting: Opened, issuer: Issuer, team: Team) -> None:
    web = trusting()
    bearer = {"Authorization": f"Bearer {issuer.token(ADA)}"}
    session = await web.post("/api/v1/session", headers=bearer)
    web.cookies.clear()
    assert session.status_code == 201
    assert (await shown(web, session.json()["token"])).status_code == 200
    ends = datetime.fromisoformat(session.json()["expiresAt"])
    assert timedelta(minutes=55) < ends - clock.now() < timedelta(minutes=61)  # not the twelve hours of a password's
    assert (await web.get(ME, headers=team.headers())).status_code == 200
    made = await web.post("/api/v1/api-keys", json={"name": "mine", "role": "admin"}, headers=bearer)
    assert made.status_code == 201


async def test_without_an_issuer_no_such_token_is_good(web: httpx2.AsyncClient, issuer: Issuer, team: Team) -> None:
    assert (await shown(web, issuer.token(ADA))).status_code == 401


async def test_a_file_of_keys_is_read_again_when_it_changes(
    trusting: Opened, issuer: Issuer, jwks: Path, team: Team
) -> None:
    web = trusting()
    old = issuer.token(ADA)
    assert (await shown(web, old)).status_code == 200
    issuer.add("k2")
    new = issuer.token(ADA, "k2")
    assert (await shown(web, new)).status_code == 401
    show(jwks, issuer.jwks)
    assert (await shown(web, new)).status_code == 200
    issuer.retire("k1")
    show(jwks, issuer.jwks)
    assert (await shown(web, issuer.token(ADA))).status_code == 200
    show(jwks, b"{ half a fi")
    assert (await shown(web, issuer.token(ADA, nonce="1"))).status_code == 200


async def test_keys_that_cannot_be_had_are_our_fault_and_not_the_tokens(
    trusting: Opened, issuer: Issuer, team: Team, tmp_path: Path
) -> None:
    answer = await shown(trusting(oidc_jwks=str(tmp_path / "nothing.json")), issuer.token(ADA))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_keys_come_from_an_address(trusting: Opened, issuer: Issuer, team: Team) -> None:
    async with WebServer.opened() as server:
        server.replies["/jwks"] = lambda seen: Reply(body=issuer.jwks)
        address = f"{server.url}/jwks"
        web = trusting(oidc_jwks=address, oidc_private=True)
        assert (await shown(web, issuer.token(ADA))).status_code == 200
        assert (await shown(web, issuer.token(ADA, nonce="1"))).status_code == 200
        assert len(server.seen) == 1


async def test_an_address_of_keys_is_public_unless_it_is_said_otherwise() -> None:
    with pytest.raises(EgressRefused):
        await fetch("https://127.0.0.1:1/jwks", PUBLIC)


async def test_a_document_of_keys_has_an_end() -> None:
    async with WebServer.opened() as server:
        server.replies["/jwks"] = Reply(body=b" " * 1_100_000)
        with pytest.raises(ValueError, match="more than"):
            await fetch(f"{server.url}/jwks", Policy.parse("loopback"))


class Shelf:
    """An address whose answer and whose clock are the test's."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer, self.now, self.asked, self.away = issuer, 1_000.0, 0, False
        self.source = KeysFromAddress(self._answer, lambda: self.now)

    async def _answer(self) -> bytes:
        self.asked += 1
        if self.away:
            raise OSError("away")
        return self.issuer.jwks

    async def ids(self, wanted: str) -> set[str | None]:
        return set(await self.source.keys(wanted)) - {None}


async def test_keys_are_asked_for_again_when_one_is_unknown_but_not_all_the_time(issuer: Issuer) -> None:
    shelf = Shelf(issuer)
    assert await shelf.ids("k1") == {"k1"}
    issuer.add("k2")
    assert await shelf.ids("k2") == {"k1"}
    shelf.now += 10
    assert await shelf.ids("k2") == {"k1", "k2"}
    for _ in range(100):
        await shelf.ids("k9")
    assert shelf.asked == 2


async def test_a_key_that_was_taken_away_is_gone_within_five_minutes(issuer: Issuer) -> None:
    shelf = Shelf(issuer)
    await shelf.ids("k1")
    issuer.add("k2")
    issuer.retire("k1")
    shelf.now += 299
    assert await shelf.ids("k1") == {"k1"}
    shelf.now += 1
    assert await shelf.ids("k1") == {"k2"}


async def test_an_issuer_that_is_away_takes_nothing_with_it(issuer: Issuer) -> None:
    shelf = Shelf(issuer)
    shelf.away = True
    with pytest.raises(NoKeys):
        await shelf.ids("k1")
    shelf.away, shelf.now = False, shelf.now + 10
    assert await shelf.ids("k1") == {"k1"}
    shelf.away, shelf.now = True, shelf.now + 1_000
    assert await shelf.ids("k1") == {"k1"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"oidc_audience": ""}, "needs VAI_OIDC_AUDIENCE"),
        ({"oidc_audience": " ,"}, "needs VAI_OIDC_AUDIENCE"),
        ({"oidc_jwks": ""}, "VAI_OIDC_JWKS"),
        ({"oidc_jwks": "http://issuer.example.com/jwks"}, "must be https"),
        ({"oidc_issuer": "vai"}, "cannot be `vai`"),
    ],
)
def test_half_a_setting_stops_the_boot(settings: Settings, changes: dict[str, str], message: str) -> None:
    good = {"oidc_issuer": "https://issuer.example.com", "oidc_audience": "us", "oidc_jwks": "/etc/jwks.json"}
    Settings(**{**settings.model_dump(), **good})
    with pytest.raises(ValidationError, match=message):
        Settings(**{**settings.model_dump(), **good, **changes})

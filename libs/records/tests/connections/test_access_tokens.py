"""Access tokens: got by RFC 6749 from a server that oauthlib makes, shared, renewed by one at a time, written back."""

import asyncio
import base64
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import pytest

from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.ids import uuid7
from vai_records.connections.access_tokens import AccessTokens
from vai_records.connections.credential_checks import check_credentials
from vai_records.secrets.keys import Keyring
from vai_records.secrets.rotate import rotate
from vai_testkit.database import Database
from vai_testkit.servers.json_api import FakeApi, Say, serving
from vai_testkit.servers.oauth_server import OAuthServer

LOOPBACK = Policy.parse("loopback")
OLD, NEW = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("k0", "k1"))
RING = Keyring(OLD)
CLIENT = {"client_id": "the-client", "client_secret": "the secret, ä/+&"}

PAIR = f"{quote_plus(CLIENT['client_id'])}:{quote_plus(CLIENT['client_secret'])}"
BASIC = f"Basic {base64.b64encode(PAIR.encode()).decode()}"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake


@pytest.fixture
def vendor(api: FakeApi) -> OAuthServer:
    return OAuthServer(api)


class Shop:
    """One connection with OAuth 2, and as many processes as a test likes."""

    def __init__(self, database: Database, vendor: OAuthServer, **auth: Any) -> None:
        self.database = database
        self.vendor = vendor
        self.org_id, self.id = uuid7(), uuid7()
        self.auth = {"type": "oauth2_client_credentials", "access_token_url": vendor.url, **auth}

    async def opened(self, **credentials: str) -> "Shop":
        self.owner = await self.database.owner()
        self.pool = await self.database.pool("extract-worker")
        known = CLIENT | credentials
        check_credentials(known, {"auth": self.auth})
        await self.owner.execute(
            "INSERT INTO connections (id, org_id, name, slug, provider, config, credentials)"
            " VALUES ($1, $2, 'Shop', $3, 'rest_api', $4, $5)",
            *(self.id, self.org_id, str(self.id), {"auth": self.auth}, self.sealed(known)),
        )
        return self

    def sealed(self, value: Any, ring: Keyring = RING) -> bytes:
        return ring.encrypt_json(value, self.org_id, self.id)

    def process(self, policy: Policy = LOOPBACK, ring: Keyring = RING) -> AccessTokens:
        return AccessTokens(self.pool, ring, policy, self.org_id, self.id)

    async def stored(self, ring: Keyring = RING) -> dict[str, Any]:
        sealed = await self.owner.fetchval("SELECT credentials FROM connections WHERE id = $1", self.id)
        found: dict[str, Any] = ring.decrypt_json(sealed, self.org_id, self.id)
        return found

    async def fails(self, policy: Policy = LOOPBACK) -> RunError:
        with pytest.raises(RunError) as raised:
            await self.process(policy).current()
        return raised.value


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_client_credentials_bring_a_token_that_the_vendor_knows(
    database: Database, vendor: OAuthServer, method: str
) -> None:
    shop = await Shop(database, vendor, token_endpoint_auth_method=method, scope="read write", audience="api").opened()
    token = await shop.process().current()
    assert token.text in vendor.given
    assert token.renew_at == pytest.approx(token.ends_at - 60)
    (form,) = vendor.asked
    assert (form["scope"], form["audience"], form["grant_type"]) == ("read write", "api", "client_credentials")
    assert ("client_secret" in form) is (method == "client_secret_post")


async def test_many_processes_at_once_ask_the_vendor_once(database: Database, vendor: OAuthServer) -> None:
    shop = await Shop(database, vendor).opened()
    tokens = await asyncio.gather(*(shop.process().current() for _ in range(12)))
    assert len({token.text for token in tokens}) == len(vendor.asked) == 1
    sealed = await shop.owner.fetchval("SELECT token FROM access_tokens WHERE id = $1", shop.id)
    assert tokens[0].text.encode() not in sealed


async def test_a_refused_token_is_renewed_once_whoever_says_so(database: Database, vendor: OAuthServer) -> None:
    shop = await Shop(database, vendor).opened()
    old = await shop.process().current()
    vendor.revoke()
    tokens = await asyncio.gather(*(shop.process().current(old.text) for _ in range(8)))
    assert {token.text for token in tokens} == set(vendor.given)
    assert len(vendor.asked) == 2


async def test_a_token_that_ends_soon_is_renewed_before(database: Database, vendor: OAuthServer) -> None:
    vendor.seconds = 1
    shop = await Shop(database, vendor).opened()
    first = await shop.process().current()
    await shop.owner.execute("UPDATE access_tokens SET token = $2 WHERE id = $1", shop.id, shop.sealed({
        "of": RING.decrypt_json(
            await shop.owner.fetchval("SELECT token FROM access_tokens WHERE id = $1", shop.id), shop.org_id, shop.id
        )["of"], "text": first.text, "renew_at": first.renew_at - 5, "ends_at": first.ends_at + 600,
    }))  # fmt: skip
    vendor.says = Say({"error": "temporarily_unavailable"}, 503)
    assert (await shop.process().current()).text == first.text, "it is still good, and the vendor is in trouble"
    vendor.says = None
    assert (await shop.process().current()).text != first.text


async def test_a_rotated_refresh_token_is_written_back(database: Database, vendor: OAuthServer) -> None:
    vendor.rotates, vendor.refresh_tokens = True, {"first-refresh-token"}
    shop = await Shop(database, vendor, type="oauth2_refresh_token").opened(refresh_token="first-refresh-token")
    seen = set()
    for _ in range(3):
        seen.add((await shop.process().current(anew=True)).text)
        assert {(await shop.stored())["refresh_token"]} == vendor.refresh_tokens
    assert len(seen) == 3
    assert (await shop.process().current()).text in seen, (
        "the token that came with the rotation is the one that is kept"
    )
    assert (await shop.stored())["client_secret"] == CLIENT["client_secret"]


async def test_credentials_that_somebody_gave_meanwhile_are_not_overwritten(
    database: Database, vendor: OAuthServer
) -> None:
    vendor.rotates, vendor.refresh_tokens = True, {"first-refresh-token", "given-by-hand"}
    shop = await Shop(database, vendor, type="oauth2_refresh_token").opened(refresh_token="first-refresh-token")
    process = shop.process()
    found = await process._found()
    other = CLIENT | {"refresh_token": "given-by-hand"}
    await shop.owner.execute("UPDATE connections SET credentials = $2 WHERE id = $1", shop.id, shop.sealed(other))
    async with shop.pool.acquire() as conn:
        await process._rotate(conn, found, "rotated")
    assert (await shop.stored())["refresh_token"] == "given-by-hand"


async def test_keys_that_change_meanwhile_do_not_lose_a_rotated_refresh_token(
    database: Database, vendor: OAuthServer
) -> None:
    vendor.rotates, vendor.refresh_tokens = True, {"first-refresh-token"}
    shop = await Shop(database, vendor, type="oauth2_refresh_token").opened(refresh_token="first-refresh-token")
    both = Keyring(f"{NEW},{OLD}")
    process = shop.process(ring=both)
    found = await process._found()
    await process.current()
    await rotate(shop.owner, both)
    assert (await shop.process(ring=Keyring(NEW)).current()).text in vendor.given
    later = await process._found()
    async with shop.pool.acquire() as conn:
        await process._rotate(conn, later, "third")
        await process._rotate(conn, found, "late")
    assert (await shop.stored(both))["refresh_token"] == "third"


async def test_other_credentials_need_another_token(database: Database, vendor: OAuthServer) -> None:
    vendor.clients["second"] = "s2"
    shop = await Shop(database, vendor).opened()
    first = await shop.process().current()
    changed = shop.sealed({"client_id": "second", "client_secret": "s2"})
    await shop.owner.execute("UPDATE connections SET credentials = $2 WHERE id = $1", shop.id, changed)
    assert (await shop.process().current()).text != first.text


async def test_the_lease_of_a_process_that_died_is_taken_over(database: Database, vendor: OAuthServer) -> None:
    shop = await Shop(database, vendor).opened()
    await shop.owner.execute(
        "INSERT INTO access_tokens (id, org_id, renewing_by, renewing_until)"
        " VALUES ($1, $2, $3, clock_timestamp() + interval '0.3 s')",
        *(shop.id, shop.org_id, uuid7()),
    )
    assert (await shop.process().current()).text in vendor.given


@pytest.mark.parametrize(
    ("says", "code", "retryable", "word"),
    [
        (
            Say({"error": "invalid_client", "error_description": "no: the secret, ä/+&"}, 401),
            "AUTH_ERROR",
            False,
            "client",
        ),
        (Say({"error": "invalid_client", "error_description": f"bad: {BASIC}"}, 400), "AUTH_ERROR", False, "bad: "),
        (Say({"error": "invalid_grant"}, 400), "AUTH_ERROR", False, "connect again"),
        (Say({"error": "invalid_scope"}, 400), "AUTH_ERROR", False, "scope"),
        (Say(raw=b"<html>", status=400), "AUTH_ERROR", False, "credentials"),
        (Say({"error": "slow_down"}, 429), "RATE_LIMITED", True, "too many"),
        (Say({}, 503), "CONNECTION_ERROR", True, "it fails"),
        (Say({"token": 1}), "AUTH_ERROR", False, "holds no access token"),
        (Say(raw=b"<html>"), "AUTH_ERROR", False, "it is not JSON"),
        (Say({"access_token": "a\r\nb"}), "AUTH_ERROR", False, "no usable access_token"),
        (Say(raw=b" " * 300_000), "CONNECTION_ERROR", True, "does not answer"),
        (Say(status=302, headers={"Location": "http://169.254.169.254/"}), "AUTH_ERROR", False, "redirects"),
    ],
)
async def test_what_a_token_endpoint_answers_is_told_without_its_secrets(
    database: Database, vendor: OAuthServer, says: Say, code: str, retryable: bool, word: str
) -> None:
    shop = await Shop(database, vendor).opened()
    vendor.says = says
    error = await shop.fails()
    assert (error.code, error.retryable) == (ErrorCode(code), retryable)
    assert word in error.message
    assert "the secret" not in str(error.as_json())
    assert BASIC.split()[1][:-8] not in str(error.as_json())
    assert await shop.owner.fetchval("SELECT renewing_by FROM access_tokens WHERE id = $1", shop.id) is None


async def test_tokens_are_got_at_permitted_addresses_only(database: Database, vendor: OAuthServer) -> None:
    shop = await Shop(database, vendor).opened()
    error = await shop.fails(PUBLIC)
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, False)
    assert vendor.asked == []


async def test_a_connection_that_was_deleted_has_no_token(database: Database, vendor: OAuthServer) -> None:
    shop = await Shop(database, vendor).opened()
    await shop.owner.execute("UPDATE connections SET deleted_at = now() WHERE id = $1", shop.id)
    assert isinstance(await shop.fails(), Permanent)


async def test_a_vendor_that_is_away_is_tried_later(database: Database, vendor: OAuthServer) -> None:
    vendor.api.paths.clear()
    shop = await Shop(database, vendor, access_token_url="http://127.0.0.1:9/token").opened()
    assert isinstance(await shop.fails(), Retryable)

"""Service accounts get their access tokens by signed assertions (RFC 7523), from a server that checks each."""

from collections.abc import Iterator
from math import lcm
from time import thread_time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.access_tokens import with_token
from vai_records.connections.credential_checks import check_credentials
from vai_records.connections.credentials import Unusable
from vai_records.connections.oauth import AccessToken, oauth_of
from vai_records.connections.providers import provider_config
from vai_records.connections.token_requests import ask
from vai_testkit.vendors.google_drive import Drive, google_drive

LOOPBACK = Policy.parse("loopback")
OTHER_KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1h\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def drive() -> Iterator[Drive]:
    with google_drive() as drive:
        yield drive


async def test_an_account_gets_a_token(drive: Drive) -> None:
    check_credentials(drive.credentials, drive.config)
    oauth = oauth_of(drive.credentials, drive.config)
    assert oauth is not None
    answer = await ask(oauth, "drive", LOOPBACK)
    assert answer.token.text in drive.tokens


@pytest.mark.parametrize("change", [{"client_email": "another@acme.iam.gserviceaccount.com"}, {"private_key": "own"}])
async def test_an_assertion_that_is_not_the_accounts_is_refused(drive: Drive, change: dict[str, str]) -> None:
    with google_drive() as another:
        known = drive.credentials | change
        known["private_key"] = another.credentials["private_key"] if "private_key" in change else known["private_key"]
        oauth = oauth_of(known, drive.config)
    assert oauth is not None
    with pytest.raises(Permanent, match=r"invalid_grant.*its private_key was revoked") as raised:
        await ask(oauth, "drive", LOOPBACK)
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert "refresh_token" not in raised.value.message


@pytest.mark.parametrize(
    ("known", "auth", "word"),
    [
        ({"private_key": None}, {}, "private_key"),
        ({"client_email": None}, {}, "client_email"),
        ({"private_key": "no key"}, {}, "PEM"),
        ({"private_key": OTHER_KEY}, {}, "RSA"),
        ({"client_secret": "s"}, {}, "client_secret is not used"),
        ({}, {"subject": 5}, "texts"),
        ({}, {"access_token_url": "ftp://x"}, "access_token_url"),
        ({}, {"access_token_request_data": {"assertion": "x"}}, "assertion"),
        ({}, {"type": "oauth2_client_credentials"}, "client_email is not used"),
    ],
)
def test_what_nobody_could_use_is_refused(drive: Drive, known: Any, auth: Any, word: str) -> None:
    config = drive.config | {"auth": drive.config["auth"] | auth}
    credentials = {name: value for name, value in (drive.credentials | known).items() if value is not None}
    with pytest.raises(Unusable, match=word) as raised:
        check_credentials(credentials, config)
    assert drive.credentials["private_key"][100:200] not in str(raised.value)


def made_key(p: int, q: int, **changed: int) -> str:
    """A key file of these two numbers, whether they are primes or not."""
    e, inner = 65_537, lcm(p - 1, q - 1)
    d = pow(e, -1, inner)
    numbers = {"p": p, "q": q, "d": d, "dmp1": d % (p - 1), "dmq1": d % (q - 1), "iqmp": pow(q, -1, p)} | changed
    private = RSAPrivateNumbers(**numbers, public_numbers=RSAPublicNumbers(e, p * q))
    key = private.private_key(unsafe_skip_rsa_key_validation=True)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(("first", "second"), [(4_423, 4_253), (9_941, 1_279), (2_203, 2_281), (607, 89)])
def test_a_key_that_is_made_to_be_slow_costs_nothing(drive: Drive, first: int, second: int) -> None:
    """Mersenne's primes: whether they are primes is asked for minutes."""
    credentials = drive.credentials | {"private_key": made_key(2**first - 1, 2**second - 1)}
    began = thread_time()
    with pytest.raises(Unusable, match="1,024 to 4,096 bits"):
        check_credentials(credentials, drive.config)
    assert thread_time() - began < 0.25


@pytest.mark.parametrize("changed", ["d", "dmp1", "dmq1", "iqmp"])
def test_a_key_whose_numbers_do_not_hang_together_is_none(drive: Drive, changed: str) -> None:
    check_credentials(drive.credentials | {"private_key": made_key(2**607 - 1, 2**521 - 1)}, drive.config)
    wrong = made_key(2**607 - 1, 2**521 - 1, **{changed: 7})
    with pytest.raises(Unusable, match="RSA key"):
        check_credentials(drive.credentials | {"private_key": wrong}, drive.config)


def test_another_scope_or_subject_is_another_token(drive: Drive) -> None:
    found = set()
    for auth in ({}, {"subject": "ann@acme.com"}, {"scope": "https://www.googleapis.com/auth/drive.readonly"}):
        oauth = oauth_of(drive.credentials, drive.config | {"auth": drive.config["auth"] | auth})
        assert oauth is not None
        found.add(oauth.fingerprint)
    assert len(found) == 3


def test_the_key_goes_to_nobody_who_uses_the_token(drive: Drive) -> None:
    assert with_token(drive.credentials, AccessToken("t", 1.0, 2.0)).keys() == {"client_email", "access_token"}


def test_the_provider_knows_where_tokens_are() -> None:
    config = provider_config("google_drive", {})
    assert (config["base_url"], config["auth"]["type"]) == ("https://www.googleapis.com", "oauth2_jwt_bearer")

"""Envelopes that open only where they belong, and definitions whose secrets are never shown."""

import base64
from typing import Any
from uuid import UUID

import pytest

from vai_records.secrets.keys import Keyring, SecretError
from vai_records.secrets.secret_names import looks_secret
from vai_records.validation.masking import MARKER, SecretMissing, masked, reunite

ORG, OTHER_ORG = UUID(int=1), UUID(int=2)
THING, OTHER_THING = UUID(int=3), UUID(int=4)
OLD, NEW = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))


def request(**changes: Any) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": "https://api.example.com/orders",
        "headers": {"Authorization": "Bearer abcdef", "Accept": "application/json"},
        **changes,
    }


def test_what_is_encrypted_opens_again() -> None:
    ring = Keyring(f"k1:{NEW}")
    assert ring.decrypt(ring.encrypt(b"plain", ORG, THING), ORG, THING) == b"plain"
    assert ring.decrypt_json(ring.encrypt_json({"token": "ü", "n": 1}, ORG, THING), ORG, THING) == {
        "token": "ü",
        "n": 1,
    }


def test_the_same_secret_never_looks_the_same() -> None:
    ring = Keyring(f"k1:{NEW}")
    assert ring.encrypt(b"plain", ORG, THING) != ring.encrypt(b"plain", ORG, THING)
    assert b"plain" not in ring.encrypt(b"plain", ORG, THING)


@pytest.mark.parametrize(("org_id", "object_id"), [(OTHER_ORG, THING), (ORG, OTHER_THING), (THING, ORG)])
def test_an_envelope_does_not_open_for_anything_else(org_id: UUID, object_id: UUID) -> None:
    ring = Keyring(f"k1:{NEW}")
    with pytest.raises(SecretError, match="belongs to another object"):
        ring.decrypt(ring.encrypt(b"plain", ORG, THING), org_id, object_id)


def test_an_envelope_with_one_changed_bit_does_not_open() -> None:
    ring = Keyring(f"k1:{NEW}")
    envelope = ring.encrypt(b"plain", ORG, THING)
    for place in range(len(envelope)):
        changed = bytearray(envelope)
        changed[place] ^= 1
        with pytest.raises(SecretError):
            ring.decrypt(bytes(changed), ORG, THING)


@pytest.mark.parametrize("envelope", [b"", b"\x01", b"\x01\x02k1", b"\x01\xffk1" + bytes(20), bytes(40)])
def test_what_is_no_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(SecretError):
        Keyring(f"k1:{NEW}").decrypt(envelope, ORG, THING)


def test_a_new_key_comes_first_and_the_old_one_still_opens() -> None:
    before = Keyring(f"k0:{OLD}").encrypt(b"plain", ORG, THING)
    rotated = Keyring(f"k1:{NEW},k0:{OLD}")
    assert rotated.decrypt(before, ORG, THING) == b"plain"
    after = rotated.encrypt(b"plain", ORG, THING)
    assert Keyring(f"k1:{NEW}").decrypt(after, ORG, THING) == b"plain"


def test_a_key_that_is_gone_is_named() -> None:
    envelope = Keyring(f"k0:{OLD}").encrypt(b"plain", ORG, THING)
    with pytest.raises(SecretError, match="'k0' is missing in VAI_ENCRYPTION_KEYS"):
        Keyring(f"k1:{NEW}").decrypt(envelope, ORG, THING)


def test_another_key_of_the_same_name_does_not_open_it() -> None:
    envelope = Keyring(f"k1:{OLD}").encrypt(b"plain", ORG, THING)
    with pytest.raises(SecretError, match="its key is another one"):
        Keyring(f"k1:{NEW}").decrypt(envelope, ORG, THING)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "number 1 is not of the form"),
        (NEW, "number 1 is not of the form"),
        (f"k1:{NEW},", "number 2 is not of the form"),
        (f"k 1:{NEW}", "number 1 is not of the form"),
        ("k1:not base64!", "'k1' is not base64"),
        ("k1:YWJj", "'k1' has 3 bytes, 32 are needed"),
        (f"k1:{NEW},k1:{OLD}", "the same id"),
    ],
)
def test_keys_that_are_none_are_refused_without_being_shown(setting: str, message: str) -> None:
    with pytest.raises(SecretError, match=message) as refused:
        Keyring(setting)
    assert NEW not in str(refused.value)


def test_a_keyring_does_not_show_its_keys() -> None:
    assert repr(Keyring(f"k1:{NEW}, k0:{OLD}")) == "Keyring(k1, k0)"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "PROXY-AUTHORIZATION",
        "cookie",
        "Set-Cookie",
        "X-Api-Key",
        "x-api-key",
        "apikey",
        "APIKey",
        "api_key",
        "key",
        "DD-APPLICATION-KEY",
        "Ocp-Apim-Subscription-Key",
        "X-Shopify-Access-Token",
        "X-Amz-Security-Token",
        "accessToken",
        "access_token",
        "accesstoken",
        "client_secret",
        "clientSecret",
        "client_assertion",
        "SAMLAssertion",
        "hmac",
        "password",
        "userPassword",
        "X-Auth",
        "X-Hub-Signature-256",
        "sig",
    ],
)
def test_a_name_that_says_so_is_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Content-Type",
        "Idempotency-Key",
        "sort_key",
        "Keyword",
        "author",
        "X-Request-Id",
        "max_tokens",
        "page",
        "signed_at",
        "WWW-Authenticate",
        "",
    ],
)
def test_an_ordinary_name_is_not_secret(name: str) -> None:
    assert not looks_secret(name)


def test_secrets_are_taken_out_of_a_definition_and_come_back() -> None:
    definition = request(query={"page": 1, "api_key": "q"}, form={"client_secret": "f", "grant": "x"})
    shown, secrets = masked(definition)
    assert shown["headers"] == {"Authorization": MARKER, "Accept": "application/json"}
    assert shown["query"] == {"page": 1, "api_key": MARKER}
    assert shown["form"] == {"client_secret": MARKER, "grant": "x"}
    assert secrets["values"] == {
        "headers": {"Authorization": "Bearer abcdef"},
        "query": {"api_key": "q"},
        "form": {"client_secret": "f"},
    }
    assert reunite(shown, secrets) == definition


def test_a_definition_without_secrets_stays_as_it_is() -> None:
    definition = {"method": "GET", "url": "https://api.example.com/", "headers": {"Accept": "*/*"}}
    assert masked(definition) == (definition, None)
    assert reunite(definition, None) == definition


def test_the_given_definition_is_not_changed() -> None:
    definition = request()
    masked(definition)
    assert definition == request()


def test_a_marker_keeps_the_stored_value_and_a_new_value_replaces_it() -> None:
    shown, stored = masked(request(headers={"Authorization": "Bearer abcdef", "X-Api-Key": "old"}))
    changed = {**shown, "headers": {**shown["headers"], "X-Api-Key": "new"}}
    again, secrets = masked(changed, stored)
    assert again == shown
    assert secrets["values"]["headers"] == {"Authorization": "Bearer abcdef", "X-Api-Key": "new"}


def test_a_header_that_is_gone_takes_its_secret_along() -> None:
    shown, stored = masked(request())
    assert masked({**shown, "headers": {}}, stored)[1] is None


def test_a_marker_without_a_stored_value_names_its_field() -> None:
    for secrets in (None, {"target": None, "values": {}}):
        with pytest.raises(SecretMissing, match="no value is kept") as missing:
            reunite(request(headers={"Authorization": MARKER}), secrets)
        assert missing.value.field == ("headers", "Authorization")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/orders",
        "https://api.example.com:8443/orders",
        "http://api.example.com/orders",
        "https://api.example.com.evil.example/",
        "https://api.example.com@evil.example/",
        "/orders",
        None,
    ],
)
def test_a_kept_secret_is_not_sent_to_another_host(url: str | None) -> None:
    shown, stored = masked(request())
    with pytest.raises(SecretMissing, match="another host or connection"):
        masked({**shown, "url": url, "connection": "mine"}, stored)
    with pytest.raises(SecretMissing, match="another host or connection"):
        reunite({**shown, "url": url, "connection": "mine"}, stored)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/refunds?x=1", "https://API.example.com:443/", "HTTPS://api.example.com"]
)
def test_a_kept_secret_is_for_every_path_of_its_host(url: str) -> None:
    shown, stored = masked(request())
    assert reunite({**shown, "url": url}, stored)["headers"]["Authorization"] == "Bearer abcdef"


def test_a_secret_for_a_connection_does_not_follow_to_another() -> None:
    shown, stored = masked(request(url="/orders", connection={"slug": "shop"}))
    assert reunite({**shown, "url": "/refunds"}, stored)["headers"]["Authorization"] == "Bearer abcdef"
    for change in ({"connection": {"slug": "mine"}}, {"url": "https://evil.example/"}, {"connection": None}):
        with pytest.raises(SecretMissing):
            reunite({**shown, **change}, stored)

"""What proves that a webhook comes from somebody who knows its secret (decision 42)."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import Headers

from vai_api_gateway.webhooks.signatures import TOLERANCE, Message, Mismatch, Stale, Unproven, Unsigned, scheme_of
from vai_testkit import signing
from vai_testkit.signing import Sign

NOW = datetime(2026, 1, 22, 14, 30, tzinfo=UTC)
KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(bytes(24)).decode()
BODY = '{"order": "Zürich", "total": 120.5}'.encode()


def standard(
    secret: str | bytes = SECRET, body: bytes = BODY, at: datetime = NOW, message_id: str = "msg_1"
) -> dict[str, str]:
    return signing.standard(secret, body, message_id, at)


def shopify(secret: str = SECRET, body: bytes = BODY, **more: str) -> dict[str, str]:
    return signing.shopify(secret, body, **more)


def github(secret: str = SECRET, body: bytes = BODY, **more: str) -> dict[str, str]:
    return signing.github(secret, body, **more)


def verified(headers: Mapping[str, str], secret: str = SECRET, body: bytes = BODY, now: datetime = NOW) -> str:
    found = Headers(headers)
    return scheme_of(found)(secret, Message(found, body), now)


@pytest.mark.parametrize(
    ("headers", "message_id"), [(standard(), "msg_1"), (shopify(), "b54557e4"), (github(), "72d3162e-cc78")]
)
def test_a_good_signature_gives_the_messages_id(headers: dict[str, str], message_id: str) -> None:
    assert verified(headers) == message_id


@pytest.mark.parametrize("headers", [standard(), shopify(), github()])
@pytest.mark.parametrize("spelled", [str.upper, str.lower, str.title])
def test_headers_are_found_in_any_case(headers: dict[str, str], spelled: Callable[[str], str]) -> None:
    assert verified({spelled(name): value for name, value in headers.items()})


@pytest.mark.parametrize("headers", [standard(), shopify(), github()])
@pytest.mark.parametrize(("secret", "body"), [(OTHER, BODY), (SECRET, BODY + b" "), (SECRET, b""), (SECRET, b"\xff")])
def test_another_secret_or_body_does_not_match(headers: dict[str, str], secret: str, body: bytes) -> None:
    with pytest.raises(Mismatch, match=r"^the signature does not match$"):
        verified(headers, secret, body)


@pytest.mark.parametrize("headers", [standard(body=b""), shopify(body=b""), github(body=b"")])
def test_an_empty_body_can_be_signed(headers: dict[str, str]) -> None:
    assert verified(headers, body=b"")


# Standard Webhooks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [timedelta(0), TOLERANCE, -TOLERANCE])
def test_a_time_near_now_is_good(late: timedelta) -> None:
    assert verified(standard(at=NOW + late)) == "msg_1"


@pytest.mark.parametrize("late", [TOLERANCE + timedelta(seconds=1), timedelta(days=400)])
def test_a_time_far_from_now_is_stale_either_way(late: timedelta) -> None:
    for at in (NOW - late, NOW + late):
        with pytest.raises(
            Stale, match=r"^stale: webhook-timestamp is not within five minutes of now, in Unix seconds$"
        ):
            verified(standard(at=at))


@pytest.mark.parametrize("text", ["now", "-1", "1e9", "nan", "inf", " ", "9" * 400, "1769092200.5", "²³", "0x10"])
def test_a_time_that_is_none_is_stale(text: str) -> None:
    with pytest.raises(Stale):
        verified(standard() | {"webhook-timestamp": text})


def test_the_time_is_signed() -> None:
    moved = standard() | {"webhook-timestamp": str(int(NOW.timestamp()) + 60)}
    with pytest.raises(Mismatch):
        verified(moved)


def test_the_id_is_signed() -> None:
    with pytest.raises(Mismatch):
        verified(standard() | {"webhook-id": "msg_2"})


def test_one_good_signature_among_several_is_enough() -> None:
    old, new = standard(OTHER)["webhook-signature"], standard()["webhook-signature"]
    for shown in (f"{old} {new}", f"{new} {old}", f"v1a,abc {new}", f"  {old}   {new} ", f"v1,!!! v1 , x,y,z {new}"):
        assert verified(standard() | {"webhook-signature": shown}) == "msg_1"


@pytest.mark.parametrize(
    "shown",
    ["v1,", "v1", ",", "v1,####", "x", "v1a,{}", "v2,{}", "{}", "v1,{}A", "v1,é", "v1," + "A" * 9_000],
)
def test_what_is_no_signature_does_not_match(shown: str) -> None:
    good = standard()["webhook-signature"].partition(",")[2]
    with pytest.raises(Mismatch):
        verified(standard() | {"webhook-signature": shown.format(good)})


def test_a_signature_may_be_spelled_in_any_base64() -> None:
    for number in range(20):
        headers = standard(message_id=f"msg_{number}")
        text = headers["webhook-signature"].partition(",")[2]
        for spelled in (text, text.rstrip("="), f"{text}==", text.translate(str.maketrans("+/", "-_"))):
            assert verified(headers | {"webhook-signature": f"v1,{spelled}"})


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("empty", [True, False])
def test_each_header_is_needed(missing: str, empty: bool) -> None:
    headers = standard()
    if empty:
        headers[missing] = ""
    else:
        del headers[missing]
    advice = "send webhook-id" if missing == "webhook-signature" else "webhook-id and webhook-timestamp are signed, too"
    with pytest.raises(Unsigned, match=f"^unsigned: {advice}"):
        verified(headers)


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (SECRET, KEY),
        (SECRET.removeprefix("whsec_"), KEY),
        ("whsec_" + base64.b64encode(bytes(range(25))).decode().rstrip("="), bytes(range(25))),
        ("whsec_your_secret_here", b"your_secret_here"),
        ("whsec_...", b"..."),
        ("whsec_Zürich", "Zürich".encode()),
        ("whsec_a b=c", b"a b=c"),
        ("whsec_abcde", b"abcde"),  # five letters are no base64
    ],
)
def test_the_key_is_the_base64_behind_whsec_or_else_the_text(secret: str, key: bytes) -> None:
    assert verified(standard(key), secret) == "msg_1"


def test_nobody_can_sign_with_no_key() -> None:
    with pytest.raises(Mismatch, match="the signature does not match"):
        verified(standard(), "whsec_")


# Shopify and GitHub ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [signing.shopify, signing.github])
def test_the_vendors_use_the_secrets_whole_text(sign: Sign) -> None:
    for secret in (SECRET, "hush hush", "Zürich-Zürich"):
        assert verified(sign(secret, BODY), secret)


@pytest.mark.parametrize("sign", [signing.shopify, signing.github])
def test_the_vendors_sign_no_time(sign: Sign) -> None:
    assert verified(sign(SECRET, BODY), now=NOW + timedelta(days=400))


@pytest.mark.parametrize(
    ("sign", "header"),
    [(signing.shopify, "X-Shopify-Webhook-Id"), (signing.github, "X-GitHub-Delivery")],
    ids=["shopify", "github"],
)
def test_without_an_id_equal_deliveries_are_one_message(sign: Sign, header: str) -> None:
    first, again = (verified(sign(SECRET, BODY, **{header: ""})) for _ in range(2))
    other = verified(sign(SECRET, b"{}", **{header: ""}), body=b"{}")
    assert first == again != other
    assert first.startswith("sha256-")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Shopify-Hmac-Sha256": ""},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature": "sha1=0123"},
        {"X-API-Key": "vai_key"},
        {"Authorization": "Bearer x"},
        {},
    ],
)
def test_what_has_no_signature_is_unsigned(headers: dict[str, str]) -> None:
    with pytest.raises(Unsigned, match=r"^unsigned: send webhook-id"):
        verified(headers)


def test_a_signature_in_another_spelling_is_the_same() -> None:
    mac = github()["X-Hub-Signature-256"].removeprefix("sha256=")
    assert verified(github() | {"X-Hub-Signature-256": f" sha256={mac.upper()} "})
    for shown in (mac, f"sha1={mac}", f"sha256={mac}0", f"sha256={mac[:-1]}", "sha256=", "=", "sha256=é"):
        with pytest.raises(Mismatch):
            verified(github() | {"X-Hub-Signature-256": shown})
    text = shopify()["X-Shopify-Hmac-Sha256"]
    assert verified(shopify() | {"X-Shopify-Hmac-Sha256": text.rstrip("=")})


def test_a_bad_standard_signature_is_not_mended_by_another_scheme() -> None:
    for good in (shopify(), github()):
        with pytest.raises(Mismatch):
            verified(good | standard(OTHER))


def test_a_signature_of_one_scheme_is_none_of_another() -> None:
    one = standard()["webhook-signature"].partition(",")[2]
    with pytest.raises(Mismatch):
        verified({"X-Shopify-Hmac-Sha256": one})
    with pytest.raises(Mismatch):
        verified(standard() | {"webhook-signature": f"v1,{shopify()['X-Shopify-Hmac-Sha256']}"})


@pytest.mark.parametrize("message_id", ["x" * 201, "a b", "msg\x7f", "ÿ"])
def test_an_id_that_is_long_or_odd_is_kept_as_its_hash(message_id: str) -> None:
    assert verified(github(**{"X-GitHub-Delivery": message_id})).startswith("sha256-")


def test_no_answer_says_more_than_three_words_do() -> None:
    assert {error.word for error in Unproven.__subclasses__()} == {"unsigned", "stale", "signature_mismatch"}

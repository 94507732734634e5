"""Write-only values are found where people put them, kept, and put back; nothing else is touched."""

import base64
import re
from itertools import cycle, product
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

import orjson
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.oauth import METHODS, oauth_of
from vai_records.connections.token_requests import hidden_of
from vai_records.secrets.hiding import HIDDEN, Hidden, HiddenStream, shortened
from vai_records.secrets.secret_names import has_secret_form, secret_in_text
from vai_records.validation.masking import MARKER, SecretMissing, masked, reunite, secret_texts_of, tidied

CANARY = "c4nary-Value-1.2"
SPECIAL = "c4nary-Value/1+2"
URL = "https://api.example.com/p"


def mark(value: Any) -> dict[str, Any]:
    return {"kind": "secret", "value": value}


PLACES: list[dict[str, Any]] = [
    {"url": URL, "headers": {"PRIVATE-TOKEN": CANARY}},
    {"url": URL, "headers": {"X-Shopify-Access-Token": CANARY}},
    {"url": URL, "headers": {"X-Team-Pass": CANARY}},
    {"url": URL, "headers": {"X-Hook": f"Bearer {CANARY}"}},
    {"url": URL, "headers": {"X-Hook": mark(CANARY)}},
    {"url": URL, "headers": {"Referer": f"https://h.example/?sig={CANARY}"}},
    {"url": URL, "query": {"token": CANARY}},
    {"url": URL, "query": {"q": mark([CANARY, "b"])}},
    {"url": URL, "query": {"sig": [CANARY]}},
    {"url": URL, "form": {"client_secret": CANARY}},
    {"url": URL, "form": {"pin": mark(CANARY)}},
    {"url": URL, "body": {"password": CANARY}},
    {"url": URL, "body": {"a": [{"b": {"apiKey": CANARY}}]}},
    {"url": URL, "body": {"credentials": {"user": "u", "value": [CANARY]}}},
    {"url": URL, "body": {"a": [1, mark(CANARY)], "b": mark({"deep": CANARY})}},
    {"url": URL, "body": mark(CANARY)},
    {"url": URL, "body": [f"Bearer {CANARY}"]},
    {"url": URL, "body": {"callback": f"https://u:{CANARY}@h.example/"}},
    {"url": URL, "body_text": mark(CANARY)},
    {"url": mark(f"{URL}/{CANARY}")},
    {"url": mark(f"{URL}?room={CANARY}")},
    {"url": mark(f"/hooks/{CANARY}"), "connection": "chat"},
    {"url": f"https://hooks.slack.com/services/T0/B0/{CANARY}"},
    {"url": f"https://discord.com/api/v10/webhooks/12/{CANARY}?wait=true", "body": {"content": "x"}},
    {"url": f"https://api.telegram.org/bot12:{CANARY}/sendMessage"},
    {"url": f"https://acme.webhook.office.com/webhookb2/{CANARY}"},
    {"url": f"{URL}?token={CANARY}"},
    {"url": f"{URL}?a=1&api_key={CANARY}&b=2"},
    {"url": f"{URL}?q=%42earer%20{CANARY}"},
    {"url": f"{URL}#access_token={CANARY}"},
    {"url": f"{URL}?next=https%3A%2F%2Fe.example%2F%3Ftoken%3D{CANARY}"},
    {"url": f"{URL}?next=https%3A%2F%2Fu%3A{CANARY}%40e.example%2F"},
    {"url": f"{URL}?id=1;token={CANARY}"},
    {"url": f"{URL};jsessionid={CANARY}"},
    {"url": URL, "body": {"api_keys": [CANARY]}},
    {"url": URL, "body": {"refresh_tokens": {"a": CANARY}}},
    {"url": URL, "body": {"headers": [{"name": "Authorization", "value": CANARY}]}},
    {"url": URL, "body": [{"Key": "api_key", "Value": [CANARY]}, {"key": "a", "value": 1}]},
    {
        "source": "rest_api",
        "base_url": URL,
        "resources": [{"name": "a", "json": {"parameters": [{"header_name": "X-Api-Key", "value": CANARY}]}}],
    },
    {"url": URL, "headers": {"Fastly-Key": CANARY}},
    {"url": URL, "headers": {"X-Insert-Key": CANARY}},
    {"url": URL, "headers": {"GenieKey": CANARY}},
    {"url": f"https://u:{CANARY}@api.example.com/p"},
    {"url": f"/p?token={CANARY}", "connection": "shop"},
    {"source": "rest_api", "base_url": URL, "headers": {"PRIVATE-TOKEN": CANARY}},
    {"source": "rest_api", "base_url": URL, "params": {"token": CANARY}},
    {"source": "rest_api", "base_url": URL, "params": {"x": mark(CANARY)}},
    {"source": "rest_api", "base_url": f"{URL}?token={CANARY}"},
    {"source": "rest_api", "base_url": URL, "resources": [{"name": "a", "headers": {"X-K": mark(CANARY)}}]},
    {"source": "rest_api", "base_url": URL, "resources": ["x", {"name": "a", "params": {"sig": CANARY}}]},
    {"source": "rest_api", "base_url": URL, "resources": [{"name": "a", "path": f"a?x=1&key={CANARY}"}]},
]


@pytest.mark.parametrize("definition", PLACES, ids=str)
def test_what_is_secret_is_kept_and_comes_back(definition: dict[str, Any]) -> None:
    given = orjson.dumps(definition)
    shown, secrets = masked(definition)
    assert CANARY not in str(shown)
    assert orjson.dumps(definition) == given
    if "#" in str(definition.get("url")):
        assert secrets is None  # a fragment is sent to nobody
        return
    whole = reunite(shown, secrets)
    assert masked(whole) == (shown, secrets)
    assert masked(shown, secrets) == (shown, secrets)
    told, marked = secret_texts_of(whole)
    assert told or marked
    assert CANARY not in str(Hidden(told, marked).out_of({"echo": [f"x{CANARY}", str(told), str(marked)]}))


@pytest.mark.parametrize(
    "definition",
    [
        {"url": f"{URL}?page=1&sort_key=a#top", "headers": {"Accept": "*/*"}, "query": {"max_tokens": 5}},
        {"url": URL, "body": {"message": "the token = 5", "auth": True, "password": None, "token": "", "n": [1, 2.5]}},
        {"url": URL, "body": {"kind": "secret", "value": 1, "more": 2}},
        {"url": URL, "body": [{"name": "city", "value": "Ulm"}, {"name": "password", "label": "x"}, {"value": "a"}]},
        {"url": URL, "body": {"token": "$/steps/login/result/token", "password": "${/inputs/pw}"}},
        {"url": URL, "body_text": f"password={CANARY}"},
        {"url": "https://hooks.slack.com/services/$/inputs/channel"},
        {"url": "https://api.slack.com/methods"},
        {"source": "filesystem", "path": "s3://bucket/a*.csv", "resources": None},
        {"source": "sample", "resources": ["a", {"name": "b", "rows": 1}]},
        {"source": "rest_api", "base_url": URL, "resources": [{"name": "a", "path": "a?page=1"}]},
    ],
)
def test_what_is_plain_stays_as_it_is(definition: dict[str, Any]) -> None:
    assert masked(definition) == (definition, None)
    assert reunite(definition, None) == definition


def test_credentials_in_an_address_go_where_they_are_kept() -> None:
    definition = {"url": "https://u:p%40w@api.example.com/p?a=1&token=x&token=y%26#f", "query": {"b": 2}}
    assert tidied(definition) == {
        "url": "https://api.example.com/p?a=1#f",
        "query": {"token": ["x", "y&"], "b": 2},
        "headers": {"Authorization": "Basic dTpwQHc="},
    }


def test_what_stands_beside_an_address_counts_before_what_is_in_it() -> None:
    assert tidied({"url": f"{URL}?token=a", "query": {"token": "b"}}) == {"url": URL, "query": {"token": "b"}}


@pytest.mark.parametrize(
    "definition",
    [
        {"url": f"https://u:{CANARY}@api.example.com", "headers": {"authorization": "Bearer x"}},
        {"source": "rest_api", "resources": [f"items?token={CANARY}"]},
        {"source": "rest_api", "resources": [{"name": f"items?token={CANARY}"}]},
        {"url": URL, "body": {"deep": [MARKER]}},
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(definition: dict[str, Any]) -> None:
    with pytest.raises(SecretMissing) as refused:
        reunite(definition, None)
    assert CANARY not in str(refused.value)
    assert refused.value.field


@pytest.mark.parametrize("place", ["body", "resources"])
def test_a_kept_value_at_any_depth_is_for_its_host_alone(place: str) -> None:
    given = {"url": URL, "body": {"a": [mark("x")]}}
    if place == "resources":
        given = {"source": "rest_api", "base_url": URL, "resources": [{"name": "a", "params": {"k": mark("x")}}]}
    shown, secrets = masked(given)
    moved = {**shown, ("url" if place == "body" else "base_url"): "https://evil.example"}
    with pytest.raises(SecretMissing, match="another host"):
        reunite(moved, secrets)


def test_kept_values_of_resources_go_by_their_names() -> None:
    one, two = ({"name": name, "params": {"k": mark(name * 5)}} for name in "ab")
    shown, secrets = masked({"source": "rest_api", "base_url": URL, "resources": [one, two]})
    turned = {**shown, "resources": shown["resources"][::-1]}
    assert reunite(turned, secrets)["resources"] == [two, one]


@pytest.mark.parametrize(
    "echo",
    [
        SPECIAL,
        f"Bearer {SPECIAL}",
        "c4nary-Value%2F1%2B2",
        '{"a":"c4nary-Value\\/1+2"}',
        "YzRuYXJ5LVZhbHVlLzErMg==",
    ],
)
def test_an_echo_is_hidden_in_whatever_form_it_comes(echo: str) -> None:
    assert "[secret]" in Hidden([SPECIAL]).text(echo)


ECHOES = [
    (SPECIAL, "c4na"),
    (f"https://h.example/?k={quote(SPECIAL, safe='')}", "c4na"),
    (base64.b64encode(f"user:{SPECIAL}".encode()).decode(), "M0bmFye"),
    (f'{{"authorization": "Bearer {SPECIAL}"}}', "c4na"),
]


@pytest.mark.parametrize(("echo", "first"), ECHOES)
def test_where_a_text_was_cut_off_no_first_letters_of_a_secret_are_left(echo: str, first: str) -> None:
    hidden = Hidden([SPECIAL])
    for most in range(len(echo)):
        before = "x" * 20
        assert first not in hidden.cut((before + echo)[: 20 + most])
        error = Permanent(ErrorCode.DATA_ERROR, f"({shortened(before + echo, 21 + most)}) is wrong", {"body": "é"})
        assert first not in hidden.error(error).message
        raw = b"\xff" * 20 + echo.encode()[:most]
        assert first.encode() not in hidden.octets(raw, cut=True)


@pytest.mark.parametrize("text", ["c4nary", "it ends with c4n", "c4n…", "Value/1+2…", "", "…"])
def test_what_is_no_beginning_of_a_secret_stays(text: str) -> None:
    hidden = Hidden([SPECIAL])
    assert hidden.text(text) == text
    if not text.endswith("c4nary"):
        assert hidden.error(Permanent(ErrorCode.DATA_ERROR, text, {})).message == text


def test_only_what_is_too_long_is_shortened_and_it_says_so() -> None:
    assert [shortened("abcd", most) for most in (5, 4, 3)] == ["abcd", "abcd", "ab…"]
    assert Hidden(["abcdefgh"]).cut("xx abcdefg") == f"xx {HIDDEN}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("client_id", ["c", "id", "cid", "a/ä:"])
def test_whatever_a_vendor_echoes_of_a_request_for_a_token_holds_no_secret(method: str, client_id: str) -> None:
    secret = "Canary-S3cr3t/v+1"
    known = {"client_id": client_id, "client_secret": secret, "refresh_token": f"r{secret}"}
    auth = {"type": "oauth2_refresh_token", "access_token_url": URL, "token_endpoint_auth_method": method}
    oauth = oauth_of(known, {"auth": auth})
    assert oauth is not None
    headers, form = oauth.request()
    basic = headers.get("Authorization", "Basic ").removeprefix("Basic ")
    echoes = [str(headers), str(form), urlencode(form), basic, base64.b64decode(basic).decode()]
    echoes += [
        write(echo.encode()).decode() for echo in echoes for write in (base64.b64encode, base64.urlsafe_b64encode)
    ]
    for echo in [*echoes, str(form).lower(), str(form).upper()]:
        _holds_nothing_of(hidden_of(oauth, oauth.request()).text(echo), secret)


def _holds_nothing_of(text: str, secret: str) -> None:
    """Neither as it is nor in Base64, whatever stands around it."""
    read = [text, *(_decoded(part[start:]) for part in re.split(r"[^A-Za-z0-9+/_-]+", text) for start in range(4))]
    for each in (unquote_plus(one).lower() for one in read):
        assert "canary" not in each
        assert "s3cr3t" not in each


def _decoded(part: str) -> str:
    whole = part[: len(part) // 4 * 4]
    return base64.b64decode(whole.replace("-", "+").replace("_", "/")).decode("latin-1")


def test_short_values_are_hidden_where_somebody_marked_them() -> None:
    assert Hidden(["1234"]).text("pin 1234") == "pin 1234"
    assert Hidden([], ["1234"]).out_of({"pin": 1234, "text": "1234", "year": 12345}) == {
        "pin": "[secret]",
        "text": "[secret]",
        "year": 12345,
    }


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://u:p@h.example/x", "https://h.example/x"),
        ("https://h.example/?a=1&X-Amz-Signature=abc&b=2", "https://h.example/?a=1&X-Amz-Signature=[secret]&b=2"),
        ("https://h.example/#access_token=abc", "https://h.example/#access_token=[secret]"),
        ("https://h.example/@x?q=1", "https://h.example/@x?q=1"),
    ],
)
def test_an_address_is_shown_without_credentials(address: str, shown: str) -> None:
    assert Hidden(()).address(address) == shown


CODES: dict[str, list[Any]] = {
    "X-Otp": ["123456", 123456, "a1b2c3d4e5f6"],
    "pin": ["0815", "987654321012"],
    "userPin": [4711],
    "snowflake_pat": [CANARY, "eyJraWQiOiIxIn0"],
    "code": ["4/0AX4XfWh1c2d3e4f5", "SplxlOBeZQQYbYS6WxSbIA"],
    "auth_code": ["anything"],
    "mfa_code": ["a1b2c3d4e5f6g7"],
    "X-Csrf": ["anything"],
    "PGPASS": ["anything"],
}
PLAIN_CODES: dict[str, list[Any]] = {
    "country_code": ["DE", "USA"],
    "code": ["EUR", "404", 404, "not-found", "INVALID_ARGUMENT_ERROR"],
    "zip_code": ["94107", 94107],
    "pin": ["red", True, "12"],
    "pattern": ["a1b2c3d4e5f6"],
    "otp": ["yes", False],
    "spinning": ["123456"],
    "patience": ["a1b2c3d4e5f6"],
}


@pytest.mark.parametrize("place", ["headers", "query", "form"])
@pytest.mark.parametrize("name", CODES)
def test_a_name_that_may_be_a_credentials_is_one_where_its_value_looks_like_one(place: str, name: str) -> None:
    for value in CODES[name]:
        given = {"url": URL, place: {name: value}}
        shown, secrets = masked(given)
        assert shown[place] == {name: MARKER}
        assert secret_texts_of(reunite(shown, secrets)) in (([str(value)], []), ([], [str(value)]))


@pytest.mark.parametrize("place", ["headers", "query", "form"])
@pytest.mark.parametrize("name", PLAIN_CODES)
def test_where_its_value_does_not_it_stays_as_it_is(place: str, name: str) -> None:
    for value in PLAIN_CODES[name]:
        assert masked({"url": URL, place: {name: value}}) == ({"url": URL, place: {name: value}}, None)


@pytest.mark.parametrize("name", ["code", "otp", "pat", "pin"])
def test_a_code_in_an_address_goes_where_it_is_kept(name: str) -> None:
    shown, secrets = masked({"url": f"{URL}?a=1&{name}=a1b2c3d4e5f6g7"})
    assert shown == {"url": f"{URL}?a=1", "query": {name: MARKER}}
    assert secrets is not None
    assert secret_in_text(f"{URL}?{name}=a1b2c3d4e5f6g7") == f"the value of {name!r} in a text"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer a1b2c3d4e5f6g7",
        "use this token: ghp_0123456789abcdef, please",
        "key\n-----BEGIN RSA PRIVATE KEY-----\nabc",
        "curl -H 'X: Basic dXNlcjpwYXNzd29yZDE=' https://example.com",
        "jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
        "(xoxb-123456789012-abcdefgh)",
    ],
)
def test_a_form_is_seen_wherever_it_stands_in_a_text(text: str) -> None:
    assert has_secret_form(text)


@pytest.mark.parametrize(
    "text",
    [
        "The bearer of bad news", "Get a Token from the settings page", "our Basic authentication is gone",
        "a Bearer token is sent in the header", "aghp_0123456789abcdef", "see -----BEGIN CERTIFICATE-----",
        "Basic plan: 12 seats",
    ],
)  # fmt: skip
def test_a_sentence_about_credentials_holds_none(text: str) -> None:
    assert not has_secret_form(text)


def test_of_an_address_that_is_a_secret_the_host_is_shown() -> None:
    _, marked = secret_texts_of({"url": mark("https://chat.example.com/hooks/a/services/c4nary-012345")})
    said = Hidden((), marked).text(
        "https://chat.example.com/hooks/a/services/c4nary-012345 has no c4nary-012345 services"
    )
    assert said == "https://chat.example.com/[secret] has no [secret] services"


@pytest.mark.parametrize("url", ["https://evil.example.com/", mark("https://evil.example.com/"), None])
def test_what_is_kept_beside_an_address_that_is_a_secret_goes_to_no_other(url: Any) -> None:
    shown, secrets = masked({"url": mark(f"{URL}/{CANARY}"), "headers": {"Authorization": CANARY}})
    assert masked(shown, secrets) == (shown, secrets)
    assert masked({**shown, "url": mark(f"{URL}/new")}, secrets)[0] == shown
    with pytest.raises(SecretMissing, match="another host"):
        masked({**shown, "url": url}, secrets)


@pytest.mark.parametrize("values", [["abcabcabc"], ["sk-abcdef", "sk-abcdefghi"], ["aaaaaa"], ["abcdef", "defghi"], []])
def test_a_text_in_pieces_shows_no_value_wherever_it_is_parted(values: list[str]) -> None:
    hidden = Hidden(values)
    texts = ["".join(parts) for parts in product(["", "x ", "sk-abc", "abc"], [*values, "aaa"], [*values, " y"])]
    for text in texts:
        for sizes in ((1,), (2, 3), (5,), (1, 7), (100,)):
            stream, pieces, at = HiddenStream(hidden), [], 0
            for size in cycle(sizes):
                pieces.append(stream.add(text[at : at + size]))
                at += size
                if at >= len(text):
                    break
            shown = "".join(pieces) + stream.end()
            assert not [value for value in values if value in shown.replace(HIDDEN, "")]
            assert (shown == text) is (hidden.text(text) == text)


def test_what_begins_no_value_is_shown_at_once() -> None:
    stream = HiddenStream(Hidden(["sk-secret"]))
    assert [stream.add("Hello wor"), stream.add("ld: s"), stream.add("ome sk-"), stream.add("ipped"), stream.end()] == [
        "Hello wor", "ld: ", "some ", "sk-ipped", "",
    ]  # fmt: skip

"""Write-only values are found where people put them, kept, and put back; nothing else is touched."""

from typing import Any

import orjson
import pytest

from records.hiding import Hidden
from records.masking import MARKER, SecretMissing, masked, reunite, secret_texts_of, tidied

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
    {"url": f"{URL}?token={CANARY}"},
    {"url": f"{URL}?a=1&api_key={CANARY}&b=2"},
    {"url": f"{URL}?q=%42earer%20{CANARY}"},
    {"url": f"{URL}#access_token={CANARY}"},
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
        {"url": URL, "body": {"token": "$/steps/login/result/token", "password": "${/inputs/pw}"}},
        {"url": URL, "body_text": f"password={CANARY}"},
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

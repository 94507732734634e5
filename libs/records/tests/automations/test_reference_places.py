"""References wherever they may stand: they can be ended, and no value changes more than its own place (decision 44)."""

import json
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.nesting import DEEPEST_MADE
from vai_records.automations import references
from vai_records.automations.references import BadReference, Reference, references_in, resolve

VALUES: dict[str, Any] = {
    "inputs": {
        "id": 7,
        "shop": "acme",
        "sp ace": "room",
        "dc:title": "a title",
        "dc": "D",
        "a,b": 1,
        "x[0]": 2,
        "a/b": {"c.d": 3},
        'say "hi"': 4,
        "empty": None,
        "no": False,
        "zero": 0,
    },
    "steps": {
        "ran": {"status": "completed", "result": {"id": 5, "path": "bronze/sample"}, "error": None},
        "passed": {"status": "skipped", "result": None, "error": None},
        "bad": {
            "status": "failed",
            "result": None,
            "error": {"code": "DATA_ERROR", "message": "no such customer", "details": {"status": 404}},
        },
    },
}


def filled(definition: dict[str, Any], kind: str = "http_request", values: dict[str, Any] = VALUES) -> dict[str, Any]:
    return resolve(kind, definition, partial(Reference.look_up, values=values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # anything may follow
        ("${/inputs/id}/orders", "7/orders"),
        ("${/inputs/id}.json", "7.json"),
        ("${/inputs/id}-2&x=%20#", "7-2&x=%20#"),
        ("{${/inputs/id}}", "{7}"),
        ("$${/inputs/id}", "$7"),
        (
            "read_parquet('${/steps/ran/result/path}/orders/*.parquet')",
            "read_parquet('bronze/sample/orders/*.parquet')",
        ),
        # alone it keeps its type
        ("${/inputs/id}", 7),
        ("${/inputs/no}", False),
        # names with all that ends the short form
        ("${/inputs/sp ace}", "room"),
        ("${/inputs/dc:title}!", "a title!"),
        ("${/inputs/a,b} and ${/inputs/x[0]}", "1 and 2"),
        ('${/inputs/"a/b"/c.d}', 3),
        (r'${/inputs/"say \"hi\""}', 4),
        # what is taken instead
        ("${/inputs/gone|none}", "none"),
        ("${/inputs/gone|3}", 3),
        ("${/inputs/gone|null}", None),
        ("${/inputs/gone|}", ""),
        ("${/inputs/empty|there}", "there"),
        ("${/inputs/zero|1}", 0),
        ("${/inputs/no|true}", False),
        ("${/steps/passed/result/id|/steps/ran/result/id}", 5),
        ("${/steps/passed/result/id|/steps/bad/result/id|0}", 0),
        ({"kind": "reference", "ref": "$/inputs/gone", "default": [1]}, [1]),
        ({"kind": "reference", "ref": "$/steps/bad/result/id", "default": "$/steps/ran/result/id"}, 5),
        ({"kind": "reference", "ref": "$/inputs/zero", "default": 1}, 0),
        # what went wrong
        ("$/steps/bad/error/code: $/steps/bad/error/message", "DATA_ERROR: no such customer"),
        ("$/steps/bad/error/details", {"status": 404}),
        ("$/steps/ran/error", None),
        # what it meant before, it means
        ("{$/inputs/id}", "{7}"),
        ("${$/inputs/id}", "${7}"),
        ("${id}", "${id}"),
        ("${HOME}/x", "${HOME}/x"),
        ("$/inputs/id: done", "7: done"),
        ("$/inputs/shop:8080", "acme:8080"),
    ],
)
def test_a_reference_can_be_ended_and_have_a_default(text: Any, expected: Any) -> None:
    found = filled({"body": text})["body"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$/inputs/dc:title", "there is 'dc:title': write ${/inputs/dc:title} or ${/inputs/dc}"),
        ("of $/inputs/dc:title.", "there is 'dc:title'"),
        ("$/inputs/id/orders", "if it ends before '/orders', write ${/inputs/id}"),
        ("$/inputs/id.json", "if it ends before '.json', write ${/inputs/id}"),
        ("$/inputs/id-2", "if it ends before '-2', write ${/inputs/id}"),
        ("$/inputs/id&limit=1", "if it ends before '&limit=1', write ${/inputs/id}"),
    ],
)
def test_a_reference_is_never_cut_in_silence(text: str, message: str) -> None:
    with pytest.raises(BadReference) as caught:
        filled({"body": text})
    assert message in str(caught.value)


def test_a_short_name_is_cut_nowhere_though_its_rest_is_missing() -> None:
    with pytest.raises(BadReference, match="not 'sp'"):
        filled({"body": "$/inputs/sp ace"})


@pytest.mark.parametrize(
    "text",
    ["${/inputs/}", "${/inputs/a//b}", '${/inputs/"a}', '${/inputs/a"b"}', "${/steps/x/output}", "${inputs/id}/x",
     "${/inputs/id", "${/steps/x}"],
)  # fmt: skip
def test_a_slip_in_braces_is_told_before_anything_runs(text: str) -> None:
    with pytest.raises(BadReference):
        list(references_in({"a": text}))


def test_every_alternative_is_found_with_its_place() -> None:
    definition = {
        "a": "${/steps/x/result/id|/inputs/y|0}",
        "b": {"kind": "reference", "ref": "$/inputs/z", "default": {"c": "$/steps/w/error"}},
    }
    assert [(place, one.text) for place, one in references_in(definition)] == [
        (("a",), "$/steps/x/result/id"),
        (("a",), "$/inputs/y"),
        (("b", "ref"), "$/inputs/z"),
        (("b", "default", "c"), "$/steps/w/error"),
    ]


# URLs -----------------------------------------------------------------------------------------------------------------

HOSTILE = (
    "../../status/500",
    "x?admin=true#",
    "a/b",
    "a&b=c",
    "%2e%2e",
    "a b",
    "ü",
    "\\",
    "@evil.test",
    "#",
    "?",
    "\r\n",
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(HOSTILE)
TEMPLATES = (
    "https://x.test/c/{}?limit=1",
    "https://x.test/c/{}/orders?limit=1#f",
    "/c/{}/orders?limit=1",
    "https://x.test/c/a-{}.json?limit=1",
)


@given(st.lists(st.sampled_from(HOSTILE) | texts, min_size=1, max_size=3).map("".join), st.sampled_from(TEMPLATES))
def test_a_value_in_a_path_stays_one_segment(value: str, template: str) -> None:
    try:
        url = filled({"url": template.format("${/inputs/v}")}, values={"inputs": {"v": value}})["url"]
    except BadReference:
        assert value in (".", "..")
        return
    plain, found = urlsplit(template.format("X")), urlsplit(url)
    assert (found.scheme, found.netloc, found.query, found.fragment) == plain[:2] + plain[3:]
    segments, expected = found.path.split("/"), plain.path.split("/")
    assert len(segments) == len(expected)
    assert [unquote(one) for one in segments] == [one.replace("X", value) for one in expected]


@given(texts, texts)
def test_a_value_in_a_query_stays_one_value(one: str, other: str) -> None:
    template = "https://x.test/c?a=$/inputs/a&b=$/inputs/b&limit=1"
    url = filled({"url": template}, values={"inputs": {"a": one, "b": other}})["url"]
    expected = [("a", one), ("b", other), ("limit", "1")]
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == expected
    assert urlsplit(url).path == "/c"


@pytest.mark.parametrize(
    ("url", "value", "expected"),
    [
        ("$/inputs/v", "https://x.test/a?b=c", "https://x.test/a?b=c"),
        ("${/inputs/v}/orders", "https://x.test/api/", "https://x.test/api/orders"),
        ("${/inputs/v}/orders", "/api", "/api/orders"),
        ("https://${/inputs/v}.x.test/a", "acme", "https://acme.x.test/a"),
        ("http://$/inputs/v/a", "127.0.0.1:8080", None),
        ("http://${/inputs/v}/a", "127.0.0.1:8080", "http://127.0.0.1:8080/a"),
        ("https://${/inputs/v}.x.test/a", "evil.test/", None),
        ("https://${/inputs/v}.x.test/a", "evil.test#", None),
        ("https://${/inputs/v}/a", "x@evil.test", None),
        ("https://${/inputs/v}/a", "", None),
        ("https://x.test/c/${/inputs/v}", "", None),
        ("https://x.test/c/${/inputs/v}", ".", None),
        ("https://x.test/c/.${/inputs/v}/d", ".", None),
        ("https://x.test/c/%2e${/inputs/v}/d", ".", None),
        ("https://x.test/c/${/inputs/v}%2E/d", ".", None),
        ("https://x.test/c/${/inputs/v};v=1/d", "..", None),
        ("https://x.test/c/${/inputs/v};v=1/d", "7", "https://x.test/c/7;v=1/d"),
        ("https://x.test/c/$/inputs/v", 0, "https://x.test/c/0"),
        ("https://x.test/c?q=${/inputs/v}", ["a", "b"], "https://x.test/c?q=%5B%22a%22%2C%22b%22%5D"),
        ("https://x.test/c?q=", "never", "https://x.test/c?q="),
    ],
)
def test_each_part_of_a_url_takes_what_may_stand_there(url: str, value: Any, expected: str | None) -> None:
    if expected is not None:
        assert filled({"url": url}, values={"inputs": {"v": value}})["url"] == expected
    else:
        with pytest.raises(BadReference):
            filled({"url": url}, values={"inputs": {"v": value}})


def test_paths_of_an_api_are_urls_and_names_of_files_are_not() -> None:
    resources = [{"name": "a", "path": "/c/$/inputs/v"}]
    values = {"inputs": {"v": "a b/c"}}
    api = filled({"source": "rest_api", "resources": resources}, "dlt_extract", values)
    files = filled({"source": "filesystem", "resources": resources}, "dlt_extract", values)
    assert api["resources"][0]["path"] == "/c/a%20b%2Fc"
    assert files["resources"][0]["path"] == "/c/a b/c"


# Everywhere else ------------------------------------------------------------------------------------------------------

PLACES: tuple[dict[str, Any], ...] = (
    {"headers": {"Authorization": "Bearer {}"}},
    {"headers": {"X-Api-Key": "{}"}},
    {"query": {"api_key": "{}"}},
    {"form": {"password": "{}"}},
    {"body": {"a": ["{}", {"b": "x {} y"}]}},
    {"body_text": "<a>{}</a>"},
)


def _with(template: Any, text: str) -> Any:
    if isinstance(template, str):
        return template.replace("{}", text)
    if isinstance(template, dict):
        return {key: _with(one, text) for key, one in template.items()}
    return [_with(one, text) for one in template]


@given(st.sampled_from(PLACES), st.text() | st.sampled_from(("$/inputs/w", "${/inputs/w}", '{"kind": "static"}')))
def test_a_text_arrives_as_it_is_and_is_not_looked_up_again(template: dict[str, Any], value: str) -> None:
    values = {"inputs": {"v": value, "w": "never"}}
    for written in ("$/inputs/v", "${/inputs/v}", "${/inputs/gone|/inputs/v}"):
        assert filled(_with(template, written), values=values) == _with(template, value)


def test_what_is_filled_has_a_bound_that_is_met_before_the_memory_is_taken() -> None:
    values = {"inputs": {"x": "x" * (1 << 20)}}
    with pytest.raises(BadReference, match="more than 8 MiB"):
        filled({"body": ["$/inputs/x"] * 70_000}, values=values)
    assert len(filled({"body": ["$/inputs/x"] * 7}, values=values)["body"]) == 7


@pytest.mark.parametrize("digits", [2**64, -(2**63) - 1, 10**30])
@pytest.mark.parametrize("around", ["{}", "[1, {}]", '{{"a": {}}}'])
def test_a_default_of_too_many_digits_is_refused_and_never_rounded(around: str, digits: int) -> None:
    default = around.format(digits)
    with pytest.raises(BadReference, match=f"{digits} is no number of 64 bits: write it in quotes"):
        filled({"body": "${/inputs/gone|" + default + "}"}, values={"inputs": {}})
    quoted = around.format(f'"{digits}"')
    found = filled({"body": "${/inputs/gone|" + quoted + "}"}, values={"inputs": {}})["body"]
    assert found == json.loads(quoted)


@pytest.mark.parametrize("text", ['${/inputs/"', "${/inputs/", "$/inputs/", "$/inputs/.", "${/inputs/a|", "${", "$/"])
def test_hostile_text_costs_what_it_is_long(text: str) -> None:
    """A pattern that looked to the end from each beginning would take minutes."""
    with suppress(BadReference):
        list(references_in({"a": text * 40_000}))
    assert references.holds_reference({"a": "$/inputs/x " + "." * 100_000})


@pytest.mark.parametrize("around", [0, 20])
def test_what_is_filled_is_nested_as_deep_as_can_be_kept_and_told(around: int) -> None:
    """A value that was handed on, wrapped each time, grows by as much as the definition has around it."""
    definition: Any = "$/inputs/x"
    for _ in range(around):
        definition = [definition]
    for levels in (1, DEEPEST_MADE - around - 1, DEEPEST_MADE - around, DEEPEST_MADE, 200):
        value: Any = 1
        for _ in range(levels):
            value = {"a": value}
        fits = 1 + around + levels <= DEEPEST_MADE
        look_up = partial(Reference.look_up, values={"inputs": {"x": value}})
        with nullcontext() if fits else pytest.raises(BadReference, match=f"inputs/x.*deeper than {DEEPEST_MADE}"):
            resolve("call_automation", {"inputs": definition}, look_up)


def test_a_value_in_a_url_that_is_a_secret_is_encoded_too() -> None:
    marked = {"kind": "secret", "value": "https://x.test/hooks/${/inputs/v}?a=1"}
    url = filled({"url": marked}, values={"inputs": {"v": "a/../b?c"}})["url"]
    assert url == {"kind": "secret", "value": "https://x.test/hooks/a%2F..%2Fb%3Fc?a=1"}

"""What somebody writes where a reference may stand is saved or refused (422), never an error of the platform."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.records.tests.automations.saving import Json, faults, http, save, sql
from vai_records.automations import references
from vai_records.automations.reference_text import REFERENCE, BadReference, Reference, parse
from vai_records.automations.references import resolve
from vai_records.refused import Refused

_PARTS = ("$", "{", "}", "|", "/", '"', "'", "\\", "[", "]", ",", ":", " ", "a", "0", "null", "\n", "é", "\\u0000")
_BEGINNINGS = ("$/", "${", "${/", "$/inputs/", "${/inputs/", "$/steps/", "${/steps/", "${/inputs/x|", '${/inputs/"')
_TEXTS = st.lists(st.sampled_from(_PARTS + _BEGINNINGS), min_size=1, max_size=12).map("".join)

_STEPS: dict[str, Callable[[str], Json]] = {
    "body": lambda text: http({"a": text}),
    "url": lambda text: {"kind": "http_request", "definition": {"url": f"https://x.test/{text}"}},
    "header": lambda text: {"kind": "http_request", "definition": {"url": "https://x", "headers": {"X-A": text}}},
    "timeout": lambda text: {"kind": "http_request", "definition": {"url": "https://x", "timeout_seconds": text}},
    "object": lambda text: http({"kind": "reference", "ref": text, "default": text}),
    "connection": lambda text: {"kind": "dlt_extract", "definition": {"source": "noop", "connection": text}},
    "automation": lambda text: {"kind": "call_automation", "definition": {"automation": text}},
    "literal": lambda text: sql(f"SELECT '{text}'"),
    "code": sql,
    "saved": lambda text: {"action_id": "ping", "definition_overrides": {"body": [text]}},
}


@pytest.mark.parametrize("place", _STEPS)
@given(text=_TEXTS)
@example('${/inputs/"a}b"}')
@example("${/inputs/x|{}}")
@example("${/inputs/a|{}}")
@example('${/inputs/"x}')
@example('${/inputs/x|"\\u0000"}')
@example("${/inputs/x|" + "[" * 300 + "]" * 300 + "}")
@example("$/steps/q")
def test_any_text_in_any_place_is_saved_or_refused(place: str, text: str) -> None:
    with suppress(Refused):
        save({"steps": [_STEPS[place](text)], "inputs": {"x": {}}})


@pytest.mark.parametrize(
    ("kind", "field"), [("http_request", "body"), ("http_request", "url"), ("duckdb_transform", "sql")]
)
@given(text=_TEXTS, value=st.none() | st.text("a'\"\\$/{}", max_size=4) | st.lists(st.integers(), max_size=2))
def test_any_text_is_filled_or_is_a_bad_reference(kind: str, field: str, text: str, value: Any) -> None:
    with suppress(BadReference):
        values = {"inputs": {"x": value, "a": {"a": value}}, "steps": {}}
        resolve(kind, {field: text}, lambda reference: reference.look_up(values))


@given(_TEXTS)
def test_a_slip_counts_as_a_reference_and_not_as_an_error(text: str) -> None:
    assert references.holds_reference({"a": [text]}) in (True, False)


@pytest.mark.parametrize("text", ["$/steps/q", "${/inputs/a", '${/inputs/"a"b}', '${/inputs/a|"\\u0000"}'])
@pytest.mark.parametrize("place", ["body", "saved", "connection"])
def test_a_slip_is_told_with_its_place(place: str, text: str) -> None:
    (fault,) = faults(_STEPS[place](text))
    assert fault.startswith("body.steps.0.")


@pytest.mark.parametrize(
    ("text", "path", "default"),
    [
        ('${/inputs/"a}b"}', ("inputs", "a}b"), ...),
        ('${/inputs/"{"/"}"/c}', ("inputs", "{", "}", "c"), ...),
        ('${/inputs/"a\\"}b"}', ("inputs", 'a"}b'), ...),
        ("${/inputs/x|{}}", ("inputs", "x"), {}),
        ('${/inputs/x|{"a":{"b":[1,"}"]}}}', ("inputs", "x"), {"a": {"b": [1, "}"]}}),
        ('${/inputs/x|["a}b", "c"]}', ("inputs", "x"), ["a}b", "c"]),
        ('${/inputs/x|"}"}', ("inputs", "x"), "}"),
        ('${/inputs/x|5" pipe}', ("inputs", "x"), '5" pipe'),
        ("${/inputs/x|[a}", ("inputs", "x"), "[a"),
    ],
)
def test_a_brace_stands_in_quotes_or_in_a_default_of_json(text: str, path: tuple[str, ...], default: Any) -> None:
    around = f'before {text}" and "${{/inputs/y}}" after'
    assert REFERENCE.findall(around) == [text, "${/inputs/y}"]
    found = parse(text)
    assert found.references == (Reference(path),)
    if default is not ...:
        assert found.default == default


@pytest.mark.parametrize("name", ["dc:title", "sp ace", "a'b", "a;b"])
def test_a_reference_in_sql_is_never_cut_short_in_silence(name: str) -> None:
    values = {"inputs": {"dc": "D", "sp": "D", "a": "D", name: "T"}, "steps": {}}
    text = "SELECT '$/inputs/" + name.replace("'", "''") + " and more'"
    with pytest.raises(BadReference, match="ends before"):
        resolve("duckdb_transform", {"sql": text}, lambda reference: reference.look_up(values))


def test_the_end_of_a_literal_is_the_end_of_a_reference() -> None:
    values: Json = {"inputs": {"a": "D", "a'": "T"}, "steps": {}}
    filled = resolve("duckdb_transform", {"sql": "SELECT '$/inputs/a', 1"}, lambda one: one.look_up(values))
    assert filled["sql"] == "SELECT 'D', 1"

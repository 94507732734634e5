"""A fault names the place that somebody wrote, once, and nothing of how it was read."""

from typing import Any

import pytest

from vai_records.definitions import definition_model
from vai_records.refused import Refused, refused
from vai_records.validation import checks

URL = "https://a.example"
SECRET = ("value", "secret")  # what is missing in an object that could be a secret


@pytest.mark.parametrize(
    ("kind", "definition", "place"),
    [
        ("http_request", {"url": URL, "headers": {"X-A": "ä"}}, "headers.X-A"),
        ("http_request", {"url": URL, "headers": {"X-A": 5}}, "headers.X-A"),
        ("http_request", {"url": URL, "headers": {"bad name": "x"}}, "headers.bad name"),
        ("http_request", {"url": URL, "query": {"a": [{}]}}, "query.a.0"),
        ("http_request", {"url": URL, "expected_status": 99}, "expected_status"),
        ("http_request", {"url": URL, "expected_status": [200, 99]}, "expected_status.1"),
        ("http_request", {"url": URL, "connection_ref": {"id": "no"}}, "connection_ref"),
        ("http_request", {"url": URL, "form": {"a": {}}}, "form.a"),
        ("http_request", {}, "url"),
        ("duckdb_transform", {}, "sql"),
        ("call_automation", {"automation": 5}, "automation"),
        ("conditional_branch", {"cases": [{"name": "a b", "conditions": []}]}, "cases.0.name"),
    ],
)
def test_a_place_is_one_of_the_definition(kind: str, definition: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused) as caught:
        checks.complete(kind, definition, ())
    places = [".".join(map(str, fault[0])) for fault in caught.value.faults]
    assert any(one.startswith(place) for one in places)
    assert len(set(places)) == len(places)
    names = {part for fault in caught.value.faults for part in fault[0] if isinstance(part, str)}
    given = {*_names(definition), *definition_model(kind).model_fields, "connectionRef", *SECRET}
    assert names <= given, names - given


def test_what_a_run_says_names_no_request() -> None:
    assert refused(("body", "kind"), "no").message == "kind: no"
    assert refused(("definition", "sql"), "no").message == "definition.sql: no"
    assert refused(("body",), "no").message == "no"


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {name for key, one in value.items() for name in {str(key), *_names(one)}}
    return {name for one in value for name in _names(one)} if isinstance(value, list) else set()

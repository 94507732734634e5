"""What the resources of a rest_api definition may say together; each refusal names the resource and what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.dlt_extract import DltExtract, RestApi

SINCE = {"cursor_path": "updated_at"}
WEEKS = {"days": 7, "param_start": "from", "param_end": "to"}
CHILD = {"name": "refunds", "path": "orders/{resources.orders.id}/refunds"}


def made(*resources: Any, **fields: Any) -> RestApi:
    given = {"source": "rest_api", "base_url": "https://api.example.com", "resources": list(resources)} | fields
    found = DltExtract.model_validate(given)
    assert isinstance(found, RestApi)
    return found


@pytest.mark.parametrize(
    ("resources", "place", "words"),
    [
        (["a", {"name": "b", "path": "{resources.c.id}"}], 1, "there is no resource c; there are a, b"),
        ([{"name": "a", "path": "{resources.a.id}"}], 0, "its own parent: a → a"),
        (
            [{"name": "a", "path": "{resources.b.id}"}, {"name": "b", "params": {"x": "{resources.a.id}"}}],
            0,
            "its own parent: a → b → a",
        ),
        (["a", "b", {"name": "c", "path": "{resources.a.id}/{resources.b.id}"}], 2, "it may have one"),
        (["a", {"name": "b", "include_from_parent": ["id"]}], 1, "needs a parent"),
        ([{"name": "a", "path": "{resources.b}"}], 0, "names no field"),
        ([{"name": "a", "params": {"x": "{incremental.last}"}}], 0, "{incremental.start_value}"),
        ([{"name": "a", "json": {"x": ["{incremental.start_value}"]}}], 0, "needs incremental"),
        ([{"name": "a", "json": {"x": "{incremental.start_value}"}, "incremental": SINCE}], 0, "an initial_value"),
        ([{"name": "a", "path": "{incremental.initial_value}", "incremental": SINCE}], 0, "an initial_value"),
        ([{"name": "a", "params": {"x": "{incremental.end_value}"}, "incremental": SINCE}], 0, "end_value"),
        ([{"name": "a", "params": {"x": "{slice.start}"}}], 0, "needs slices"),
        ([{"name": "a", "slices": {"days": 7, "param_start": "x"}}], 0, "slices.param_end"),
        ([{"name": "orders", "slices": WEEKS}, CHILD | {"slices": WEEKS}], 1, "both have slices"),
        ([{"name": "orders", "incremental": SINCE}, CHILD | {"slices": WEEKS}], 1, "give the slices to orders"),
        (
            [{"name": "orders", "incremental": SINCE}, CHILD | {"write_disposition": "replace"}],
            1,
            "parent is incremental",
        ),
        ([{"name": "a", "method": "GET", "json": {}}], 0, "a GET has no body"),
        ([{"name": "a", "json": {}, "data": {}}], 0, "give one"),
        ([{"name": "a", "response_actions": [{"action": "ignore"}]}], 0, "give a status_code"),
        ([{"name": "a", "selected": False}], None, "nothing would be extracted"),
        (
            [{"name": "a", "table": "t"}, {"name": "b", "table": "t", "incremental": SINCE}],
            None,
            "both add, or both replace",
        ),
        ([{"name": "a", "table": "b"}, "b"], None, "both name it"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(resources: list[Any], place: int | None, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        made(*resources, start_date="2026-01-01" if "slices" in str(resources) else None)
    (error,) = raised.value.errors()
    assert words in error["msg"]
    assert error["loc"][: 1 if place is None else 2] == (("resources",) if place is None else ("resources", place))


@pytest.mark.parametrize(
    "resources",
    [
        [{"name": "orders", "incremental": SINCE}, CHILD],
        [{"name": "orders", "slices": WEEKS, "selected": False}, CHILD],
        [{"name": "a", "params": {"x": "{incremental.start_value}"}, "incremental": SINCE}],
        [{"name": "a", "table": "t"}, {"name": "b", "table": "t"}],
        [{"name": "a", "table": "t", "incremental": SINCE}, {"name": "b", "table": "t", "write_disposition": "append"}],
        [{"name": "a", "json": {"query": "{ a { b } }", "x": {"y": [None, 1, True, "{z}"]}}}],
    ],
)
def test_what_can_be_is_stored_as_it_was_given(resources: list[Any]) -> None:
    stored = made(*resources, start_date="2026-01-01").stored()
    assert stored["resources"] == resources
    assert DltExtract.model_validate(stored).stored() == stored

"""Where the rows of an answer are, beside the shapes of which nobody can tell it."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.values.selection import rows_of, selector_of

TWO = [{"n": 1}, {"n": 2}]
ONE = [{"p": 1}]

GOOD: list[tuple[str, Any, list[Any]]] = [
    ("a list alone", TWO, TWO),
    ("the only list", {"report": TWO}, TWO),
    ("a usual name beside another list", {"filters": ONE, "data": TWO}, TWO),
    ("a usual name under wrapping", {"filters": ONE, "result": {"items": TWO}}, TWO),
    ("the outer one of usual names", {"results": TWO, "page": {"values": []}}, TWO),
    ("the name of the resource", {"permissions": ONE, "user_list": TWO}, TWO),
    ("the name of the resource, on an empty day", {"user_list": [], "permissions": ONE}, []),
    ("the end of the resource's name", {"filters": ONE, "list": TWO}, TWO),
    ("the last word of the address", {"currencies": ONE, "changes": ONE, "quotes": TWO}, TWO),
    ("the name of the resource in side information", {"data": TWO, "facets": {"user_list": ONE}}, TWO),
    ("links before the rows", {"resourceType": "Bundle", "link": ONE, "entry": TWO}, TWO),
    ("lists in the meta data", {"meta": {"tags": ONE}, "report": TWO}, TWO),
    ("the id of a request", {"id": "r1", "status": "ok", "items": TWO}, TWO),
    ("JSON-RPC", {"jsonrpc": "2.0", "id": 1, "result": TWO}, TWO),
    ("names beside a list", {"ids": [1, 2], "report": TWO}, TWO),
    ("GraphQL", {"data": {"orders": {"nodes": TWO}}}, TWO),
    ("filters beside the rows", {"filters": ONE, "report": TWO}, TWO),
    ("two lists, both empty", {"orders": [], "tags": []}, []),
    ("nothing", {}, []),
    ("nothing in the wrapping", {"data": {"items": None}}, []),
    ("nothing, under a name", {"code": 0, "data": None}, []),
    ("nothing, counted", {"status": "ok", "message": "none found", "total": 0}, []),
    ("nothing but marks of a list", {"kind": "k", "etag": "e", "nextSyncToken": "t"}, []),
]
OBJECTS: list[tuple[str, Any]] = [
    ("an object with lists", {"id": 5, "tags": TWO, "name": "x"}),
    ("an object with one line", {"id": 1, "name": "x", "lines": ONE}),
    ("an object of a key", {"_id": 1, "name": "x", "lines": ONE}),
    ("an object under data", {"data": {"id": 1, "name": "x"}}),
    ("an object under result", {"result": {"id": 1}}),
    ("JSON:API", {"data": {"attributes": {"n": 1}, "id": "7", "type": "t"}, "links": {"self": "s"}}),
    ("GraphQL's object", {"data": {"viewer": {"id": 1, "name": "x"}}}),
    ("objects by key", {"data": {"u1": {"n": 1}, "u2": {"n": 2}}}),
    ("objects under items", {"items": {"a": 1}, "total": 1}),
    ("details", {"details": {"a": 1}, "status": "active"}),
    ("values alone", {"ids": [1, 2]}),
]
UNCERTAIN: list[tuple[str, Any, str]] = [
    ("two lists", {"scopes": ONE, "report": TWO}, "scopes, report"),
    ("two lists, one empty", {"scopes": ONE, "report": []}, "scopes, report"),
    ("two lists, the first empty", {"scopes": [], "report": TWO}, "scopes, report"),
    ("a list under another", {"scopes": ONE, "summary": {"days": TWO}}, "scopes, summary.days"),
    ("a usual name that is no wrapping's", {"filter": {"values": ONE}, "report": TWO}, "filter.values, report"),
    ("two usual names", {"data": [], "values": TWO}, "data, values"),
    ("an empty usual name above another", {"data": [], "result": {"items": TWO}}, "data, result.items"),
    ("an object, or a page of items", {"id": 5, "name": "x", "items": TWO}, r"\$, items"),
    ("an object, or a page", {"id": 5, "status": "paid", "lines": TWO}, r"\$, lines"),
    ("a status", {"status": "active"}, "is a row;"),
    ("a message", {"message": "hello", "code": 7}, "is a row;"),
    ("a health", {"status": "up", "time": "2026"}, "is a row;"),
    ("a time", {"time": "2026"}, "is a row;"),
]


def found(body: Any) -> list[Any]:
    """The rows of a resource `user_list` that says nothing of where they are."""
    return rows_of(selector_of("user_list", body, "http://source/v1/quotes.json?a=1"), body, is_guessed=True)


def desk_of(new_desk: Any, body: Any, **fields: Any) -> Any:
    return new_desk({"resources": [{"name": "rows", "paginator": "single_page"} | fields]}, lambda query: body)


@pytest.mark.parametrize(("body", "rows"), [pytest.param(*one[1:], id=one[0]) for one in GOOD])
def test_the_rows_are_found_where_one_place_can_have_them(body: Any, rows: list[Any]) -> None:
    assert found(body) == rows


@pytest.mark.parametrize("body", [pytest.param(one[1], id=one[0]) for one in OBJECTS])
def test_one_object_is_one_row(new_desk: Any, body: Any) -> None:
    assert found(body) == [body]
    assert len(desk_of(new_desk, body).run()) == 1


@pytest.mark.parametrize(("body", "places"), [pytest.param(*one[1:], id=one[0]) for one in UNCERTAIN])
def test_what_cannot_be_told_is_an_error_that_names_the_data_selector(new_desk: Any, body: Any, places: str) -> None:
    with pytest.raises(Permanent, match=places) as raised:
        desk_of(new_desk, body).run()
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert raised.value.details["field"] == "data_selector"
    assert "data_selector" in raised.value.message
    assert len(desk_of(new_desk, body, data_selector="$").run()) == 1


def test_names_that_customers_wrote_are_not_in_the_error(new_desk: Any) -> None:
    with pytest.raises(Permanent, match="report") as raised:
        desk_of(new_desk, {"Ann Smith, 7 Elm Road": ONE, "report": TWO}).run()
    assert "Ann" not in str(raised.value.as_json())


def test_a_first_page_without_its_list_hides_none_of_the_next(new_desk: Any) -> None:
    pages = {"": {"kind": "k", "nextPageToken": "t"}, "t": {"kind": "k", "widgets": TWO}}
    paginator = {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"}
    resource = {"name": "rows", "paginator": paginator}
    assert new_desk({"resources": [resource]}, lambda query: pages[query.get("pageToken", "")]).run() == TWO


def test_a_selector_that_meets_an_object_elsewhere_is_an_error(new_desk: Any) -> None:
    with pytest.raises(Permanent, match="nothing at the data_selector items"):
        desk_of(new_desk, {"data": {"id": 1}}, data_selector="items").run()


@pytest.mark.parametrize(
    ("selector", "body", "rows"),
    [
        ("itmes[*]", {"items": [{"id": 1}]}, None),
        ("items[*]", {"kind": "list"}, 0),
        ("items[*].lines[*]", {"items": [{"id": 1}]}, 0),
        ("items[*]", {"errors": [{"code": 1}]}, 0),
        ("items[*]", {"items": [], "facets": [{"a": 1}]}, 0),
        ("$[*].rows[*]", [{"rows": []}], 0),
    ],
)
def test_a_path_with_a_star_is_empty_unless_the_rows_are_elsewhere(selector: str, body: Any, rows: int | None) -> None:
    if rows is None:
        with pytest.raises(Permanent, match="nothing at the data_selector"):
            rows_of(selector, body)
    else:
        assert len(rows_of(selector, body)) == rows

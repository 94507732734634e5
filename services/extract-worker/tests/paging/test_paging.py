"""Paging is never silently short: every shape brings every row once, or is an error that names what to say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.dlt_extract import DltExtract
from vai_testkit.servers.paging_shapes import HOST, ROWS, SHAPES, Query, part, stripe


@pytest.mark.parametrize("shape", SHAPES)
def test_auto_brings_every_row_of_every_common_shape(new_desk: Any, shape: str) -> None:
    desk = new_desk({"resources": ["rows"]}, SHAPES[shape])
    assert sorted(row["id"] for row in desk.run()) == list(range(1, 26))


# Paginators that are named ------------------------------------------------------------------------------------------


def capped(query: Query) -> Any:
    first = int(query["offset"])
    return {"items": part(first, min(10, int(query["limit"]))), "total": 25, "has_more": first + 10 < 25}


def filtering(query: Query) -> Any:
    """Leaves every third row out, after it has paged; a page of it may be empty."""
    first, limit = int(query["offset"]), int(query["limit"])
    rows = [row for row in part(first, limit) if row["id"] % 3 and not 11 <= row["id"] <= 20]
    return {"items": rows, "total": 25, "has_more": first + limit < 25}


FILTERED = [row["id"] for row in ROWS if row["id"] % 3 and not 11 <= row["id"] <= 20]


def holed(query: Query) -> Any:
    page = int(query["page"])
    rows = [] if page == 2 else part((page - 1) * 5, 5)
    return {"items": rows, "total_pages": 5, "has_more": page < 5, "rows_in_all": 25}


HOLED = [row["id"] for row in ROWS if not 6 <= row["id"] <= 10]


@pytest.mark.parametrize(
    ("serve", "paginator", "expected"),
    [
        (capped, {"type": "offset", "limit": 1000}, range(1, 26)),
        (capped, {"type": "offset", "limit": 25}, range(1, 26)),
        (capped, {"type": "offset", "limit": 1000, "total_path": "total"}, range(1, 26)),
        (capped, {"type": "offset", "limit": 15, "has_more_path": "has_more"}, range(1, 26)),
        (capped, {"type": "offset", "limit": 5, "total_path": "total"}, range(1, 26)),
        (filtering, {"type": "offset", "limit": 10, "total_path": "total"}, FILTERED),
        (filtering, {"type": "offset", "limit": 5, "has_more_path": "has_more"}, FILTERED),
        (holed, {"type": "page_number", "total_path": "total_pages"}, HOLED),
        (holed, {"type": "page_number", "has_more_path": "has_more"}, HOLED),
        (holed, {"type": "page_number", "stop_after_empty_page": False, "maximum_page": 5}, HOLED),
        (holed, {"type": "page_number", "has_more_path": "has_more", "stop_after_empty_page": True}, range(1, 6)),
        (SHAPES["OData"], {"type": "json_link", "next_url_path": "@odata.nextLink"}, range(1, 26)),
        (SHAPES["OData"], {"type": "json_link", "next_url_path": "'@odata.nextLink'"}, range(1, 26)),
        (SHAPES["GitLab"], {"type": "header_cursor", "cursor_key": "x-next-page", "cursor_param": "page"},
         range(1, 26)),
        (stripe, {"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "starting_after",
                  "has_more_path": "has_more"}, range(1, 26)),
    ],
)  # fmt: skip
def test_a_named_paginator_goes_on_where_an_answer_contradicts_its_end(
    new_desk: Any, serve: Any, paginator: dict[str, Any], expected: Any
) -> None:
    desk = new_desk({"resources": [{"name": "rows", "paginator": paginator}]}, serve)
    assert [row["id"] for row in desk.run()] == list(expected)


def broken_cursor(query: Query) -> Any:
    first = int(query.get("cursor", "0"))
    return {"rows": part(first), "has_more": True} | ({"next": first + 10} if first < 10 else {})


def circle(query: Query) -> Any:
    return {"rows": part(int(query.get("at", "0"))), "next": f"{HOST}/rows?at={(int(query.get('at', '0')) + 10) % 20}"}


calls = iter(range(10**9))


@pytest.mark.parametrize(
    ("serve", "paginator", "message"),
    [
        (broken_cursor, {"type": "cursor", "cursor_path": "next", "has_more_path": "has_more"}, "nothing stands"),
        (SHAPES["HubSpot"], {"type": "cursor", "cursor_path": "paging.next.aftr"}, "nothing at the cursor_path"),
        (SHAPES["HubSpot"], {"type": "json_link", "next_url_path": "paging.next.href"}, "nothing at the next_url_path"),
        (SHAPES["Django REST"], "header_link", "nothing at the Link header"),
        (SHAPES["Django REST"], {"type": "cursor", "cursor_path": "next"}, "over and over"),
        (SHAPES["Laravel"], {"type": "page_number", "total_path": "meta.last"}, "nothing at the total_path"),
        (SHAPES["Laravel"], {"type": "page_number", "total_path": "data"}, "not a whole number"),
        (SHAPES["Laravel"], {"type": "page_number", "has_more_path": "data"}, "neither true nor false"),
        (SHAPES["Laravel"], {"type": "json_link", "next_url_path": "meta"}, "not an address"),
        (SHAPES["Pipedrive"], {"type": "json_link", "next_url_path": "additional_data.pagination.limit"}, "an address"),
        (lambda query: {"rows": part(0), "at": next(calls)}, "page_number", "over and over"),
        (lambda query: {"rows": part(0), "cursor": "same", "request_id": next(calls)},
         {"type": "cursor", "cursor_path": "cursor"}, "over and over"),
        (lambda query: {"rows": [row | {"url": next(calls)} for row in part(0)]}, "page_number", "over and over"),
        (circle, "json_link", "circle"),
        (lambda query: {"rows": part(int(query["offset"]), 5), "n": 5},
         {"type": "offset", "limit": 5, "total_path": "n"}, "the total_path says that there are 5"),
        (filtering, {"type": "offset", "limit": 5}, "give total_path"),
        (lambda query: {"rows": part(int(query["page"]) * 10), "total_pages": 3}, "auto", "count from 0"),
    ],
)  # fmt: skip
def test_a_named_paginator_that_does_not_fit_is_an_error_that_shows_no_rows(
    new_desk: Any, serve: Any, paginator: Any, message: str
) -> None:
    serve_ = (lambda query: serve({"page": "0"} | query)) if paginator == "auto" else serve
    with pytest.raises(Permanent, match=message) as raised:
        new_desk({"resources": [{"name": "rows", "paginator": paginator}]}, serve_).run()
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert "person" not in str(raised.value.as_json())


def test_a_source_whose_last_page_leads_to_itself_ends_there(new_desk: Any) -> None:
    """Solr gives the last cursor again; Zendesk's exports lead from the last row to the last row."""
    marks = lambda query: {"docs": part(int(query.get("m", "0"))), "next": str(min(int(query.get("m", "0")) + 10, 30))}  # noqa: E731
    desk = new_desk({"resources": [{"name": "rows", "paginator": {
        "type": "cursor", "cursor_path": "next", "cursor_param": "m"}}]}, marks)  # fmt: skip
    assert [row["id"] for row in desk.run()] == list(range(1, 26))

    def export(query: Query) -> Any:
        first = int(query.get("since", "0"))
        rows = part(first) if first < 24 else ROWS[-1:]
        return {"rows": rows, "next_page": f"{HOST}/rows?since={min(first + 10, 24)}"}

    desk = new_desk({"resources": [{"name": "rows", "paginator": {
        "type": "json_link", "next_url_path": "next_page"}}]}, export)  # fmt: skip
    assert {row["id"] for row in desk.run()} == set(range(1, 26))


def test_an_empty_page_does_not_end_a_cursor(new_desk: Any) -> None:
    def serve(query: Query) -> Any:
        first = int(query.get("cursor", "0"))
        return {"rows": [] if first in (0, 10) else part(first), "cursor": first + 10 if first < 20 else None}

    desk = new_desk({"resources": [{"name": "rows", "paginator": {"type": "cursor", "cursor_path": "cursor"}}]}, serve)
    assert [row["id"] for row in desk.run()] == list(range(21, 26))


@pytest.mark.parametrize(
    ("body", "selector", "expected"),
    [
        ({}, None, 0),
        ({"kind": "k", "etag": "e"}, None, 0),
        ({"kind": "k", "etag": "e"}, "items", 0),
        ({"items": None}, "items", 0),
        ({"errors": [], "widgets": ROWS[:7]}, None, 7),
        ({"warnings": ["x"], "meta": {"fields": ["a"]}, "rows": ROWS[:2]}, None, 2),
        ({"id": 1, "tags": ["a"]}, None, 1),
        ({"id": 1, "name": "x"}, None, 1),
        ({"ok": True, "count": 3}, "$", 1),
        ([], None, 0),
        ({"data": {"id": 1, "name": "x"}}, None, 1),
        ({"data": {"viewer": {"id": 1}}, "extensions": {}}, "data.viewer", 1),
        ({"details": {"a": 1}, "status": "active"}, None, 1),
        ({"data": {"items": None}}, None, 0),
        ({"id": 5, "name": "x", "tags": [{"t": 1}, {"t": 2}]}, None, 1),
        ({"filters": [{"id": 1}], "report": ROWS[:5]}, None, 5),
        ({"orders": [], "tags": []}, None, 0),
        ({"link": [{"relation": "self", "url": "x"}], "entry": ROWS[:3]}, None, 3),
    ],
)
def test_an_answer_without_rows_makes_none(new_desk: Any, body: Any, selector: str | None, expected: int) -> None:
    resource = {"name": "things", "path": "rows"} | ({"data_selector": selector} if selector else {})
    assert len(new_desk({"resources": [resource | {"name": "rows"}]}, lambda query: body).run()) == expected


@pytest.mark.parametrize("first", [[], [{"p": 1}]])
def test_which_of_two_lists_has_the_rows_is_not_guessed(new_desk: Any, first: Any) -> None:
    body = {"permissions": first, "user_list": ROWS[:2]}
    with pytest.raises(Permanent, match=r"permissions, user_list.*data_selector"):
        new_desk({"resources": ["rows"]}, lambda query: body).run()
    assert len(new_desk({"resources": ["rows"], "data_selector": "user_list"}, lambda query: body).run()) == 2


def test_a_list_that_is_left_out_where_it_is_empty_is_empty(new_desk: Any) -> None:
    pages = {"": {"items": ROWS[:10], "nextPageToken": "t"}, "t": {"kind": "k", "count": 0}}
    desk = new_desk({"resources": ["rows"], "data_selector": "items"}, lambda query: pages[query.get("pageToken", "")])
    assert len(desk.run()) == 10


@pytest.mark.parametrize(
    "fields",
    [
        {"data_selector": "value["},
        {"resources": [{"name": "rows", "data_selector": "a b"}]},
        {"paginator": {"type": "cursor", "cursor_path": "a..b."}},
        {"paginator": {"type": "json_link", "next_url_path": "x[?("}},
        {"paginator": {"type": "page_number", "stop_after_empty_page": False}},
        {"paginator": {"type": "offset", "limit": 5, "stop_after_empty_page": False}},
        {"resources": [{"name": "rows", "incremental": {"cursor_path": "updated at"}}]},
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_saved(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"JSONPath|empty page"):
        DltExtract.model_validate({"source": "rest_api", "base_url": HOST, "resources": ["rows"]} | fields)


@given(
    count=st.integers(0, 40),
    limit=st.integers(1, 12),
    cap=st.none() | st.integers(1, 12),
    kept=st.none() | st.sets(st.integers(0, 40)),
    tells=st.sampled_from(["total", "has_more", None]),
    kills=st.lists(st.integers(1, 6), max_size=3),
)
def test_offsets_bring_every_row_once_over_caps_and_filters_and_kills(
    new_desk: Any, count: int, limit: int, cap: int | None, kept: set[int] | None, tells: str | None, kills: list[int]
) -> None:
    """A source may give less at a time than it is asked for, or leave rows out after it has paged: then it must say
    where it ends."""
    rows = [{"id": number} for number in range(count)]
    is_kept = lambda row: kept is None or row["id"] in kept  # noqa: E731

    def serve(query: Query) -> Any:
        first = int(query["offset"])
        size = int(query["limit"]) if kept is not None else min(int(query["limit"]), cap or 99)
        page = rows[first : first + size]
        return {"items": [row for row in page if is_kept(row)], "total": count, "has_more": first + len(page) < count}

    tells = tells or (None if kept is None else "total")
    paginator = {"type": "offset", "limit": limit} | ({f"{tells}_path": tells} if tells else {})
    desk = new_desk({"resources": [{"name": "rows", "paginator": paginator}], "slice_rows": 1}, serve)
    desk.run(*kills)
    assert [row["id"] for row in desk.seen] == [row["id"] for row in rows if is_kept(row)]


@given(
    values=st.lists(st.integers(0, 2), max_size=40),
    limit=st.integers(1, 12),
    cap=st.none() | st.integers(1, 12),
    kept=st.none() | st.sets(st.integers(0, 40)),
    tells=st.sampled_from(["total", "has_more"]),
    is_deaf=st.booleans(),
    kills=st.lists(st.integers(1, 6), max_size=3),
)
def test_offsets_bring_every_row_over_equal_rows_without_ids(
    new_desk: Any,
    values: list[int],
    limit: int,
    cap: int | None,
    kept: set[int] | None,
    tells: str,
    is_deaf: bool,
    kills: list[int],
) -> None:
    """Equal rows stand where pages meet; a source that `is_deaf` gives as many as it likes, whatever it is asked."""
    shown = [number for number in range(len(values)) if kept is None or number in kept]

    def serve(query: Query) -> Any:
        first, size = int(query["offset"]), int(query["limit"])
        if kept is None:
            size = (cap or 10) if is_deaf else min(size, cap or 99)
        end = min(first + size, len(values))
        page = [{"v": values[number]} for number in range(first, end) if number in shown]
        return {"items": page, "total": len(values), "has_more": end < len(values)}

    paginator = {"type": "offset", "limit": limit, f"{tells}_path": tells}
    desk = new_desk({"resources": [{"name": "rows", "paginator": paginator}], "slice_rows": 1}, serve)
    refused: Permanent | None = None
    try:
        desk.run(*kills)
    except Permanent as error:
        refused = error
    if refused:
        assert refused.details["field"] == "paginator"
        assert is_deaf or "over and over" in refused.message
    else:
        assert [row["v"] for row in desk.seen] == [values[number] for number in shown]


EQUAL = [{"v": number // 7 % 3} for number in range(40)]


@pytest.mark.parametrize("told", ["total_path", "has_more_path", None])
@pytest.mark.parametrize("limit", [10, 25, 30, 100])
@pytest.mark.parametrize("count", [20, 40])
def test_equal_rows_where_pages_meet_are_rows(new_desk: Any, told: str | None, limit: int, count: int) -> None:
    def serve(query: Query) -> Any:
        first = int(query["offset"])
        page = EQUAL[:count][first : first + min(10, int(query["limit"]))]
        return {"items": page, "total": count, "has_more": first + len(page) < count}

    paginator = {"type": "offset", "limit": limit} | ({told: told.removesuffix("_path")} if told else {})
    desk = new_desk({"resources": [{"name": "rows", "paginator": paginator}]}, serve)
    assert desk.run() == EQUAL[:count]


PAGE = Path(__file__).parents[4] / "docs" / "extraction.md"


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_every_example_of_the_page_can_be_saved(example: str) -> None:
    assert DltExtract.model_validate(json.loads(example)).source == "rest_api"


# Sources that list the newest first ---------------------------------------------------------------------------------


def shopify(query: Query) -> Any:
    """Orders, newest first unless it is asked otherwise; the next page by a Link header."""
    rows = [row for row in NEWEST if row["updated_at"] >= query.get("updated_at_min", "")]
    first = int(query.get("page_info", "0"))
    since = f"&updated_at_min={query['updated_at_min']}" if "updated_at_min" in query else ""
    link = f'<{HOST}/rows?page_info={first + 10}{since}>; rel="next"' if first + 10 < len(rows) else ""
    return {"orders": rows[first : first + 10]}, {"Link": link} if link else {}


def klaviyo(query: Query) -> Any:
    """Events sorted by -datetime; the next page by links.next."""
    first = int(query.get("page[cursor]", "0"))
    rows = [{"id": row["id"], "attributes": {"datetime": row["updated_at"]}} for row in NEWEST]
    link = f"{HOST}/rows?page[cursor]={first + 10}" if first + 10 < len(rows) else None
    return {"data": rows[first : first + 10], "links": {"self": "s", "next": link, "prev": None}}


NEWEST = [{"id": n, "updated_at": f"2026-01-{n // 3 + 1:02d}T00:00:00Z"} for n in range(60, 0, -1)]


@pytest.mark.parametrize(
    ("serve", "incremental"),
    [
        (shopify, {"cursor_path": "updated_at"}),
        (shopify, {"cursor_path": "updated_at", "param": "updated_at_min"}),
        (klaviyo, {"cursor_path": "attributes.datetime"}),
        (klaviyo, {"cursor_path": "attributes.datetime", "row_order": "desc"}),
    ],
)
def test_a_vendor_that_lists_the_newest_first_is_extracted_whole_and_then_only_what_is_new(
    new_desk: Any, serve: Any, incremental: dict[str, Any]
) -> None:
    desk = new_desk({"resources": [{"name": "rows", "incremental": incremental}]}, serve)
    assert sorted(row["id"] for row in desk.run(3, 2)) == list(range(1, 61))
    try:
        NEWEST.insert(0, {"id": 61, "updated_at": "2026-01-25T00:00:00Z"})
        assert [row["id"] for row in desk.run()] == [61]
    finally:
        del NEWEST[0]

"""Paging is never silently short: every shape brings every row once, or is an error that names what to say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ErrorCode, Permanent
from records.definitions.dlt_extract import DltExtract

NEXT = "http://source/{}"
ROWS = [{"id": number, "name": f"person {number}"} for number in range(1, 26)]
HOST = "http://source"
Query = dict[str, str]


def part(first: int, size: int = 10) -> list[dict[str, Any]]:
    return ROWS[first : first + size]


def linked(shape: Callable[[list[Any], str | None], Any], form: str = "{}") -> Callable[[Query], Any]:
    """`shape` makes the answer of rows and of the next address, None at the end."""

    def serve(query: Query) -> Any:
        first = int(query.get("at", "0"))
        return shape(part(first), form.format(f"rows?at={first + 10}") if first + 10 < len(ROWS) else None)

    return serve


def pointed(param: str, shape: Callable[[list[Any], str | None], Any], word: str = "c{}") -> Callable[[Query], Any]:
    """`shape` makes the answer of rows and of the next cursor, which goes into `param`."""

    def serve(query: Query) -> Any:
        first = next((n for n in range(0, 30, 10) if query.get(param, "") == word.format(n)), 0)
        return shape(part(first), word.format(first + 10) if first + 10 < len(ROWS) else None)

    return serve


def numbered(
    shape: Callable[[list[Any], int], Any], param: str = "page", base: int = 1, size: int = 10
) -> Callable[[Query], Any]:
    def serve(query: Query) -> Any:
        page = int(query.get(param, str(base)))
        return shape(part((page - base) * size, size), page)

    return serve


def stepped(shape: Callable[[list[Any], int], Any], offset: str, limit: str) -> Callable[[Query], Any]:
    def serve(query: Query) -> Any:
        first, size = int(query.get(offset, "0")), int(query.get(limit, "10"))
        return shape(part(first, size), first)

    return serve


def dynamo(query: Query) -> Any:
    first = json.loads(query["ExclusiveStartKey"])["id"] if "ExclusiveStartKey" in query else 0
    rows = part(first)
    return {"Items": rows, "Count": len(rows)} | ({"LastEvaluatedKey": {"id": first + 10}} if first + 10 < 25 else {})


def stripe(query: Query) -> Any:
    first = int(query.get("starting_after", "0"))
    return {"object": "list", "url": "/v1/rows", "has_more": first + 10 < 25, "data": part(first)}


def header(name: str, param: str) -> Callable[[Query], Any]:
    return pointed(param, lambda rows, cursor: (rows, {name: cursor or ""}), "{}")


SHAPES: dict[str, Callable[[Query], Any]] = {
    "GitHub": linked(lambda rows, link: (rows, {"Link": f'<{link}>; rel="next", <x>; rel="last"'} if link else {})),
    "GitLab": header("X-Next-Page", "page"),
    "cursor in a header": header("x-next-cursor", "cursor"),
    "Azure DevOps": header("x-ms-continuationtoken", "continuationToken"),
    "Shopify REST": linked(lambda rows, link: ({"rows": rows}, {"Link": f"<{link}>; rel=next"} if link else {})),
    "HubSpot": pointed(
        "after", lambda rows, cursor: {"results": rows} | ({"paging": {"next": {"after": cursor}}} if cursor else {})
    ),
    "HubSpot with link": pointed(
        "after",
        lambda rows, cursor: {"results": rows}
        | ({"paging": {"next": {"after": cursor, "link": f"{HOST}/rows?after={cursor}"}}} if cursor else {}),
    ),
    "OData": linked(
        lambda rows, link: {"@odata.context": "x", "value": rows} | ({"@odata.nextLink": link} if link else {}),
        NEXT,
    ),
    "OData with a count": linked(
        lambda rows, link: {"@odata.count": 25, "value": rows} | ({"@odata.nextLink": link} if link else {}),
        NEXT,
    ),
    "Airtable": pointed(
        "offset", lambda rows, cursor: {"records": rows} | ({"offset": cursor} if cursor else {}), "itr{}/rec"
    ),
    "Pipedrive": pointed(
        "start",
        lambda rows, cursor: {
            "success": True,
            "data": rows,
            "additional_data": {
                "pagination": {"start": 0, "limit": 10, "more_items_in_collection": cursor is not None}
                | ({"next_start": int(cursor)} if cursor else {})
            },
        },
        "{}",
    ),
    "page and page_count": numbered(lambda rows, page: {"page": page, "page_count": 3, "items": rows}),
    "Laravel": numbered(lambda rows, page: {"data": rows, "meta": {"current_page": page, "last_page": 3, "total": 25}}),
    "Laravel with links": linked(
        lambda rows, link: {"data": rows, "links": {"first": "x", "next": link}, "meta": {"last_page": 3}}, NEXT
    ),
    "next_refresh_at before the link": linked(
        lambda rows, link: {"next_refresh_at": "2026-01-01T00:00:00Z", "links": {"next": link}, "data": rows},
        NEXT,
    ),
    "Stripe": stripe,
    "DynamoDB": dynamo,
    "Zendesk": linked(
        lambda rows, link: {"rows": rows, "next_page": link, "previous_page": None, "count": 25}, NEXT
    ),
    "Zendesk, cursors": linked(
        lambda rows, link: {
            "rows": rows,
            "meta": {"has_more": link is not None, "after_cursor": "a", "before_cursor": "b"},
            "links": {"next": link, "prev": "x"},
        },
        NEXT,
    ),
    "Jira": stepped(
        lambda rows, first: {"startAt": first, "maxResults": 10, "total": 25, "issues": rows}, "startAt", "maxResults"
    ),
    "Jira, tokens": pointed(
        "pageToken",
        lambda rows, cursor: {"issues": rows, "isLast": cursor is None}
        | ({"nextPageToken": cursor} if cursor else {}),
    ),
    "Salesforce": linked(
        lambda rows, link: {"totalSize": 25, "done": link is None, "records": rows}
        | ({"nextRecordsUrl": link} if link else {}),
        "/{}",
    ),
    "Notion": pointed(
        "cursor",
        lambda rows, cursor: {"object": "list", "results": rows, "next_cursor": cursor, "has_more": cursor is not None},
    ),
    "Slack": pointed(
        "cursor",
        lambda rows, cursor: {"ok": True, "members": rows, "response_metadata": {"next_cursor": cursor or ""}},
    ),
    "Google": pointed(
        "pageToken",
        lambda rows, cursor: {"kind": "k", "etag": "e"}
        | ({"items": rows} if rows else {})
        | ({"nextPageToken": cursor} if cursor else {"nextSyncToken": "s"}),
    ),
    "Microsoft Graph": linked(
        lambda rows, link: {"value": rows} | ({"@odata.nextLink": link} if link else {"@odata.deltaLink": "d"}),
        NEXT,
    ),
    "Django REST": linked(lambda rows, link: {"count": 25, "next": link, "previous": None, "results": rows}, NEXT),
    "Spring Data": numbered(
        lambda rows, page: {
            "content": rows,
            "pageable": {"pageNumber": page, "pageSize": 10, "offset": page * 10},
            "number": page,
            "totalPages": 3,
            "totalElements": 25,
            "last": page == 2,
        },
        base=0,
    ),
    "JSON:API": linked(
        lambda rows, link: {"data": rows, "included": [{"id": "x"}], "links": {"self": "s", "next": link}}, NEXT
    ),
    "JSON:API with objects": linked(
        lambda rows, link: {"data": rows, "links": {"next": {"href": link} if link else None}}, NEXT
    ),
    "HAL": linked(
        lambda rows, link: {
            "_embedded": {"rows": rows},
            "_links": {"self": {"href": "s"}} | ({"next": {"href": link}} if link else {}),
        },
        NEXT,
    ),
    "Intercom": pointed(
        "starting_after",
        lambda rows, cursor: {
            "type": "list",
            "data": rows,
            "pages": {"type": "pages", "page": 1, "total_pages": 3}
            | ({"next": {"page": 2, "starting_after": cursor}} if cursor else {}),
        },
    ),
    "Xero": numbered(
        lambda rows, page: {"pagination": {"page": page, "pageSize": 10, "pageCount": 3, "itemCount": 25}, "Rows": rows}
    ),
    "Facebook": pointed(
        "after",
        lambda rows, cursor: {
            "data": rows,
            "paging": {"cursors": {"after": cursor, "before": "b"}} if cursor else {},
        },
    ),
    "Facebook with a link": linked(
        lambda rows, link: {"data": rows, "paging": {"cursors": {"after": "a"}, "next": link} if link else {}},
        NEXT,
    ),
    "Twilio": linked(lambda rows, link: {"rows": rows, "next_page_uri": link, "page": 0, "page_size": 10}, "/{}"),
    "Klaviyo": linked(lambda rows, link: {"data": rows, "links": {"self": "s", "next": link, "prev": None}}, NEXT),
    "GraphQL's pageInfo": pointed(
        "after",
        lambda rows, cursor: {
            "rows": {"nodes": rows, "pageInfo": {"hasNextPage": cursor is not None, "endCursor": cursor or "z"}}
        },
    ),
    "Square": pointed("cursor", lambda rows, cursor: {"rows": rows} | ({"cursor": cursor} if cursor else {})),
    "Pinterest": pointed("bookmark", lambda rows, cursor: {"items": rows, "bookmark": cursor}),
    "Amazon": pointed(
        "NextToken", lambda rows, cursor: {"payload": {"Rows": rows} | ({"NextToken": cursor} if cursor else {})}
    ),
    "AWS": pointed("nextToken", lambda rows, cursor: {"rows": rows} | ({"nextToken": cursor} if cursor else {})),
    "Bitbucket server": pointed(
        "start",
        lambda rows, cursor: {"values": rows, "isLastPage": cursor is None, "size": 10, "start": 0}
        | ({"nextPageStart": int(cursor)} if cursor else {"nextPageStart": None}),
        "{}",
    ),
    "Bitbucket": linked(lambda rows, link: {"values": rows, "pagelen": 10} | ({"next": link} if link else {}), NEXT),
    "next is a number of a page": numbered(
        lambda rows, page: {"page": page, "next": page + 1 if page < 3 else None, "items": rows}
    ),
    "next_page is a number": numbered(
        lambda rows, page: {"items": rows, "pagination": {"page": page, "next_page": page + 1 if page < 3 else 0}}
    ),
    "has_more is 1": numbered(
        lambda rows, page: {"items": rows, "page": page, "total_pages": 3, "has_more": 1 if page < 3 else 0}
    ),
    "offset, limit and total": stepped(
        lambda rows, first: {"offset": first, "limit": 10, "total": 25, "items": rows}, "offset", "limit"
    ),
    "skip, limit and total": stepped(
        lambda rows, first: {"rows": rows, "total": 25, "skip": first, "limit": 10}, "skip", "limit"
    ),
    "page, per_page and total": numbered(
        lambda rows, page: {"page": page, "per_page": 10, "total": 25, "rows": rows}
    ),
    "pages without saying which one": numbered(lambda rows, page: {"rows": rows, "total_pages": 3}),
    "next is empty text": linked(lambda rows, link: {"rows": rows, "next": link or ""}, NEXT),
    "next is false": linked(lambda rows, link: {"rows": rows, "next": link or False}, NEXT),
    "errors is an empty list": linked(lambda rows, link: {"errors": [], "widgets": rows, "next": link}, NEXT),
    "a relative query": linked(lambda rows, link: {"rows": rows, "next": link and link.removeprefix("rows")}),
    "Elasticsearch with a total": stepped(
        lambda rows, first: {"hits": {"total": {"value": 25}, "hits": rows}, "from": first, "size": 10},
        "from",
        "size",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_auto_brings_every_row_of_every_common_shape(new_desk: Any, shape: str) -> None:
    desk = new_desk({"resources": ["rows"]}, SHAPES[shape])
    assert sorted(row["id"] for row in desk.run()) == list(range(1, 26))


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        ({"data": ROWS[:10], "total": 25}, {}, "10 of 25 rows, as total says"),
        ({"data": ROWS[:10], "meta": {"totalCount": "25"}}, {}, "10 of 25"),
        ({"data": ROWS[:10], "has_more": 1}, {}, "has_more says that there is more"),
        ({"data": ROWS[:10], "hasMore": "true"}, {}, "says that there is more"),
        ({"data": ROWS[:10], "last": False}, {}, "says that there is more"),
        ({"data": ROWS[:10], "isLast": False}, {}, "says that there is more"),
        ({"data": ROWS[:10], "_scroll_id": "DnF1ZXJ5"}, {}, "_scroll_id seems to lead to more"),
        ({"data": ROWS[:10], "scan_cursor": "abc"}, {}, "scan_cursor seems to lead to more"),
        ({"data": ROWS[:10], "paging": {"next": {"somewhere": "abc"}}}, {}, "seems to lead to more"),
        (ROWS[:10], {"X-Total-Count": "25"}, "10 of 25 rows, as the header"),
        (ROWS[:10], {"X-Total-Pages": "3"}, "3 pages"),
        (ROWS[:10], {"Content-Range": "items 0-9/25"}, "10 of 25"),
        ({"data": ROWS[:10], "page": 2, "total_pages": 3}, {}, "began at page 2"),
    ],
)
def test_what_looks_like_paging_and_is_not_understood_is_refused(
    new_desk: Any, body: Any, headers: dict[str, str], message: str
) -> None:
    with pytest.raises(Permanent, match=message) as raised:
        new_desk({"resources": ["rows"]}, lambda query: (body, headers)).run()
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert "paginator: single_page" in raised.value.message
    assert "person" not in str(raised.value.as_json())
    assert new_desk({"resources": ["rows"], "paginator": "single_page"}, lambda query: (body, headers)).run()


@pytest.mark.parametrize(
    "body",
    [
        {"data": ROWS[:3], "total": 3},
        {"data": ROWS[:3], "has_more": False, "next_cursor": "abc"},
        {"data": ROWS[:3], "next": None, "next_sync_at": "2026-01-01"},
        {"data": ROWS[:3], "nextSyncToken": "abc", "@odata.deltaLink": "http://x/delta"},
        {"data": ROWS[:3], "page": 1, "total_pages": 1, "prev_cursor": "abc"},
        {"id": 7, "name": "one object", "next_invoice": "2026-01-01", "total": 5000},
    ],
)
def test_one_page_that_is_all_there_is_is_no_error(new_desk: Any, body: Any) -> None:
    desk = new_desk({"resources": ["rows"]}, lambda query: body)
    assert len(desk.run()) == len(body.get("data", [1]))
    assert len(desk.asked) == 1


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
        (SHAPES["Laravel"], {"type": "page_number", "total_path": "data"}, "no whole number"),
        (SHAPES["Laravel"], {"type": "page_number", "has_more_path": "data"}, "neither true nor false"),
        (SHAPES["Laravel"], {"type": "json_link", "next_url_path": "meta"}, "no address"),
        (SHAPES["Pipedrive"], {"type": "json_link", "next_url_path": "additional_data.pagination.limit"}, "no address"),
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
    ],
)
def test_an_answer_without_rows_makes_none(new_desk: Any, body: Any, selector: str | None, expected: int) -> None:
    resource = {"name": "things", "path": "rows"} | ({"data_selector": selector} if selector else {})
    assert len(new_desk({"resources": [resource | {"name": "rows"}]}, lambda query: body).run()) == expected


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
@settings(max_examples=150)
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

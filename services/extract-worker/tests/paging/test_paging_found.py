"""`auto` follows what it understands, refuses what looks like more rows, and takes the rest for all there is."""

from typing import Any

import pytest
import requests

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.paging.detection import detect
from vai_testkit.servers.paging_shapes import HOST, ROWS, Query, part

FULL = ROWS[:10]
SELF, NEXT = {"rel": "self", "href": "s"}, {"rel": "next", "href": f"{HOST}/rows?page=2"}


def answer(body: Any, headers: dict[str, str], status: int) -> requests.Response:
    response = requests.Response()
    response.status_code, response.url = status, f"{HOST}/rows"
    response.headers.update(headers)
    response.json = lambda **kwargs: body  # type: ignore[method-assign]
    return response


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


BESIDE: list[dict[str, Any]] = [
    {"nbHits": 25, "nbPages": 3, "page": 0, "hitsPerPage": 10},
    {"nbPages": 3},
    {"found": 25, "out_of": 100, "page": 1},
    {"numberMatched": 25, "numberReturned": 10},
    {"matched": 25, "returned": 10},
    {"totalRecordCount": 25},
    {"results_count": 25},
    {"total_matches": 25},
    {"all_count": 25},
    {"available": 25, "returned": 10},
    {"matching": 25},
    {"showing": "1-10 of 25"},
    {"page": "1/3"},
    {"page": "Page 1 of 3"},
    {"moreDataAvailable": True},
    {"incomplete_results": True},
    *({name: False} for name in ("finished", "end_of_results", "reachedEnd", "exhausted", "endOfList")),
    {"after": "abc"},
    {"iterator": "abc"},
    {"forward": "https://a.b/c"},
]
NOT_BESIDE: list[dict[str, Any]] = [
    {"total_amount": 5000, "max_results": 100, "took_ms": 250, "version": 25, "account_id": 99, "page": "10/10"},
    {"matched": 10, "returned": 10, "incomplete_results": False, "reachedEnd": True, "showing": "1-10 of 10"},
    {"allow_partial": True, "more_info": True, "quota_total": 5000, "number": 25, "is_last_name_shown": False},
    {"nbPages": 1, "nbHits": 10, "range": "2026-01-01/2026-02-01", "position": "north"},
]


@pytest.mark.parametrize("beside", NOT_BESIDE)
def test_what_says_nothing_of_rows_is_no_sign(beside: dict[str, Any]) -> None:
    assert detect(answer({"items": FULL} | beside, {}, 200), FULL).type == "single_page"


MORE: list[Any] = [
    *({"items": FULL} | beside for beside in BESIDE),
    {"items": FULL, "nextPage": {"number": 2}},
    {"items": FULL, "pagination": {"next": {"page": 2, "limit": 10}}},
    {"items": FULL, "next_page": {"offset": "10"}},
    {"items": FULL, "next": True},
    {"items": FULL, "more_url": f"{HOST}/rows?page=2"},
    {"items": FULL, "links": {"newer": None, "older": f"{HOST}/rows?page=2"}},
    {"items": FULL, "resumptionToken": "2a"},
    {"items": FULL, "resumptionToken": 2},
    {"items": FULL, "token": "abc"},
    {"items": FULL, "Marker": {"id": 7}},
    {"items": FULL, "cursor": 10},
    {"items": FULL, "offset": 10},
    {"items": FULL, "hasMoreOrders": True},
    {"items": FULL, "isComplete": False},
    {"response": {"cursor": 0, "results": FULL, "count": 10, "remaining": 15}},
    {"metadata": {"remainingItemCount": 15}, "items": FULL},
    {"continue": {"apcontinue": "B", "continue": "-||"}, "query": {"allpages": FULL}},
    {"page": 1, "per_page": 10, "items": FULL},
    {"offset": 0, "limit": 10, "items": FULL},
    {"meta": {"pageNumber": 1, "pageSize": 10}, "items": FULL},
    {"QueryResponse": {"Invoice": FULL, "startPosition": 1, "maxResults": 10}},
    {"Total": "25 records", "Data": FULL},
    {"Total": "1-10 of 1,025", "Data": FULL},
    {"users": FULL, "total_users": 25},
    {"users": FULL, "users_count": 25},
    {"data": FULL, "page": 1, "total_pages": 1, "total": 25},
    {"kind": "Listing", "data": {"after": "t3_10", "dist": 10, "children": FULL, "before": None}},
    {"objectIdFieldName": "id", "exceededTransferLimit": True, "features": FULL},
    *(
        {name: True, "features": FULL}
        for name in (
            "limitReached",
            "limit_exceeded",
            "resultsTruncated",
            "isPartial",
            "hasAdditionalResults",
            "truncated_results",
            "is_truncated",
            "row_limit_reached",
            "resultLimitExceeded",
            "maxRowsReached",
            "response_truncated",
        )
    ),
    {"data": FULL, "no_more": False},
    {"data": FULL, "noMoreData": False},
    {"data": FULL, "lastKey": {"pk": "a"}},
    {"data": FULL, "pagingState": "AB"},
    {"data": FULL, "search_after": [9, "a"]},
]


@pytest.mark.parametrize("body", MORE)
def test_any_sign_of_more_that_is_not_understood_is_refused(body: Any) -> None:
    with pytest.raises(Permanent, match="paginator: single_page") as raised:
        detect(answer(body, {}, 200), FULL)
    assert "person" not in str(raised.value.as_json())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Range": "0-9/25"}, 200),
        ({"Content-Range": "0-9/25"}, 206),
        ({"Content-Range": "0-9/*"}, 206),
        ({"Content-Range": "items=0-9/25"}, 200),
        ({}, 206),
        ({"Next-Range": "id 11..20"}, 200),
        ({"X-Has-More": "true"}, 200),
        ({"X-Pagination": '{"TotalCount": 25, "PageSize": 10}'}, 200),
        ({"X-Pagination": '{"HasNext": true}'}, 200),
        ({"Link": f'<{HOST}/rows?page=2>; rel="next last"'}, 200),
        ({"Link": f'<{HOST}/rows?page=2>; title="a, b; c"; rel="last next"'}, 200),
        ({"Link": f'<{HOST}/rows?page=2>; rel="http://api.example.com/rels/next"'}, 200),
        ({"Link": "</rows?page=2>; REL=NEXT"}, 200),
        ({"Pagination-Count": "25"}, 200),
        ({"X-Pagination-Total-Count": "25"}, 200),
        ({"X-Pagination-Page-Count": "3"}, 200),
        *(
            ({name: "25"}, 200)
            for name in (
                "Total",
                "X-Total-Records",
                "X-Paging-TotalRecordCount",
                "X-Items-Total",
                "X-Result-Count",
                "X-Count",
                "X-Query-Result-Size",
                "X-WP-Total",
                "X-Matched",
                "Total-Results",
            )
        ),
        *(({name: "3"}, 200) for name in ("X-Last-Page", "X-Max-Page", "X-WP-TotalPages", "X-Paging-PageCount")),
        ({"X-Truncated": "true"}, 200),
    ],
)
def test_a_sign_of_more_in_headers_is_refused(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Permanent, match="paginator: single_page"):
        detect(answer(FULL, headers, status), FULL)


ALL: list[Any] = [
    {"items": FULL},
    {"items": FULL, "count": 10},
    {"items": FULL, "page": 1, "count": 10},
    {"items": FULL, "page": 1, "per_page": 100},
    {"items": FULL, "page": 1, "per_page": 10, "total": 10},
    {"items": FULL, "page": 1, "per_page": 10, "next": None},
    {"items": FULL, "page": 1, "per_page": 10, "next_page_url": None},
    {"items": FULL, "page": 1, "per_page": 10, "has_more": False, "token": "abc"},
    {"items": FULL, "start": 0, "size": 10, "isLastPage": True},
    {"items": FULL, "offset": 0, "remaining": 0, "next_page": {}},
    {"items": FULL, "next_page": {"uri": None}},
    {"items": FULL, "links": [SELF]},
    {"items": FULL, "rate_limit": {"limit": 60, "remaining": 59}, "quota_remaining": 297},
    {"items": FULL, "access_token": "abc", "request_token": "abc", "nextSyncToken": "s", "more_info": "see"},
    {"items": FULL, "context": "c", "next_run_at": 17, "nextBillingDate": "soon", "usage": {"total_tokens": 5}},
    {"items": FULL, "poll_after": 30, "retry_after": 5},
    {"items": FULL, "total": "10 records"},
]


@pytest.mark.parametrize("body", ALL)
def test_what_says_nothing_of_more_is_all_there_is(body: Any) -> None:
    assert detect(answer(body, {}, 200), FULL).type == "single_page"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Total-Count": "10"}, {"X-Total-Time": "125"}, {"X-Rate-Limit-Total": "5000"}, {"Content-Length": "9000"},
        {"X-Page": "3"}, {"X-Request-Count": "77"}, {"X-Total-Bytes": "900"}, {"Age": "300"}, {"X-Version": "25"},
        {"X-Total-Pages": "1"}, {"X-Truncated": "false"}, {"X-Allow-More": "true"},
    ],
)  # fmt: skip
def test_headers_that_count_something_else_or_no_more_say_nothing_of_more(headers: dict[str, str]) -> None:
    assert detect(answer(FULL, headers, 200), FULL).type == "single_page"


def test_a_part_that_is_the_last_one_is_all_there_is() -> None:
    assert detect(answer(FULL, {"Content-Range": "0-9/10", "X-Next-Cache-Tags": "a"}, 206), FULL).type == "single_page"


def linked(shape: Any) -> Any:
    """`shape` makes the answer of rows and of the list of links."""

    def serve(query: Query) -> Any:
        page = int(query.get("page", "1"))
        more = [{"rel": "next", "href": f"{HOST}/rows?page={page + 1}"}] if page < 3 else []
        return shape(part(page * 10 - 10), [SELF, *more])

    return serve


def buttons(links: Any, label: str) -> Any:
    """As Laravel writes them."""
    numbers = [{"url": f"{HOST}/rows?page={n}", "label": str(n), "active": n == 1} for n in (1, 2, 3)]
    ahead = {"url": links[1]["href"] if links[1:] else None, "label": label, "active": False}
    return [{"url": None, "label": "&laquo; Previous", "active": False}, *numbers, ahead]


FOLLOWED = [
    linked(lambda rows, links: {"links": links, "items": rows}),
    linked(lambda rows, links: {"meta": {"links": links}, "items": rows}),
    linked(lambda rows, links: {"servers": rows, "servers_links": links[1:]}),
    linked(lambda rows, links: {"resourceType": "Bundle", "link": [
        {"relation": one["rel"], "url": one["href"]} for one in links], "entry": rows}),
    linked(lambda rows, links: {"items": rows, "next_page": {"uri": links[1]["href"]} if links[1:] else None}),
    linked(lambda rows, links: {"data": rows, "next_page": {
        "offset": "10", "path": "/rows", "uri": links[1]["href"]} if links[1:] else None}),
    linked(lambda rows, links: {"data": rows, "links": buttons(links, "Next &raquo;")}),
    linked(lambda rows, links: {"data": rows, "meta": {"links": buttons(links, "pagination.next")}}),
]  # fmt: skip


@pytest.mark.parametrize("serve", FOLLOWED)
def test_links_in_lists_and_in_objects_are_followed(new_desk: Any, serve: Any) -> None:
    desk = new_desk({"resources": ["rows"]}, serve)
    assert [row["id"] for row in desk.run()] == list(range(1, 26))


@pytest.mark.parametrize("kills", [(), (3,), (4,)])
def test_a_next_link_that_is_always_there_ends_after_all_rows(new_desk: Any, kills: tuple[int, ...]) -> None:
    """CKAN has one beyond the end, too."""

    def serve(query: Query) -> Any:
        first = int(query.get("offset", "0"))
        link = f"/rows?offset={first + 10}"
        return {"success": True, "result": {"records": part(first), "_links": {"next": link}, "total": 25}}

    desk = new_desk({"resources": ["rows"], "slice_rows": 1}, serve)
    assert [row["id"] for row in desk.run(*kills)] == list(range(1, 26))
    assert len(desk.asked) <= 5 + len(kills)


# By its place -------------------------------------------------------------------------------------------------------

DEEP_MORE: list[Any] = [
    {"data": {"viewer": {"repositories": {"edges": FULL, "pageInfo": {"hasNextPage": True}}}}},
    {
        "data": {
            "viewer": {"repositories": {"edges": [{"node": row} for row in FULL], "pageInfo": {"hasNextPage": True}}}
        }
    },
    {"response": {"header": {"code": "00"}, "body": {"items": {"item": FULL}, "pageNo": 1, "totalCount": 25}}},
    {"a": {"b": {"c": {"d": {"e": {"rows": FULL, "total": 25}}}}}},
    {"a": {"b": {"c": {"d": {"rows": FULL}, "hasMore": True}}}},
    {"paging": {"current": 1, "total": 3}, "results": 10, "response": FULL},
    {"pager": {"current": 0, "last": 2}, "data": FULL},
    {"page": {"current": 1, "last": 30}, "data": FULL},
    {"page": {"index": 0, "count": 3}, "data": FULL},
    {"pagination": {"current": 1, "of": 3}, "data": FULL},
    {"paging": {"number": 1, "max": 3}, "data": FULL},
    {"page": 1, "last": 3, "data": FULL},
    {"data": {"pageNo": 0, "of": 2, "rows": FULL}},
    {"pagina": 1, "total_de_paginas": 3, "registros": 10, "total_de_registros": 25, "clientes": FULL},
    {"anzahl": 25, "daten": FULL},
    {"nombre_total": 25, "resultats": FULL},
    {"note": {"returned": 10, "matched": 25}, "data": FULL},
    {"meta": {"results": {"total": 25}}, "data": FULL},
    {"extra": {"pagination": {"total_count": 25}}, "data": FULL},
]


@pytest.mark.parametrize("body", DEEP_MORE)
def test_a_sign_of_more_counts_on_each_level_that_leads_to_the_rows(body: Any) -> None:
    rows = FULL
    with pytest.raises(Permanent, match="paginator: single_page"):
        found = detect(answer(body, {}, 200), rows)
        assert found.type == "cursor", found
        raise Permanent(ErrorCode.DATA_ERROR, "paginator: single_page", {})


OTHER_TOTALS: list[Any] = [
    {"_shards": {"total": 50, "successful": 50}, "hits": {"total": {"value": 10}, "hits": FULL}},
    {"_shards": {"total": 50}, "hits": {"total": {"value": 10}, "hits": [{"_source": row} for row in FULL]}},
    {"totals": {"clicks": 500, "items": 75}, "rows": FULL},
    {"facets": {"status": {"total": 50}}, "results": FULL},
    {"previous": {"total": 90}, "comparison": {"total": 44}, "data": FULL},
    {"plan": {"seats": {"total": 50, "used": 10}}, "users": FULL},
    {"licenses": {"total": 50, "available": 40}, "users": FULL},
    {"sku": "X", "available": 250, "warehouses": FULL},
    {"metadata": {"limit": 20000, "offset": 1, "count": 10}, "features": FULL},
    {"metadata": {"resultset": {"offset": 1, "count": 10, "limit": 25}}, "results": FULL},
    {"builds": FULL, "nextBuildNumber": 123, "next_gameweek": 15, "next_invoice_number": 7},
    {"page": 1, "count": 10, "max": 100, "items": FULL},
    {"page": {"number": 1, "total": 10}, "items": FULL},
    {"page": {"current": 1, "last": 1}, "items": FULL},
    {"invoices": FULL, "total": 5000, "currency": "EUR"},
    {"lines": FULL, "subtotal": 4000, "tax": 1000, "total": 5000},
    {"summary": {"total": 120, "vat": 20}, "orders": FULL},
]


@pytest.mark.parametrize("body", OTHER_TOTALS)
def test_a_total_of_something_else_is_no_sign(body: Any) -> None:
    assert detect(answer(body, {}, 200), FULL).type == "single_page"


def test_a_total_to_which_a_column_of_the_rows_adds_up_counts_no_rows() -> None:
    rows = [{"id": number, "amount": 50 * number + 0.5} for number in range(10)]
    detected = detect(answer({"invoices": rows, "total": 2255}, {}, 200), rows)
    assert detected.type == "single_page"
    with pytest.raises(Permanent, match="10 of 2256 rows"):
        detect(answer({"invoices": rows, "total": 2256}, {}, 200), rows)
    with pytest.raises(Permanent, match="10 of 2255 rows"):
        detect(answer({"invoices": rows, "total": 2255, "per_page": 10}, {}, 200), rows)


def test_a_total_of_something_else_is_no_end(new_desk: Any) -> None:
    def serve(query: Query) -> Any:
        rows = [{"v": number} for number in range(25)][int(query["page"]) * 10 - 10 :][:10]
        return {"data": rows, "plan": {"seats": {"total": 500}}, "previous": {"total": 90}}

    desk = new_desk({"resources": ["rows"], "paginator": "page_number"}, serve)
    assert len(desk.run()) == 25
    assert desk.warnings == []


def test_rows_below_wrappings_are_found_however_deep(new_desk: Any) -> None:
    body = {"response": {"header": {"code": "00"}, "body": {"items": {"item": ROWS[:3]}, "totalCount": 3}}}
    assert len(new_desk({"resources": ["rows"]}, lambda query: body).run()) == 3

"""How public APIs page, as functions from a request's parameters to the answer: a body, or (body, headers).

All have the same 25 rows, ten on a page.
"""

import json
from collections.abc import Callable
from typing import Any

HOST = "http://source"
NEXT = "http://source/{}"
ROWS = [{"id": number, "name": f"person {number}"} for number in range(1, 26)]
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

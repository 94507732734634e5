"""Finds out from a source's first answer how it pages.

If an answer has more pages and its paging is not understood, that is an error, so that no page is missed silently.
"""

import re
from typing import Any

from requests import Response

from vai_extract_worker.paging.counts import misled, truth_of
from vai_extract_worker.paging.envelope import (
    OFFSETS,
    PAGE_COUNTS,
    PAGES,
    PLACES,
    TOTALS,
    Entry,
    counts_rows,
    entries_of,
    way_to,
    whole,
)
from vai_extract_worker.paging.signs_of_more import is_moment, is_no_page, says_more, sign_of_more
from vai_extract_worker.values.selection import plain, quoted
from vai_records.definitions.sources import paginators as given

_HEADER_TOKENS = {
    "x-next-page": "page",
    "x-next-cursor": "cursor",
    "x-cursor-next": "cursor",
    "next-cursor": "cursor",
    "x-next": "next",
    "x-next-page-token": "page_token",
    "next-page-token": "page_token",
    "nextpagetoken": "pageToken",
    "x-next-token": "next_token",
    "x-ms-continuation": "continuation",
    "x-ms-continuationtoken": "continuationToken",
    "x-continuation-token": "continuationToken",
    "x-next-offset": "offset",
    "x-nextcursor": "cursor",
    "cursor-next": "cursor",
}
_TOKENS = {
    "nextToken": "nextToken",
    "NextToken": "NextToken",
    "next_token": "next_token",
    "nextPageKey": "nextPageKey",
    "LastEvaluatedKey": "ExclusiveStartKey",
    "lastEvaluatedKey": "exclusiveStartKey",
    "endCursor": "after",
    "end_cursor": "after",
    "bookmark": "bookmark",
    "cursor": "cursor",
    "continuation": "continuation",
    "continuationToken": "continuationToken",
    "continuation_token": "continuation_token",
    "ContinuationToken": "ContinuationToken",
    "NextContinuationToken": "continuation-token",
    "pagination_token": "pagination_token",
    "paginationToken": "paginationToken",
    "page_token": "page_token",
    "pageToken": "pageToken",
    "after_cursor": "after_cursor",
    "afterCursor": "after",
}
_SIZES = ("perpage", "pagesize", "size", "limit", "maxresults", "max", "count", "itemsperpage", "top", "take", "rows")


def detect(response: Response, data: list[Any]) -> given.Paginator:
    """The paginator for a source. Raises `Permanent` if it has more pages and does not show how they are reached."""
    if response.links.get("next"):
        return given.HeaderLink()
    if header := _header_cursor(response):
        return header
    body = response.json()
    if isinstance(body, dict) and not (len(data) == 1 and data[0] is body):
        entries = list(entries_of(body, data))
        found = _followed(entries, data) or _counted(entries, data, way_to(body, data))
        if found and not isinstance(found, given.SinglePage):
            return found
    if sign := sign_of_more(response, data):
        raise misled(sign)
    return given.SinglePage()


# Links and cursors --------------------------------------------------------------------------------------------------


def _header_cursor(response: Response) -> given.Paginator | None:
    for name, value in response.headers.items():
        if value.strip() and (param := _HEADER_TOKENS.get(name.lower())):
            return given.HeaderCursor(cursor_key=name, cursor_param=param)
    return None


def _followed(entries: list[Entry], data: list[Any]) -> given.Paginator | None:
    more = next((entry for entry in entries if says_more(entry.name) and truth_of(entry.value) is not None), None)
    if more is not None and truth_of(more.value) is False:
        return None
    if link := _link(entries):
        return given.JsonLink(next_url_path=link.place)
    if not data and more is None:
        return None
    has_more = more.place if more else None
    for entry in entries:
        if param := _param(entry, entries, data):
            return given.Cursor(cursor_path=entry.place, cursor_param=param, has_more_path=has_more)
    if more and data and all(isinstance(row, dict) and row.get("id") for row in data):
        return _after_the_last(entries, more)
    return None


def _after_the_last(entries: list[Entry], more: Entry) -> given.Paginator | None:
    """Stripe's paging: {"object": "list", "data": [...], "has_more": true}; the next page begins after the last row's
    id.
    """
    if any(entry.path == ("object",) and entry.value == "list" for entry in entries):
        return given.Cursor(cursor_path="data[-1].id", cursor_param="starting_after", has_more_path=more.place)
    return None


def _link(entries: list[Entry]) -> Entry | None:
    links = [entry for entry in entries if _is_link(entry)]
    return min(links, key=lambda entry: (entry.name != "next" and entry.group != "next", len(entry.path)), default=None)


def _is_link(entry: Entry) -> bool:
    value = entry.value
    if not isinstance(value, str) or not value.startswith(("http://", "https://", "/", "?")):
        return bool(entry.filter) and isinstance(value, str)
    if entry.name in ("href", "url", "uri"):
        return entry.group.startswith("next")
    named = entry.name.removeprefix("odata")
    return named in ("next", "nextlink", "nexturl", "nexturi", "nexthref") or (
        named.startswith("next") and not is_no_page(entry.path[-1])
    )


def _param(entry: Entry, entries: list[Entry], data: list[Any]) -> str | None:
    """The parameter that takes the value. None if the value does not lead to a next page."""
    value, key = entry.value, entry.path[-1]
    if not value or isinstance(value, bool | float | list) or is_moment(value):
        return None
    if isinstance(value, dict):
        return _TOKENS.get(key) if "valuatedKey" in key else None
    if entry.group in ("next", "cursors") and entry.name in ("after", "startingafter", "next", "cursor", "token"):
        return {"next": "cursor", "cursor": "cursor", "token": "page_token"}.get(entry.name, key)
    if entry.name == "next":
        return _param_of_next(value, entries, data)
    if key == "offset":
        return "offset" if isinstance(value, str) and not value.isdigit() else None
    if key == "nextPageStart":  # Bitbucket's server
        return "start"
    if key in _TOKENS:
        return _TOKENS[key] if isinstance(value, str) else None
    if not entry.name.startswith("next") or is_no_page(key):
        return None
    rest = re.sub(r"^next_?", "", key, flags=re.IGNORECASE)
    return rest[:1].lower() + rest[1:] if rest else None


def _param_of_next(value: Any, entries: list[Entry], data: list[Any]) -> str:
    number = whole(value)
    if number is not None and number == (_first(entries, PAGES) or 0) + 1:
        return "page"
    return "offset" if number is not None and number == (_first(entries, OFFSETS) or 0) + len(data) else "cursor"


# Numbers and offsets ------------------------------------------------------------------------------------------------


def _counted(entries: list[Entry], data: list[Any], way: tuple[str, ...] | None) -> given.Paginator | None:
    pages = next((one for one in entries if one.name in PAGE_COUNTS and whole(one.value) is not None), None)
    numbers = [one for name in PAGES for one in entries if one.name == name and whole(one.value) is not None]
    at = min(numbers, key=lambda one: len(one.path), default=None)
    if pages is not None:
        return _numbered(pages, at)
    totals = (one for one in entries if one.name in TOTALS and counts_rows(one, entries, way, len(data)))
    total = next((one for one in totals if (whole(one.value) or 0) > len(data)), None)
    size = next((one for name in _SIZES for one in entries if one.name == name and whole(one.value) == len(data)), None)
    offset = next((one for name in OFFSETS for one in entries if one.name == name and _begins(one)), None)
    more = next((one for one in entries if says_more(one.name) and truth_of(one.value) is True), None)
    if not data or (total is None and more is None) or size is None or size is total:
        return None
    if offset is not None:
        return given.Offset(
            limit=len(data),
            offset=whole(offset.value) or 0,
            offset_param=offset.path[-1],
            limit_param=size.path[-1],
            has_more_path=more.place if total is None and more is not None else None,
            total_path=None if total is None else _place_of(total),
        )
    if at is not None and whole(at.value) in (0, 1):
        base, param = int(whole(at.value) or 0), _page_param(at)
        if total is None:
            return given.PageNumber(base_page=base, page_param=param, has_more_path=more.place if more else None)
        count = -(-(whole(total.value) or 0) // len(data))
        return given.PageNumber(base_page=base, page_param=param, maximum_page=count)
    return None


def _place_of(total: Entry) -> str:
    return quoted((*total.path, "value") if isinstance(total.value, dict) else total.path)


def _begins(place: Entry) -> bool:
    """The offset of the first row: 0, or 1 if the parameter's name says so, as SCIM's does."""
    return whole(place.value) == 0 or (place.name == "startindex" and whole(place.value) == 1)


def _numbered(pages: Entry, at: Entry | None) -> given.Paginator:
    first = None if at is None else whole(at.value)
    if (whole(pages.value) or 0) <= 1:
        return given.SinglePage()
    if first not in (None, 0, 1):
        raise misled(f"the source began at page {first}")
    param = "page" if at is None else _page_param(at)
    return given.PageNumber(base_page=1 if first is None else first, page_param=param, total_path=pages.place)


def _page_param(at: Entry) -> str:
    return at.path[-1] if at.name in ("pagenumber", "pageno", "pageindex", "pagenum") else "page"


def tells_its_page(response: Response, data: list[Any]) -> bool:
    """Whether an answer says which page it is. That shows from which number its source counts."""
    return any(one.name in PAGES and whole(one.value) is not None for one in entries_of(response.json(), data))


def places_told(response: Response, data: list[Any], param: str | None) -> dict[tuple[str, ...], int]:
    """The page numbers and offsets in an answer. With `param`, only those that have this parameter's name."""
    return {
        one.path: number
        for one in entries_of(response.json(), data)
        if (one.name in PLACES if param is None else one.name == plain(param))
        and (number := whole(one.value)) is not None
    }


def total_told(response: Response, data: list[Any]) -> int | None:
    """The number of all rows, as an answer gives it."""
    found = (whole(one.value) for one in entries_of(response.json(), data) if one.name in TOTALS)
    return next((total for total in found if total), None)


def _first(entries: list[Entry], names: tuple[str, ...]) -> int | None:
    return next((whole(one.value) for name in names for one in entries if one.name == name), None)

"""How a source pages, found out from its first answer; and what in an answer says that there are more rows.

What looks like paging, is not understood, and says that there is more, is an error: never a missing page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from requests import Response

from extract_worker.paginators import misled, truth_of
from extract_worker.selection import plain, quoted, words
from extract_worker.state import Json
from records.definitions import paginators as given

_DEEPEST = 4

_TOTALS = words(
    "total count totalcount totalresults totalitems totalrows totalrecords totalelements totalsize totalentries "
    "totalhits numfound recordcount resultcount itemstotal recordstotal odatacount estimatedtotal"
)
_PAGE_COUNTS = words("totalpages pages pagecount lastpage numpages numberofpages pagetotal totalpagecount")
_PAGES = ("page", "currentpage", "pagenumber", "pageno", "pageindex", "number", "pagenum", "current")
_SIZES = ("perpage", "pagesize", "size", "limit", "maxresults", "max", "count", "itemsperpage", "top", "take", "rows")
_OFFSETS = ("offset", "startat", "start", "skip", "from", "startindex", "firstresult")
_PLACES = frozenset((*_PAGES, *_OFFSETS)) - {"number", "from", "current"}
_MORE = words(
    "hasmore hasnext hasnextpage more moreitems moreitemsincollection morerecords moreresults hasmoreitems "
    "hasmoredata hasmoreresults hasmorerecords hasmorepages morepages moredata ismore moreavailable istruncated "
    "truncated"
)
_OVER = words("islast islastpage last lastpage endofstream isfinalpage done isend final complete")
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
_HEADER_TOTALS = ("x-total-count", "x-total", "total-count", "x-pagination-total", "x-total-results", "x-wp-total")
_HEADER_PAGE_COUNTS = ("x-total-pages", "x-page-count", "x-pagination-total-pages", "x-wp-totalpages")
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
_GROUPS = words("next paging pagination pages cursors cursor links link meta metadata pageinfo")
_NEXT = re.compile(
    r"next(page|cursor|token|link|url|uri|href|offset|start|skip|record|marker|key|batch|from|index|id|continuation|"
    r"bookmark|scroll|results?|items?|rows?)?\w*"
)
_NO_PAGE = re.compile(r".*(at|date|time|on|sync\w*|refresh\w*|run|step|action|billing\w*|invoice\w*|due|delta\w*)")
_BEHIND = re.compile(r"(prev|first|self|start|before|current|request|sync|delta)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Entry:
    """A value outside of the rows. `name` is the last key in small letters without marks, `group` the one above it."""

    path: tuple[str, ...]
    name: str
    group: str
    value: Any


def detect(response: Response, data: list[Any]) -> given.Paginator:
    """How a source pages. Raises `Permanent` where it has more pages and does not say how."""
    if response.links.get("next"):
        return given.HeaderLink()
    if header := _header_cursor(response):
        return header
    body = response.json()
    if isinstance(body, dict) and not (len(data) == 1 and data[0] is body):
        entries = list(_entries(body, data))
        if found := _followed(entries, data) or _counted(entries, data, body):
            return found
    if sign := sign_of_more(response, data):
        raise misled(sign)
    return given.SinglePage()


def sign_of_more(response: Response, data: list[Any]) -> str | None:
    """What in an answer says that there are more rows than these; in words that say nothing of the rows."""
    if response.links.get("next"):
        return "a Link header leads to more"
    for name, value in response.headers.items():
        if name.lower() in _HEADER_TOKENS and value.strip():
            return f"the header {name} leads to more"
        if name.lower() in _HEADER_TOTALS and value.strip().isdigit() and int(value) > len(data):
            return f"the first answer has {len(data)} of {int(value)} rows, as the header {name} says"
        if name.lower() in _HEADER_PAGE_COUNTS and value.strip().isdigit() and int(value) > 1:
            return f"the header {name} says that there are {int(value)} pages"
        total = re.fullmatch(r"\w+ \d+-\d+/(\d+)", value.strip()) if name.lower() == "content-range" else None
        if total and int(total[1]) > len(data):
            return f"the first answer has {len(data)} of {int(total[1])} rows, as the header {name} says"
    body = response.json()
    if not isinstance(body, dict) or (len(data) == 1 and data[0] is body):
        return None
    return _sign_in(list(_entries(body, data)), len(data))


def _sign_in(entries: list[Entry], count: int) -> str | None:
    for entry in entries:
        place = quoted(entry.path)
        if entry.name in _TOTALS and (total := _whole(entry.value)) is not None and total > count:
            return f"the first answer has {count} of {total} rows, as {place} says"
        if entry.name in _MORE and truth_of(entry.value):
            return f"{place} says that there is more"
        if entry.name in _OVER and entry.value is False:
            return f"{place} says that there is more"
        if entry.name in _PAGE_COUNTS and (_whole(entry.value) or 0) > 1:
            return f"{place} says that there are {_whole(entry.value)} pages"
    is_over = any(
        (one.name in _MORE and truth_of(one.value) is False) or (one.name in _OVER and one.value is True)
        for one in entries
    )
    for entry in entries:
        if not is_over and _leads_on(entry):
            return f"{quoted(entry.path)} seems to lead to more"
    return None


def _leads_on(entry: Entry) -> bool:
    """Whether it looks like a next page, understood or not."""
    value = entry.value
    if isinstance(value, bool) or not isinstance(value, str | int) or value in ("", 0, "0"):
        return False
    if isinstance(value, str) and _MOMENT.match(value):
        return False
    if _BEHIND.match(entry.name) or _NO_PAGE.fullmatch(entry.name):
        return False
    if _NEXT.fullmatch(entry.name) or entry.group == "next":
        return True
    if not isinstance(value, str) or value.isdigit():
        return False
    tokens = ("cursor", "continuation", "bookmark", "scrollid", "offset", "pagetoken", "evaluatedkey")
    return any(token in entry.name for token in tokens) or (entry.name == "after" and entry.group in _GROUPS)


# Links and cursors --------------------------------------------------------------------------------------------------


def _header_cursor(response: Response) -> given.Paginator | None:
    for name, value in response.headers.items():
        if value.strip() and (param := _HEADER_TOKENS.get(name.lower())):
            return given.HeaderCursor(cursor_key=name, cursor_param=param)
    return None


def _followed(entries: list[Entry], data: list[Any]) -> given.Paginator | None:
    more = next((entry for entry in entries if entry.name in _MORE and truth_of(entry.value) is not None), None)
    if more is not None and truth_of(more.value) is False:
        return None
    if link := _link(entries):
        return given.JsonLink(next_url_path=quoted(link.path))
    if not data and more is None:
        return None
    has_more = quoted(more.path) if more else None
    for entry in entries:
        if param := _param(entry, entries, data):
            return given.Cursor(cursor_path=quoted(entry.path), cursor_param=param, has_more_path=has_more)
    if more and data and all(isinstance(row, dict) and row.get("id") for row in data):
        return _after_the_last(entries, more)
    return None


def _after_the_last(entries: list[Entry], more: Entry) -> given.Paginator | None:
    """As Stripe has it: {"object": "list", "data": [...], "has_more": true}, the last row's id leads on."""
    if any(entry.path == ("object",) and entry.value == "list" for entry in entries):
        return given.Cursor(cursor_path="data[-1].id", cursor_param="starting_after", has_more_path=quoted(more.path))
    return None


def _link(entries: list[Entry]) -> Entry | None:
    links = [entry for entry in entries if _is_link(entry)]
    return min(links, key=lambda entry: (entry.name != "next" and entry.group != "next", len(entry.path)), default=None)


def _is_link(entry: Entry) -> bool:
    value = entry.value
    if not isinstance(value, str) or not value.startswith(("http://", "https://", "/", "?")):
        return False
    if entry.name in ("href", "url", "uri"):
        return entry.group == "next"
    named = entry.name.removeprefix("odata")
    return named in ("next", "nextlink", "nexturl", "nexturi", "nexthref") or (
        named.startswith("next") and not _NO_PAGE.fullmatch(named)
    )


def _param(entry: Entry, entries: list[Entry], data: list[Any]) -> str | None:
    """The parameter that takes the value; None where it is none of a next page."""
    value, key = entry.value, entry.path[-1]
    if not value or isinstance(value, bool | float | list) or (isinstance(value, str) and _MOMENT.match(value)):
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
    if not entry.name.startswith("next") or _NO_PAGE.fullmatch(entry.name) or not _NEXT.fullmatch(entry.name):
        return None
    rest = re.sub(r"^next_?", "", key, flags=re.IGNORECASE)
    return rest[:1].lower() + rest[1:] if rest else None


def _param_of_next(value: Any, entries: list[Entry], data: list[Any]) -> str:
    number = _whole(value)
    if number is not None and number == (_first(entries, _PAGES) or 0) + 1:
        return "page"
    return "offset" if number is not None and number == (_first(entries, _OFFSETS) or 0) + len(data) else "cursor"


# Numbers and offsets ------------------------------------------------------------------------------------------------


def _counted(entries: list[Entry], data: list[Any], body: Json) -> given.Paginator | None:
    pages = next((one for one in entries if one.name in _PAGE_COUNTS and _whole(one.value) is not None), None)
    numbers = [one for name in _PAGES for one in entries if one.name == name and _whole(one.value) is not None]
    at = min(numbers, key=lambda one: len(one.path), default=None)
    if pages is not None:
        return _numbered(pages, at)
    total = next((one for one in entries if one.name in _TOTALS and (_whole(one.value) or 0) > len(data)), None)
    size = next(
        (one for name in _SIZES for one in entries if one.name == name and _whole(one.value) == len(data)), None
    )
    offset = next((one for name in _OFFSETS for one in entries if one.name == name and _whole(one.value) == 0), None)
    if not data or total is None or size is None or size is total:
        return None
    if offset is not None:
        return given.Offset(
            limit=len(data),
            offset_param=offset.path[-1],
            limit_param=size.path[-1],
            total_path=quoted((*total.path, "value") if isinstance(total.value, dict) else total.path),
        )
    if at is not None and _whole(at.value) in (0, 1):
        count = -(-(_whole(total.value) or 0) // len(data))
        base = int(_whole(at.value) or 0)
        return given.PageNumber(base_page=base, page_param=_page_param(at), maximum_page=count)
    return None


def _numbered(pages: Entry, at: Entry | None) -> given.Paginator:
    first = None if at is None else _whole(at.value)
    if (_whole(pages.value) or 0) <= 1:
        return given.SinglePage()
    if first not in (None, 0, 1):
        raise misled(f"the source began at page {first}")
    param = "page" if at is None else _page_param(at)
    return given.PageNumber(base_page=1 if first is None else first, page_param=param, total_path=quoted(pages.path))


def _page_param(at: Entry) -> str:
    return at.path[-1] if at.name in ("pagenumber", "pageno", "pageindex", "pagenum") else "page"


def tells_its_page(response: Response, data: list[Any]) -> bool:
    """Whether an answer says which page it is, and so from which number its source counts."""
    return any(one.name in _PAGES and _whole(one.value) is not None for one in _entries(response.json(), data))


def places_told(response: Response, data: list[Any], param: str | None) -> dict[tuple[str, ...], int]:
    """The pages and offsets that an answer says it is at; with `param` only what has that parameter's name."""
    return {
        one.path: number
        for one in _entries(response.json(), data)
        if (one.name in _PLACES if param is None else one.name == plain(param))
        and (number := _whole(one.value)) is not None
    }


# What an answer has outside of its rows -----------------------------------------------------------------------------


def _entries(body: Any, data: list[Any], path: tuple[str, ...] = ()) -> Iterator[Entry]:
    if not isinstance(body, dict) or len(path) >= _DEEPEST:
        return
    group = plain(path[-1]) if path else ""
    for key, value in body.items():
        if not isinstance(key, str) or not key or "'" in key or (isinstance(value, list) and not path):
            continue
        yield Entry((*path, key), plain(key), group, value)
        if isinstance(value, dict) and not (len(data) == 1 and data[0] is value):
            yield from _entries(value, data, (*path, key))


def _whole(value: Any) -> int | None:
    if isinstance(value, dict):  # Elasticsearch: {"total": {"value": 250, "relation": "eq"}}
        value = value.get("value")
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,15}", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value)


def _first(entries: list[Entry], names: tuple[str, ...]) -> int | None:
    return next((_whole(one.value) for name in names for one in entries if one.name == name), None)

"""dlt's paginators, made from a definition, found out from an answer, or taken up again in mid-way."""

from functools import cache
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import detector
from dlt.sources.helpers.rest_client import paginators as dlt_paginators
from dlt.sources.helpers.rest_client.paginators import BasePaginator, RangePaginator
from pydantic import TypeAdapter
from requests import Request, Response

from common.errors import ErrorCode, Permanent
from extract_worker.state import Json
from records.definitions import paginators as given

_DEFINITION: TypeAdapter[given.Paginator] = TypeAdapter(given.Paginator)
_TOTALS = ("total", "count", "total_count", "totalCount", "total_results", "totalResults", "total_items", "totalItems")
_MORE = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage")
_NEXT_TOKENS = {
    "next_cursor": "cursor",
    "nextCursor": "cursor",
    "next_page_token": "page_token",
    "nextPageToken": "pageToken",
    "next_token": "token",
    "nextToken": "nextToken",
    "next_page": "page",
    "nextPage": "page",
    "next": "cursor",
}


class CarefulOffset(dlt_paginators.OffsetPaginator):
    """Refuses to step over rows: a source that gives less than `limit` at a time and still has more."""

    _short: int | None = None

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        if data and self._short is not None:
            raise _misled(f"the source gives {self._short} rows at a time, not {self.limit}: set limit to that")
        super().update_state(response, data)
        if data and len(data) < self.limit:
            self._short = len(data)


def paginator_of(definition: given.Paginator, value: int | None = None) -> BasePaginator | None:
    """The paginator; None for `auto`. `value` is the page or the offset to go on from."""
    match definition:
        case given.PageNumber():
            return dlt_paginators.PageNumberPaginator(
                base_page=definition.base_page,
                page=definition.base_page if value is None else value,
                page_param=None if definition.page_body_path else definition.page_param,
                page_body_path=definition.page_body_path,
                total_path=definition.total_path,
                has_more_path=definition.has_more_path,
                maximum_page=definition.maximum_page and definition.base_page + definition.maximum_page,
            )
        case given.Offset():
            return CarefulOffset(
                limit=definition.limit,
                offset=value or 0,
                offset_param=None if definition.offset_body_path else definition.offset_param,
                limit_param=None if definition.limit_body_path else definition.limit_param,
                offset_body_path=definition.offset_body_path,
                limit_body_path=definition.limit_body_path,
                total_path=definition.total_path,
                has_more_path=definition.has_more_path,
                maximum_offset=definition.maximum_offset,
            )
        case given.Cursor():
            return dlt_paginators.JSONResponseCursorPaginator(
                cursor_path=definition.cursor_path,
                cursor_param=None if definition.cursor_body_path else definition.cursor_param,
                cursor_body_path=definition.cursor_body_path,
                has_more_path=definition.has_more_path,
            )
        case given.HeaderLink():
            return dlt_paginators.HeaderLinkPaginator(links_next_key=definition.links_next_key)
        case given.JsonLink():
            return dlt_paginators.JSONLinkPaginator(next_url_path=definition.next_url_path)
        case given.SinglePage():
            return dlt_paginators.SinglePagePaginator()
        case given.Auto():
            return None


def taken_up(position: Json) -> tuple[given.Paginator, BasePaginator | None]:
    """The definition and the paginator of a saved position."""
    definition = _DEFINITION.validate_python(position["paginator"])
    return definition, paginator_of(definition, position.get("value"))


def asked_at(first: dict[str, Any], position: Json) -> dict[str, Any]:
    """What the request at a saved position is asked with, as dlt names it; what stays the same is that of the first."""
    asked = {**first, "path": position["url"], "params": position["params"]}
    if position.get("in_body"):
        asked["json"] = first.get("json") or {}
        jsonpath.set_value_at_path(asked["json"], *position["in_body"])
    return asked


def position_of(definition: given.Paginator, paginator: BasePaginator, request: Request) -> Json:
    """What `taken_up` and `asked_at` need to go on with the request that would be next."""
    value = paginator.current_value if isinstance(paginator, RangePaginator) else None
    position: Json = {
        "paginator": definition.model_dump(),
        "value": value,
        "url": request.url,
        "params": request.params,
    }
    if isinstance(definition, given.Cursor) and definition.cursor_body_path:
        body: Any = request.json
        path = definition.cursor_body_path
        position["in_body"] = [path, next(iter(jsonpath.find_values(path, body)), None)]
    return position


def selector_of(name: str, body: Any) -> str:
    """Where the rows of a resource are in its first answer; `$` where the answer itself is the row, or all rows."""
    if not isinstance(body, dict):
        return "$"
    if isinstance(body.get(name), list):
        return _quoted((name,))
    path, data = detector.find_response_page_data(body)
    usual = path[-1] in detector.RECORD_KEY_PATTERNS or all(isinstance(row, dict) for row in data)
    return _quoted(path) if path != ("$",) and usual and (data or "id" not in body) else "$"


def detect(response: Response, data: list[Any]) -> given.Paginator:
    """How a source pages, from its first answer. Raises `Permanent` where it has more pages and does not say how."""
    if response.links.get("next"):
        return given.HeaderLink()
    body = response.json()
    if not isinstance(body, dict):
        return given.SinglePage()
    path, value = detector.find_next_page_path(body)
    if path and isinstance(value, str) and value.startswith(("http://", "https://", "/")):
        return given.JsonLink(next_url_path=_quoted(path))
    if path and path[-1] in _NEXT_TOKENS and not isinstance(value, bool) and data:
        return given.Cursor(cursor_path=_quoted(path), cursor_param=_NEXT_TOKENS[path[-1]])
    path, value = detector.find_total_pages_path(body)
    if path and str(value).isdigit():
        return _numbered(_quoted(path), int(value), _found(body, ("page", "current_page", "currentPage")))
    _refuse_to_miss(body, data)
    return given.SinglePage()


def _numbered(path: str, pages: int, first: Any) -> given.Paginator:
    if pages <= 1:
        return given.SinglePage()
    if first not in (None, 0, 1):
        raise _misled(f"the source began at page {first}")
    return given.PageNumber(base_page=1 if first is None else first, total_path=path)


def _refuse_to_miss(body: Json, data: list[Any]) -> None:
    total = _found(body, _TOTALS)
    if isinstance(total, int) and not isinstance(total, bool) and total > len(data):
        raise _misled(f"the first answer has {len(data)} of {total} rows")
    if _found(body, _MORE) is True:
        raise _misled("the first answer says that there is more")


def _found(body: Json, names: tuple[str, ...]) -> Any:
    """A value by one of its usual names, in the answer itself or in one of its objects."""
    for place in (body, *(value for value in body.values() if isinstance(value, dict))):
        for name in names:
            if name in place:
                return place[name]
    return None


def _quoted(path: tuple[str, ...]) -> str:
    return ".".join(f"'{name}'" if not name.isidentifier() else name for name in path)


def _misled(why: str) -> Permanent:
    text = f"The pages of this source cannot be followed: {why}. Name its paginator in the definition."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator"})


@cache
def _compiled(selector: str) -> Any:
    return jsonpath.compile_path(selector)


def select(selector: str, body: Any) -> list[Any]:
    """The rows that a JSONPath selects. Raises `Permanent` where it has no such place: that is no empty page."""
    found: Any = jsonpath.find_values(_compiled(selector), body)
    if not found:
        if "*" in selector:
            return []
        keys = ", ".join(list(body)[:20]) if isinstance(body, dict) else type(body).__name__
        text = f"The answer has nothing at the data_selector {selector}; it has: {keys}. Mend the data_selector."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "data_selector"})
    if len(found) == 1 and "*" not in selector:
        found = found[0]
    if found is None:
        return []
    return found if isinstance(found, list) else [found]

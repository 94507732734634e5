"""Makes a resource's paginator from its definition, or from a saved position."""

from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import paginators as dlt_paginators
from dlt.sources.helpers.rest_client.paginators import BasePaginator, RangePaginator
from pydantic import TypeAdapter
from requests import Request

from vai_extract_worker.paging.counts import Said
from vai_extract_worker.paging.paginators import (
    Cursors,
    HeaderCursors,
    HeaderLinks,
    JsonLinks,
    Offsets,
    PageNumbers,
)
from vai_extract_worker.progress import Json
from vai_records.definitions.sources import paginators as given

_DEFINITION: TypeAdapter[given.Paginator] = TypeAdapter(given.Paginator)


def paginator_of(definition: given.Paginator, value: int | None = None) -> BasePaginator | None:
    """The paginator, None for `auto`. `value` is the page or offset from which to go on."""
    match definition:
        case given.PageNumber():
            return PageNumbers(
                Said(definition.total_path, definition.has_more_path),
                definition.stop_after_empty_page,
                base_page=definition.base_page,
                page=definition.base_page if value is None else value,
                page_param=None if definition.page_body_path else definition.page_param,
                page_body_path=definition.page_body_path,
                maximum_page=definition.maximum_page and definition.base_page + definition.maximum_page,
            )
        case given.Offset():
            return Offsets(
                Said(definition.total_path, definition.has_more_path),
                definition.stop_after_empty_page,
                first=definition.offset,
                limit=definition.limit,
                offset=definition.offset if value is None else value,
                offset_param=None if definition.offset_body_path else definition.offset_param,
                limit_param=None if definition.limit_body_path else definition.limit_param,
                offset_body_path=definition.offset_body_path,
                limit_body_path=definition.limit_body_path,
                maximum_offset=definition.maximum_offset,
            )
        case given.Cursor():
            return Cursors(
                Said(None, definition.has_more_path),
                definition.has_more_path,
                definition.cursor_path,
                cursor_param=None if definition.cursor_body_path else definition.cursor_param,
                cursor_body_path=definition.cursor_body_path,
                stop_after_empty_page=definition.stop_after_empty_page,
            )
        case given.HeaderCursor():
            return HeaderCursors(definition.cursor_key, definition.cursor_param)
        case given.HeaderLink():
            return HeaderLinks(definition.links_next_key)
        case given.JsonLink():
            return JsonLinks(definition.next_url_path)
        case given.SinglePage():
            return dlt_paginators.SinglePagePaginator()
        case given.Auto():
            return None


def taken_up(position: Json) -> tuple[given.Paginator, BasePaginator | None]:
    """The definition and the paginator of a saved position."""
    definition = _DEFINITION.validate_python(position["paginator"])
    paginator = paginator_of(definition, position.get("value"))
    if isinstance(paginator, PageNumbers | Offsets):
        paginator.begin(position.get("total"), position.get("fall", 0))
    if isinstance(paginator, Offsets) and position.get("probe"):
        paginator.take_up(position["probe"])
    return definition, paginator


def asked_at(first: dict[str, Any], position: Json) -> dict[str, Any]:
    """The parts of the request at a saved position, by dlt's names. All other parts are those of the first request."""
    asked = {**first, "path": position["url"], "params": position["params"]}
    if position.get("in_body"):
        asked["json"] = first.get("json") or {}
        jsonpath.set_value_at_path(asked["json"], *position["in_body"])
    return asked


def position_of(definition: given.Paginator, paginator: BasePaginator, request: Request) -> Json:
    """The position that `taken_up` and `asked_at` need to go on with the next request."""
    value = paginator.current_value if isinstance(paginator, RangePaginator) else None
    position: Json = {
        "paginator": {"type": definition.type} | definition.model_dump(exclude_defaults=True),
        "value": value,
        "url": request.url,
        "params": request.params,
    }
    if isinstance(paginator, PageNumbers | Offsets) and paginator.total is not None:
        position["total"] = paginator.total
        position |= {"fall": paginator.fall} if paginator.fall else {}
    if isinstance(paginator, Offsets) and (probe := paginator.probe()):
        position["probe"] = probe
    if isinstance(definition, given.Cursor) and definition.cursor_body_path:
        body: Any = request.json
        path = definition.cursor_body_path
        position["in_body"] = [path, next(iter(jsonpath.find_values(path, body)), None)]
    return position

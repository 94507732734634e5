"""Where things are in an answer: the rows, and what a JSONPath of the definition names."""

import re
from functools import cache
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import detector

from common.errors import ErrorCode, Permanent

MISSING: Any = object()
"""There is no such place; null is a value."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def plain(key: str) -> str:
    """A name in small letters without marks: `nextPage` and `next_page` are one."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


_NO_ROWS = words(
    "errors error warnings messages included link links filters sort facets aggregations columns fields "
    "meta metadata pagination"
)
_ENVELOPE = words(
    "ok success successful status statuscode code message msg detail details error errors warnings kind etag "
    "object url meta metadata pagination paging page pages links requestid request_id timestamp time took total "
    "count totalcount total_count limit offset next previous prev first last self hasmore has_more data items "
    "results rows records entries values nextpagetoken next_page_token nextsynctoken next_cursor cursor "
    "apiversion version selflink"
)
_RELATIONS = ("rel", "relation")
_ADDRESSES = ("href", "url", "uri")
_MOST_LINKS = 20
_HOLDERS = words("data items results rows records entries values object detail details")
_KEY = re.compile(r"[A-Za-z_$@][\w.$-]{0,60}", re.ASCII)


@cache
def _compiled(path: str) -> Any:
    try:
        return jsonpath.compile_path(path)
    except Exception as error:
        text = f"{path} is no JSONPath; names are joined by dots, others stand in quotes: '@odata.nextLink'."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"path": path}) from error


def values_at(path: str, body: Any) -> list[Any]:
    """All that a path selects. A key that is written just so counts, too: `@odata.nextLink`."""
    if isinstance(body, dict) and path in body:
        return [body[path]]
    found: list[Any] = jsonpath.find_values(_compiled(path), body)
    return found


def value_at(path: str, body: Any) -> Any:
    """The first that a path selects; `MISSING` where there is no such place."""
    return next(iter(values_at(path, body)), MISSING)


def names_in(body: Any) -> str:
    """The keys of an answer, as far as they can be names of fields: others may be what customers wrote."""
    if not isinstance(body, dict):
        return type(body).__name__
    return ", ".join(key for key in list(body)[:40] if _KEY.fullmatch(key)) or "no names"


def selector_of(name: str, body: Any) -> str:
    """Where the rows of a resource are in its first answer; `$` where the answer itself is the row, or all rows."""
    if not isinstance(body, dict):
        return "$"
    if isinstance(body.get(name), list):
        return quoted((name,))
    lists = [one for one in detector.find_all_lists(body, result=[]) if one[0][-1].lower() not in _NO_ROWS]
    lists = [one for one in lists if not _are_links(one[1])]
    usual = [one for one in lists if one[0][-1] in detector.RECORD_KEY_PATTERNS]
    if usual:
        return quoted(usual[0][0])
    return _only_list([one for one in lists if all(isinstance(row, dict) for row in one[1])], name, body)


def _only_list(lists: list[tuple[tuple[str, ...], list[Any]]], name: str, body: dict[str, Any]) -> str:
    """The list that can be the rows; `$` where there is none, or where it belongs to the one thing that came."""
    if not lists or _is_one_thing(body) or ("id" in body and not any(rows for _, rows in lists)):
        return "$"
    if same := next((path for path, _ in lists if plain(path[-1]) == plain(name)), None):
        return quoted(same)
    depth = min(len(path) for path, _ in lists)
    near = [(path, rows) for path, rows in lists if len(path) == depth]
    if len(near) > 1 and any(rows for _, rows in near):
        places = ", ".join(quoted(path) for path, _ in near[:5] if _KEY.fullmatch(path[-1]))
        text = f"The answer has several lists that may be the rows ({places}). Name the data_selector."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "data_selector"})
    return quoted(near[0][0])


def _is_one_thing(body: dict[str, Any]) -> bool:
    """Whether an answer is a row itself: it has an id, and says more of itself."""
    if "id" not in body or isinstance(body["id"], dict | list):
        return False
    said = (key for key, value in body.items() if isinstance(value, str | int | float))
    return any(key != "id" and _unmarked(key) not in _ENVELOPE for key in said)


def rows_of(selector: str, body: Any, was_there: bool = False, is_guessed: bool = False) -> list[Any]:
    """The rows that a JSONPath selects; `was_there`: an answer before this one had the place, so it may be left out.

    Where the path is guessed, what is only the wrapping of rows is no row.

    Raises `Permanent` where the answer has no such place, and another one where the rows may be.
    """
    if selector == "$" and isinstance(body, dict):
        return [] if is_guessed and is_envelope(body) else [body]
    found: Any = values_at(selector, body)
    if not found:
        if "*" in selector or was_there or not _other_rows(body):
            return []
        text = f"The answer has nothing at the data_selector {selector}; it has: {names_in(body)}. "
        raise Permanent(ErrorCode.DATA_ERROR, text + "Mend the data_selector.", {"field": "data_selector"})
    if len(found) == 1 and "*" not in selector:
        found = found[0]
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def link_to(relation: str, links: list[Any]) -> tuple[str, str] | None:
    """Where in a list of links the one is that leads there, as the end of a JSONPath; and what it says."""
    for link in links[:_MOST_LINKS]:
        for key in _RELATIONS if isinstance(link, dict) else ():
            said = link.get(key)
            if isinstance(said, str) and said.lower() == relation:
                name = next((one for one in _ADDRESSES if isinstance(link.get(one), str) and link[one]), None)
                return (f"[?{key}=='{said}'].{name}", link[name]) if name else None
    return None


def _are_links(rows: list[Any]) -> bool:
    return bool(rows) and all(
        isinstance(row, dict)
        and any(isinstance(row.get(key), str) for key in _RELATIONS)
        and any(isinstance(row.get(key), str) for key in _ADDRESSES)
        for row in rows[:_MOST_LINKS]
    )


def is_envelope(body: dict[str, Any]) -> bool:
    """Whether an answer is only what rows are wrapped in, without any."""
    return all(_unmarked(key) in _ENVELOPE for key in body) and not any(
        bool(value) if isinstance(value, list) else key.lower() in _HOLDERS and _holds(value)
        for key, value in body.items()
    )


def _unmarked(key: str) -> str:
    return re.sub(r"^[@_]|odata\.", "", key).lower()


def _holds(value: Any) -> bool:
    """Whether there is anything in an object: more than null, false and what is empty."""
    return isinstance(value, dict) and any(
        _holds(one) if isinstance(one, dict) else bool(one) for one in value.values()
    )


def _other_rows(body: Any) -> bool:
    if isinstance(body, list):
        return True
    return isinstance(body, dict) and (
        any(path[-1].lower() not in _NO_ROWS for path, _ in detector.find_all_lists(body, result=[]))
        or not is_envelope(body)
    )


def quoted(path: tuple[str, ...]) -> str:
    """A JSONPath of names."""
    return ".".join(name if name.isascii() and name.isidentifier() else f"'{name}'" for name in path)

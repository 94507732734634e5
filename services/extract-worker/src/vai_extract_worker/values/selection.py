"""Finds values in an answer: the rows, and the values that a JSONPath of the definition names."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import detector

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.values.link_lists import are_links

MISSING: Any = object()
"""The place does not exist. (null is a value.)"""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def plain(key: str) -> str:
    """A name in lower case without punctuation: `nextPage` and `next_page` are the same."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


Found = tuple[tuple[str, ...], list[Any]]
"""A list in an answer, and its place."""

_NO_ROWS = words(
    "errors error warnings messages included link links _links filters sort facets aggregations columns fields meta "
    "metadata pagination paging"
)
_USUAL = frozenset(detector.RECORD_KEY_PATTERNS)
_WRAPPERS = _USUAL | words("response result body d output answer page")
_CONTENT = words("data items results rows records entries values")
_IDS = words("id uuid guid gid")
_MARKS = words(
    "kind etag object self selflink links meta metadata pagination paging requestid request_id apiversion version "
    "first last prev previous next nextpagetoken next_page_token nextsynctoken next_cursor cursor warnings page pages "
    "limit offset hasmore has_more"
)
_ENVELOPE = words(
    "ok success successful status statuscode code message msg detail details error errors warnings kind etag "
    "object url meta metadata pagination paging page pages links requestid request_id timestamp time took total "
    "count totalcount total_count limit offset next previous prev first last self hasmore has_more data items "
    "results rows records entries values nextpagetoken next_page_token nextsynctoken next_cursor cursor "
    "apiversion version selflink"
)
_DEEPEST = 8
_HOLDERS = words("data items results rows records entries values object detail details")
_KEY = re.compile(r"[A-Za-z_$@][\w.$-]{0,60}", re.ASCII)


@cache
def _compiled(path: str) -> Any:
    try:
        return jsonpath.compile_path(path)
    except Exception as error:
        text = f"{path} is not a JSONPath; join names with dots and quote unusual ones: '@odata.nextLink'."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"path": path}) from error


def values_at(path: str, body: Any) -> list[Any]:
    """All values that a path selects. A key that is literally written like this counts, too: `@odata.nextLink`."""
    if isinstance(body, dict) and path in body:
        return [body[path]]
    found: list[Any] = jsonpath.find_values(_compiled(path), body)
    return found


def value_at(path: str, body: Any) -> Any:
    """The first value that a path selects. `MISSING` if there is no such place."""
    return next(iter(values_at(path, body)), MISSING)


def names_in(body: Any) -> str:
    """The keys of an answer that look like names of fields. Other keys may be customers' data."""
    if not isinstance(body, dict):
        return type(body).__name__
    return ", ".join(key for key in list(body)[:40] if _KEY.fullmatch(key)) or "no names"


def selector_of(name: str, body: Any, address: str = "") -> str:
    """The JSONPath of a resource's rows in its first answer. `$` if the answer itself is the row or the list of rows.

    `address` is the request's address: its last word may be the name of the list. Raises `Permanent` if several places
    may have the rows and nothing shows which one is right.
    """
    if not isinstance(body, dict):
        return "$"
    if isinstance(body.get(name), list):
        return quoted((name,))
    lists = [one for one in detector.find_all_lists(body, result=[]) if not _is_unnamable(one[0])]
    lists = lists or [one for one in _deep_lists(body) if not _is_unnamable(one[0])]
    word = urlsplit(address).path.rstrip("/").rpartition("/")[2].partition(".")[0]
    for wanted in (name, word):
        named = [path for path, _ in lists if wanted and _names(path, wanted)]
        if len(named) == 1:
            return quoted(named[0])
    lists = [one for one in lists if not (are_links(one[1]) or any(part.lower() in _NO_ROWS for part in one[0]))]
    usual = [one for one in lists if one[0][-1] in _USUAL and all(part.lower() in _WRAPPERS for part in one[0][:-1])]
    others = [one for one in lists if one not in usual and all(isinstance(row, dict) for row in one[1])]
    others = others or [one for one in lists if one not in usual and one[0][-1] in _USUAL]
    others = others or [one for one in lists if one not in usual and one[0] == ("result",) and _is_frame(body)]
    if _has_id(body) and (usual or others):
        return _list_or_object(body, usual, others)
    return _only_one(_outermost(usual) or usual or others)


def _is_frame(body: dict[str, Any]) -> bool:
    """Whether an answer only wraps its `result`, as CKAN's do: `{"help": …, "success": true, …}`."""
    return all(key in ("result", "help") or _is_wrapping(key) for key in body)


def _deep_lists(body: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[Found]:
    """Lists of objects that are deeper than `find_all_lists` searches, if only wrapping objects lead to them."""
    for key, value in body.items():
        here = (*path, key)
        if isinstance(value, dict) and key.lower() in _WRAPPERS and len(here) < _DEEPEST:
            yield from _deep_lists(value, here)
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            yield here, value


def _list_or_object(body: dict[str, Any], usual: list[Found], others: list[Found]) -> str:
    """Judge an answer with an id: it may be a row that has a list, or it may wrap rows and have the id of the
    request.
    """
    is_object = any(
        not isinstance(body[key], list | dict) and not _is_wrapping(key) for key in body if _bare(key) not in _IDS
    )
    if usual and not is_object:
        return _only_one(_outermost(usual) or usual)
    if "jsonrpc" in body and not usual:
        return _only_one(others)
    if is_object and not usual:
        return "$"
    raise _uncertain(["$", *(quoted(path) for path, _ in usual or others)])


def _outermost(lists: list[Found]) -> list[Found]:
    """The one list that is on a higher level than the others, unless it is empty and they are not."""
    least = min((len(path) for path, _ in lists), default=0)
    above = [one for one in lists if len(one[0]) == least]
    return above if len(above) == 1 and (above[0][1] or not any(rows for _, rows in lists)) else []


def _only_one(lists: list[Found]) -> str:
    if len(lists) > 1 and any(rows for _, rows in lists):
        raise _uncertain([quoted(path) for path, _ in lists])
    return quoted(lists[0][0]) if lists else "$"


def _uncertain(places: list[str]) -> Permanent:
    """The error for several possible places. Only places that look like names of fields are shown: others may be
    customers' data.
    """
    shown = [place for place in places[:10] if all(_KEY.fullmatch(part) for part in place.split("."))]
    text = f"The rows may stand in several places ({', '.join(shown)}). Name the right one as data_selector"
    return Permanent(ErrorCode.DATA_ERROR, f"{text}; $ is the whole answer.", {"field": "data_selector"})


def _names(path: tuple[str, ...], wanted: str) -> bool:
    """Whether a list has the name of a resource or its last word (`orders` for `shop_orders`). Lists in facets do not
    count.
    """
    if not all(part.lower() in _WRAPPERS for part in path[:-1]):
        return False
    key, whole = path[-1].lower(), wanted.lower()
    return len(key) > 1 and (plain(key) == plain(whole) or re.search(rf"[^a-z0-9]{re.escape(key)}$", whole) is not None)


def _is_unnamable(path: tuple[str, ...]) -> bool:
    """Whether a name cannot be a part of a path."""
    return any(not part or "'" in part for part in path)


def _has_id(body: dict[str, Any]) -> bool:
    return any(_bare(key) in _IDS and isinstance(value, str | int) for key, value in body.items())


def _bare(key: str) -> str:
    return re.sub(r"^[@_]|odata\.", "", key).lower()


def _is_wrapping(key: str) -> bool:
    return _bare(key) in _ENVELOPE


def rows_of(selector: str, body: Any, was_there: bool = False, is_guessed: bool = False) -> list[Any]:
    """The rows that a JSONPath selects. `was_there`: an earlier answer had the place, so this one may lack it.

    If the path was guessed, an object that only wraps rows is no row.

    Raises `Permanent` if the answer does not have this place, but another one that may have the rows.
    """
    if selector == "$" and isinstance(body, dict):
        return [] if is_guessed and _is_nothing(body, was_there) else [body]
    found: Any = values_at(selector, body)
    if not found:
        if was_there or not _other_rows(body) or ("*" in selector and not _is_elsewhere(selector, body)):
            return []
        text = f"The answer has nothing at the data_selector {selector}; it has: {names_in(body)}. "
        raise Permanent(ErrorCode.DATA_ERROR, text + "Correct the data_selector.", {"field": "data_selector"})
    if len(found) == 1 and "*" not in selector:
        found = found[0]
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _is_elsewhere(selector: str, body: Any) -> bool:
    """Whether an answer has nothing at the beginning of a path with `*`, although it has a list of rows."""
    begin = selector.partition("*")[0].rstrip("[.")
    if not begin or begin == "$" or not isinstance(body, dict) or values_at(begin, body):
        return False
    lists = detector.find_all_lists(body, result=[])
    return any(
        rows and all(isinstance(row, dict) for row in rows) and not any(part.lower() in _NO_ROWS for part in path)
        for path, rows in lists
    )


def is_envelope(body: dict[str, Any]) -> bool:
    """Whether an answer only wraps rows and has none."""
    return all(_bare(key) in _ENVELOPE for key in body) and not any(
        bool(value) if isinstance(value, list) else key.lower() in _HOLDERS and _holds(value)
        for key, value in body.items()
    )


def _holds(value: Any) -> bool:
    """Whether an object has any content besides null, false and empty values."""
    return isinstance(value, dict) and any(
        _holds(one) if isinstance(one, dict) else bool(one) for one in value.values()
    )


def _is_nothing(body: dict[str, Any], is_later: bool) -> bool:
    """Whether an answer only wraps rows and has none. Raises `Permanent` if the first answer may also be a row."""
    if not is_envelope(body) or _has_content(body):
        return False
    if is_later or any(_bare(key) in _CONTENT or _says_none(_bare(key), value) for key, value in body.items()):
        return True
    if any(not _is_neutral(_bare(key), value) for key, value in body.items()):
        text = f"It is not clear whether the answer is a row; it has: {names_in(body)}. Name the "
        text += "data_selector: $ where it is a row, else where the rows would be."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "data_selector"})
    return True


def _has_content(body: dict[str, Any]) -> bool:
    """Whether there is one object, not a list, at the place of the rows."""
    told = [value for key, value in body.items() if _bare(key) in _CONTENT]
    return any(_holds(value) if isinstance(value, dict) else value not in (None, "", False, [], 0) for value in told)


def _says_none(name: str, value: Any) -> bool:
    counts = ("count", "total", "totalcount", "total_count")
    return (name in counts and value in (0, "0") and value is not False) or (
        name in ("hasmore", "has_more") and value in (False, "false", 0)
    )


def _is_neutral(name: str, value: Any) -> bool:
    """Whether a name is never a field of a row: marks of a list, or of a success."""
    if value in (None, "", [], {}):
        return True
    if name in ("ok", "success", "successful", "status", "statuscode", "code"):
        return value is True or str(value).lower() in ("ok", "success", "200", "0")
    return name in _MARKS


def _other_rows(body: Any) -> bool:
    if isinstance(body, list):
        return True
    return isinstance(body, dict) and (
        any(path[-1].lower() not in _NO_ROWS for path, _ in detector.find_all_lists(body, result=[]))
        or not is_envelope(body)
        or _has_content(body)
    )


def quoted(path: tuple[str, ...]) -> str:
    """A JSONPath of names."""
    return ".".join(name if name.isascii() and name.isidentifier() else f"'{name}'" for name in path)

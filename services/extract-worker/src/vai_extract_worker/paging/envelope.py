"""The part of an answer outside of its rows, and the names that sources use there for positions, sizes and totals."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vai_extract_worker.paging.sums import TOTALS_OF_AMOUNTS, Sum, sum_of
from vai_extract_worker.values.link_lists import link_to
from vai_extract_worker.values.selection import plain, quoted, words

_DEEPEST: Final = 4
_DEEPEST_ROWS: Final = 20
_BESIDE: Final = 2
"""At least this many levels are searched beside each level that leads to the rows."""

TOTALS: Final = words(
    "total count totalcount totalresults totalitems totalrows totalrecords totalelements totalsize totalentries "
    "totalhits numfound recordcount resultcount itemstotal recordstotal recordsfiltered odatacount estimatedtotal "
    "itemcount rowcount numresults numberofresults numitems totalnumber resultsize"
)
PAGE_COUNTS: Final = words("totalpages pages pagecount lastpage numpages numberofpages pagetotal totalpagecount")
PAGES: Final = ("page", "currentpage", "pagenumber", "pageno", "pageindex", "number", "pagenum", "current")
OFFSETS: Final = ("offset", "startat", "start", "skip", "from", "startindex", "firstresult")
PLACES: Final = frozenset((*PAGES, *OFFSETS, "startposition", "startrow", "startrecord", "firstrow")) - {
    *("number", "from", "current")
}
"""Names that mean a total and nothing else."""


_PAGING: Final = ("paging", "pageinfo", "pager", "pagina", "page", "pages")
_TELLS: Final = re.compile(
    r"meta\w*|info|resultset\w*|resultinfo|summary|cursors?|links?"
    r"|headers?|envelope|navigation|extra|search\w*|query\w*|results?|response|collection|data|body|d|counts?|total"
)
"""Objects beside the rows in which a total counts the rows."""
_RETURNED: Final = words("returned numberreturned shown displayed fetched count limit size perpage pagesize")
_AT_PAGES: Final = words("page pageno pagenum pagenumber pageindex currentpage pagina paginaactual seite")
_AT: Final = _AT_PAGES | words("current index number")
_LAST: Final = words("last lastpage of pages")
_END: Final = _LAST | words("total max count totalpages maxpage")

_OF_PAGES: Final = PLACES | words(
    "page pages limit size perpage pagesize count totalpages lastpage hasmore next nextpage nextcursor cursor paging "
    "pagination meta rows"
)


@dataclass(frozen=True)
class Entry:
    """A value outside of the rows. `name` is the last key in small letters without marks, `group` the one above it."""

    path: tuple[str, ...]
    name: str
    group: str
    value: Any
    filter: str = ""
    sum: Sum = Sum.NO
    """Whether it is a total of amounts."""

    @property
    def place(self) -> str:
        """Its JSONPath."""
        return quoted(self.path) + self.filter


def entries_of(body: Any, data: list[Any]) -> Iterator[Entry]:
    """All values that are not in the rows. A list of links becomes one entry, `next`, if one of the links leads to the
    next page.

    Each level that leads to the rows is searched, however deep the rows are, and also the values beside it.
    """
    if isinstance(body, dict):
        yield from _entries(body, data, (), way_to(body, data) or (), _DEEPEST)


def _entries(
    body: dict[str, Any], data: list[Any], path: tuple[str, ...], way: tuple[str, ...], room: int
) -> Iterator[Entry]:
    """`room` is how many levels are searched from here on, including this one."""
    group = plain(path[-1]) if path else ""
    for key, value in body.items():
        if not isinstance(key, str) or not key or "'" in key or is_rows(value, data):
            continue
        here = (*path, key)
        if isinstance(value, list) and (link := link_to("next", value)):
            yield Entry(here, "next", plain(key), link[1], link[0])
            continue
        yield Entry(here, plain(key), group, value, sum=_sum_at(plain(key), value, body, data))
        if isinstance(value, dict) and not (len(data) == 1 and data[0] is value):
            left = max(room - 1, _BESIDE if path == way[: len(path)] else 0)
            is_on_the_way = here == way[: len(here)]
            if left or is_on_the_way:
                yield from _entries(value, data, here, way, left)


def way_to(body: dict[str, Any], data: list[Any], path: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """The keys that lead to the object that has the list of rows. None if the rows are not found."""
    if len(path) >= _DEEPEST_ROWS or not data:
        return None
    for key, value in body.items():
        if is_rows(value, data) or _holds_rows(value, data):
            return path
        if isinstance(value, dict) and (found := way_to(value, data, (*path, key))) is not None:
            return found
    return None


def _holds_rows(value: Any, data: list[Any]) -> bool:
    """Whether each row is wrapped in an object of the list, as in `edges[*].node`."""
    first = value[0] if isinstance(value, list) and len(value) == len(data) else None
    return isinstance(first, dict) and any(one is data[0] for one in first.values() if isinstance(one, dict))


def counts_rows(entry: Entry, entries: list[Entry], way: tuple[str, ...] | None, rows: int) -> bool:
    """Whether a total can count the rows, by its place: beside them, above them, or in an object about pages.

    Totals in other places count something else, such as shards, seats, or last month's rows.
    """
    return not entry.sum and _has_its_place(entry, entries, way, rows)


def may_count_rows(entry: Entry, entries: list[Entry], way: tuple[str, ...] | None, rows: int) -> bool:
    """Whether it may also be a total of amounts, since its place and its name allow both."""
    return entry.sum is Sum.LIKELY and _has_its_place(entry, entries, way, rows)


def _has_its_place(entry: Entry, entries: list[Entry], way: tuple[str, ...] | None, rows: int) -> bool:
    *above, _ = entry.path
    group = tuple(above)
    if way is None or group == way[: len(group)]:
        return entry.name != "available" or _tells_of_rows(group, entries, rows)
    beside = group[next((at for at, (a, b) in enumerate(zip(group, way, strict=False)) if a != b), len(way)) :]
    names = [plain(name) for name in beside]
    return (
        _is_paging(names[-1])
        or all(_is_paging(name) or _TELLS.fullmatch(name) for name in names)
        or _tells_of_rows(group, entries, rows)
    )


def _sum_at(name: str, value: Any, beside: dict[str, Any], data: list[Any]) -> Sum:
    """Whether a `total` is an amount. If the same object has values about pages, it counts rows."""
    if name not in TOTALS_OF_AMOUNTS or (number := whole(value)) is None or number <= len(data):
        return Sum.NO
    names = {plain(key) for key in beside if isinstance(key, str)}
    return Sum.NO if names & _OF_PAGES else sum_of(number, beside, data)


def _is_paging(name: str) -> bool:
    return name.endswith(_PAGING) or "paginat" in name


def _tells_of_rows(group: tuple[str, ...], entries: list[Entry], rows: int) -> bool:
    return any(one.path[:-1] == group and one.name in _RETURNED and whole(one.value) == rows for one in entries)


def place_of_more(entries: list[Entry], way: tuple[str, ...] | None, rows: int) -> Entry | None:
    """The number of the last page, if one object has the number of the first page and a larger one: `{"current": 1,
    "last": 3}`.

    A number that is at least the number of rows may count rows, so it is not judged here.
    """
    for place in entries:
        at = whole(place.value) if place.name in _AT else None
        is_of_pages = place.name in _AT_PAGES and counts_rows(place, entries, way, rows)
        if at not in (0, 1) or not (is_of_pages or _is_paging(place.group)):
            continue
        for end in entries:
            last = (whole(end.value) or 0) if end.path[:-1] == place.path[:-1] and end.name in _END else 0
            least = 0 if end.name in _LAST else 1
            if last > max(at, least) and (last < rows or (end.name in _LAST and last != rows)):
                return end
    return None


def is_rows(value: Any, data: list[Any]) -> bool:
    """Whether it is the list of the rows, or a copy of it."""
    return isinstance(value, list) and bool(value) and len(value) == len(data) and value[0] is data[0]


def whole(value: Any) -> int | None:
    """A whole number, also if it is a text of digits. None for everything else."""
    if isinstance(value, dict):  # Elasticsearch: {"total": {"value": 250, "relation": "eq"}}
        value = value.get("value")
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,15}", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value)

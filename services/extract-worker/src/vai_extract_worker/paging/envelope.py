"""What an answer has outside of its rows, and the names by which sources tell places, sizes and totals there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vai_extract_worker.values.selection import link_to, plain, quoted, words

_DEEPEST: Final = 4

TOTALS: Final = words(
    "total count totalcount totalresults totalitems totalrows totalrecords totalelements totalsize totalentries "
    "totalhits numfound recordcount resultcount itemstotal recordstotal odatacount estimatedtotal itemcount rowcount "
    "numresults numberofresults numitems totalnumber resultsize"
)
PAGE_COUNTS: Final = words("totalpages pages pagecount lastpage numpages numberofpages pagetotal totalpagecount")
PAGES: Final = ("page", "currentpage", "pagenumber", "pageno", "pageindex", "number", "pagenum", "current")
OFFSETS: Final = ("offset", "startat", "start", "skip", "from", "startindex", "firstresult")
PLACES: Final = frozenset((*PAGES, *OFFSETS, "startposition", "startrow", "startrecord", "firstrow")) - {
    *("number", "from", "current")
}
"""Those that mean nothing else."""


@dataclass(frozen=True)
class Entry:
    """A value outside of the rows. `name` is the last key in small letters without marks, `group` the one above it."""

    path: tuple[str, ...]
    name: str
    group: str
    value: Any
    filter: str = ""

    @property
    def place(self) -> str:
        """Its JSONPath."""
        return quoted(self.path) + self.filter


def entries_of(body: Any, data: list[Any], path: tuple[str, ...] = ()) -> Iterator[Entry]:
    """All that is not in the rows. A list of links has one entry, `next`, where one of them leads there."""
    if not isinstance(body, dict) or len(path) >= _DEEPEST:
        return
    group = plain(path[-1]) if path else ""
    for key, value in body.items():
        if not isinstance(key, str) or not key or "'" in key or is_rows(value, data):
            continue
        here = (*path, key)
        if isinstance(value, list) and (link := link_to("next", value)):
            yield Entry(here, "next", plain(key), link[1], link[0])
            continue
        yield Entry(here, plain(key), group, value)
        if isinstance(value, dict) and not (len(data) == 1 and data[0] is value):
            yield from entries_of(value, data, here)


def is_rows(value: Any, data: list[Any]) -> bool:
    """Whether it is the list of the rows; also where that was copied since."""
    return isinstance(value, list) and bool(value) and len(value) == len(data) and value[0] is data[0]


def whole(value: Any) -> int | None:
    """A whole number, also as text of digits; None for all else."""
    if isinstance(value, dict):  # Elasticsearch: {"total": {"value": 250, "relation": "eq"}}
        value = value.get("value")
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,15}", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value)

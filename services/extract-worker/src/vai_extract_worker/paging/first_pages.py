"""Whether a page that shows no sign of more rows may still be the first of several (paginator `auto`)."""

import re
from typing import Any, Final

from requests import Response

from vai_extract_worker.paging.envelope import PLACES, Entry, entries_of, whole
from vai_extract_worker.paging.signs_of_more import SIZES, headers_count, parts_of, says_the_end
from vai_extract_worker.values.selection import words

_USUAL_SIZES: Final = frozenset(
    (10, 12, 15, 16, 20, 24, 25, 30, 32, 40, 48, 50, 60, 64, 75, 80, 96, 100, 120, 125, 128, 150, 200, 250, 256, 300,
     400, 500, 512, 600, 750, 800, 1000, 1024, 1500, 2000, 2048, 2500, 3000, 4000, 4096, 5000, 8192, 10000, 20000,
     25000, 50000, 100000)
)  # fmt: skip
"""Numbers of rows that are usual for a full page."""

_HEADERS: Final = words("page pages paging pagination perpage pagesize offset cursor")
_OTHER_HEADERS: Final = words("id cache load render speed time rate ratelimit view views")
_STARTS: Final = words("startafter exclusivestartkey offsetid anchor seek sinceid lastid maxid minid lastseenid")
_CUT: Final = words("capped toomanyresults toomany overflow overflowed cutoff clipped limited")
_OF_ALL: Final = words("length len listsize resultlength")


def may_be_the_first(response: Response, data: list[Any]) -> bool:
    """Whether nothing says that these are all rows, and their number is usual for a page or there are words of
    paging.
    """
    if not data or _says_all(response, data):
        return False
    return len(data) in _USUAL_SIZES or _speaks_of_pages(response, data)


def _entries(response: Response, data: list[Any]) -> list[Entry]:
    body = response.json()
    is_row = len(data) == 1 and data[0] is body
    return list(entries_of(body, data)) if isinstance(body, dict) and not is_row else []


def _says_all(response: Response, data: list[Any]) -> bool:
    if "Content-Range" in response.headers or headers_count(response.headers):
        return True
    return any(says_the_end(one, len(data)) for one in _entries(response, data))


def _speaks_of_pages(response: Response, data: list[Any]) -> bool:
    if any(_is_of_pages(name.lower().split("-"), said.strip()) for name, said in response.headers.items()):
        return True
    return any(_speaks(one, len(data)) for one in _entries(response, data))


def _is_of_pages(parts: list[str], said: str) -> bool:
    """Whether a header speaks of pages: `X-Page: 1`, `X-Per-Page: 37`."""
    is_named = any(part in _HEADERS for part in parts) and not any(part in _OTHER_HEADERS for part in parts)
    return is_named and re.fullmatch(r"\d{1,9}", said, re.ASCII) is not None


def _speaks(entry: Entry, count: int) -> bool:
    name, value = entry.name, entry.value
    number = whole(value)
    if name in PLACES and number is not None:
        return True
    if number is not None and ((name in SIZES and number == count) or (name in _OF_ALL and number > count)):
        return True
    if name in _STARTS and value not in (None, "", 0, False):
        return True
    if value is True and name in _CUT:
        return True
    if isinstance(value, str):
        is_link = re.search(r"""\brel=["']?next\b""", value) is not None
        return is_link or (
            value.lower() in ("partial", "truncated", "incomplete") and "status" in parts_of(entry.path[-1])
        )
    is_list = isinstance(value, list) and len(value) > 1 and name in ("pages", "pagelinks", "pagenumbers")
    return is_list and all(isinstance(one, int | str) for one in value)

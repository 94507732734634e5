"""dlt's paginators with one more rule: a contradiction in the answers is never taken for the end.

No error quotes an answer, since that may be rows.
"""

from abc import abstractmethod
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import orjson
from dlt.sources.helpers.rest_client import paginators as dlt_paginators
from requests import Request, Response

from vai_extract_worker.paging.counts import Said, leads_nowhere, misled
from vai_extract_worker.progress import Json
from vai_extract_worker.values.known_rows import packed_in_order, row_digest, unpacked_in_order
from vai_extract_worker.values.selection import MISSING, value_at

_MOST_EMPTY = 1_000
"""How many empty pages in a row are followed while the source says that there is more."""

_MOST_STILL = 3
"""How often a page may lead to itself if its rows are different each time."""


class _Counting:
    """The end of paging by page numbers and offsets."""

    stop_after_empty_page: bool | None
    maximum_value: int | None
    _said: Said

    def __init__(self) -> None:
        self._empty = 0
        self._longest = 0

    @property
    def total(self) -> int | None:
        """The total at the total_path of the answers."""
        return self._said.total

    @property
    def fall(self) -> int:
        """By how much the total has become smaller in the run."""
        return self._said.fall

    def begin(self, total: int | None, fall: int) -> None:
        """The total that an earlier attempt had."""
        self._said.begin(total, fall)

    @property
    def ends_at(self) -> int | None:
        """The page or offset at which there certainly is nothing more. None if neither the source nor the definition
        says it.
        """
        return self._said.total if self.maximum_value is None else self.maximum_value

    def beyond(self, rows: list[Any], value: int, first: int, page: int) -> int | None:
        """The first page or offset beyond the largest total. `page` is how much the number grows with each page.

        If the total fell by a page or more, it may count the rows that are left. Then a short page is the end.
        """
        self._longest = max(self._longest, len(rows))
        if self._said.total is None:
            return None
        end = self._said.total + first
        if self._said.fall < page:
            return end
        is_short = 0 < len(rows) < self._longest
        if is_short and self._said.fall == page and self._said.last is not None and value == self._said.last + first:
            return value  # the last page, after rows were deleted
        return end if value < end or not rows or is_short else None

    def goes_on(self, rows: list[Any], value: int, beyond: int | None, more: bool | None) -> bool:
        """`value` is the next page or offset, `beyond` the first one that does not exist, if it is known."""
        if self.maximum_value is not None and value >= self.maximum_value:
            return False
        says_more = None if beyond is None and more is None else more is True or (beyond is not None and value < beyond)
        if rows:
            self._empty = 0
            return says_more is not False
        self._empty += 1
        if self.stop_after_empty_page:
            return False
        if says_more is None:
            return self.stop_after_empty_page is False
        if says_more and self._empty >= _MOST_EMPTY:
            raise misled(f"{self._empty} pages without rows came one after the other, and there should be more")
        return says_more


class PageNumbers(_Counting, dlt_paginators.PageNumberPaginator):
    """`refuses_an_empty_end`: it is not known from which number the source counts, so its last page must have rows."""

    def __init__(self, said: Said, stop_after_empty_page: bool | None, **options: Any) -> None:
        dlt_paginators.PageNumberPaginator.__init__(self, **options, total_path=None, stop_after_empty_page=True)
        _Counting.__init__(self)
        self.stop_after_empty_page = stop_after_empty_page
        self.refuses_an_empty_end = False
        self.ended_empty = False
        """Whether the last of the pages that the total_path announces had no rows."""
        self._said = said

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        _, more = self._said.hear(response.json(), bool(data))
        self.current_value += 1
        beyond = self.beyond(data or [], self.current_value, self.base_index, 1)
        self._has_next_page = self.goes_on(data or [], self.current_value, beyond, more)
        is_announced = beyond is not None and more is not False and self.current_value == beyond
        self.ended_empty = is_announced and not data and self._longest > 0 and not self.fall
        if self.refuses_an_empty_end and not self._has_next_page and not data and not self.fall:
            raise misled("the last page that it announces is empty; it may count from 0 (base_page)")


class Offsets(_Counting, dlt_paginators.OffsetPaginator):
    """An offset paginator. After a short page it steps by the number of rows that came, and checks whether that was
    right.

    A short page is the last one; or the source gives fewer rows than `limit` at a time, then the next page follows
    without a gap; or it filters after paging, then the next page begins with rows of this one. Equal rows may look like
    that, too. So as many rows are requested once more: a source that filters gives fewer.
    """

    def __init__(self, said: Said, stop_after_empty_page: bool | None, first: int = 0, **options: Any) -> None:
        dlt_paginators.OffsetPaginator.__init__(self, **options, total_path=None, stop_after_empty_page=True)
        _Counting.__init__(self)
        self.stop_after_empty_page = stop_after_empty_page
        self.first = first
        self._said = said
        self._page: list[bytes] = []
        self._page_at = 0
        self._is_probing = False
        self._filters = False
        self._given = self._full = self.limit
        self._asks_again = False
        self._has_ids = False

    @property
    def is_sure(self) -> bool:
        """Whether the total counts all rows, as far as the answers show."""
        return self.fall < self.limit

    @property
    def knows_its_end(self) -> bool:
        """Whether it follows the total although the source leaves rows out of its pages."""
        return self._said.is_named

    def probe(self) -> Json | None:
        """What another attempt must know about earlier pages to go on with the next one."""
        if not (self._is_probing or self._filters or self._asks_again or self.limit != self._given):
            return None
        return {
            "at": self._page_at,
            "page": packed_in_order(self._page) if self._is_probing or self._asks_again else "",
            "filters": self._filters,
            "limit": self.limit,
            "full": self._full,
            "asks_again": self._asks_again,
            "has_ids": self._has_ids,
        }

    def take_up(self, probe: Json) -> None:
        """Go on from the saved state of another attempt's `probe`."""
        self._page_at, self._page = probe["at"], unpacked_in_order(probe["page"])
        self._filters, self._asks_again = probe["filters"], probe.get("asks_again", False)
        self._is_probing = bool(self._page) and not self._asks_again
        self.limit, self._full = probe.get("limit", self.limit), probe.get("full", self.limit)
        self._has_ids = probe.get("has_ids", False)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        rows = data if data is not None else []
        total, more = self._said.hear(response.json(), bool(rows))
        beyond = None if total is None else total + self.first
        if self._asks_again:
            self._learn(len(rows))
            rows.clear()
            self._has_next_page = not self._filters or beyond is None or self.current_value < beyond or bool(more)
            return
        if self._is_probing and self._looks_back(rows):
            rows.clear()
            self._has_next_page = True
            return
        self._look_at(rows, total, more)
        at, count = self.current_value, len(rows)
        self._is_probing = 0 < count < self.limit and not self._filters
        self.current_value += count if self._is_probing or count > self.limit else self.limit
        beyond = self.beyond(rows, self.current_value, self.first, self.limit)
        if at == self.first and total == count and count >= self.limit:
            beyond = None  # the total may count the rows of the page
        self._has_next_page = self.goes_on(rows, self.current_value, beyond, more)
        self._page, self._page_at = [row_digest(row) for row in rows] if self._is_probing else [], at

    def _looks_back(self, rows: list[Any]) -> bool:
        """Whether the page begins with rows equal to the last ones. Then the page before is requested again."""
        self._is_probing = False
        common = _overlap(self._page, [row_digest(row) for row in rows[: len(self._page)]])
        if not common:
            return False
        self._asks_again = True
        self._has_ids = all(isinstance(row, dict) and row.get("id") is not None for row in rows[:common])
        self._full, self.limit, self.current_value = self.limit, len(self._page), self._page_at
        return True

    def _learn(self, count: int) -> None:
        """Judge by the number of rows that came when exactly as many as on the short page were requested."""
        came, self._asks_again, self._page = len(self._page), False, []
        if count > came or (count == came and self._has_ids):
            raise misled("it gives the same rows twice, and neither its pages nor what it leaves out tell why")
        if count == came:  # so many at a time, and equal rows
            self.current_value = self._page_at + came
            return
        self._filters = True
        self.limit = self._full
        self.current_value = self._page_at + self.limit

    def _look_at(self, rows: list[Any], total: int | None, more: bool | None) -> None:
        if not rows:
            return
        if self._filters and total is None and more is None:
            raise misled("it leaves rows out of its pages, so their end is uncertain: give total_path or has_more_path")
        if total is not None and self.is_sure and self.current_value >= total + self.first > self.first:
            raise misled(f"rows came from {self.current_value} on, and the total_path says that there are {total}")


def _overlap(before: list[bytes], after: list[bytes]) -> int:
    """How many of the first rows are also the last rows of the page before."""
    for count in range(min(len(before), len(after)), 0, -1):
        if before[-count] == after[0] and before[-count:] == after[:count]:
            return count
    return 0


class _Following:
    """The end of paging by links and cursors: no link or cursor, or a page that always leads to itself."""

    def __init__(self) -> None:
        self._used: bytes | None = None
        self._visited: set[bytes] = set()
        self._rows: list[Any] = []
        self._was_still = False
        self._still = 0
        self._empty = 0

    def follow(self, reference: Any, rows: list[Any]) -> Any:
        """The next link or cursor, None at the end. Raises `Permanent` if they lead in a circle."""
        if reference is None:
            return None
        key = orjson.dumps(reference, option=orjson.OPT_SORT_KEYS)
        self._empty = 0 if rows else self._empty + 1
        if self._empty >= _MOST_EMPTY:
            raise misled(f"{self._empty} pages without rows came one after the other, each with a next one")
        if key == self._used:
            return reference if self._stands_still(rows) else None
        if key in self._visited:
            raise misled("its pages lead in a circle")
        self._visited.add(key)
        self._used, self._rows, self._was_still, self._still = key, list(rows), False, 0
        return reference

    def _stands_still(self, rows: list[Any]) -> bool:
        """A page leads to itself. Request it again: is it the end, or does the source ignore the cursor?"""
        if not rows:
            return False
        if rows == self._rows:
            if not self._was_still:
                raise misled("it answers the same page over and over: it ignores the link or cursor that it gave")
            rows.clear()
            return False
        self._still += 1
        if self._still > _MOST_STILL:
            raise misled("it answers the same next page over and over")
        self._rows, self._was_still = list(rows), True
        return True


class _Reference(_Following, dlt_paginators.BaseReferencePaginator):
    """`place` says in errors where the link or cursor is expected."""

    place = ""

    def end(self) -> None:
        """End here, whatever the page leads to."""
        self._next_reference = None

    def go_to(self, reference: Any, data: list[Any] | None) -> None:
        self._next_reference = self.follow(reference, data if data is not None else [])


class Cursors(_Reference, dlt_paginators.JSONResponseCursorPaginator):
    """A cursor in the body. An object or a list is sent as JSON if it goes into a parameter."""

    def __init__(self, said: Said, has_more_path: str | None, cursor_path: str, **options: Any) -> None:
        dlt_paginators.JSONResponseCursorPaginator.__init__(self, "cursor", **options)
        _Following.__init__(self)
        self._path = cursor_path
        self._has_more = has_more_path
        self._said = said
        self.place = f"cursor_path {cursor_path}"
        self.is_met = False

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        found = value_at(self._path, response.json())
        self.is_met = self.is_met or found is not MISSING
        _, more = self._said.hear(response.json())
        there = not leads_nowhere(found)
        if more and not there:
            raise misled(f"{self._has_more} says that there is more, and nothing stands at the {self.place}")
        if more is False or not there or (self.stop_after_empty_page and not data):
            self._next_reference = None
            return
        if not self.cursor_body_path and isinstance(found, dict | list):
            found = orjson.dumps(found).decode()
        self.go_to(found, data)


class HeaderCursors(_Reference, dlt_paginators.HeaderCursorPaginator):
    """A cursor in a header."""

    def __init__(self, cursor_key: str, cursor_param: str) -> None:
        dlt_paginators.HeaderCursorPaginator.__init__(self, cursor_key, cursor_param)
        _Following.__init__(self)
        self.place = f"header {cursor_key}"
        self.is_met = False

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        found = response.headers.get(self.cursor_key)
        self.is_met = self.is_met or found is not None
        self.go_to(found.strip() or None if found else None, data)


class _Links(_Reference, dlt_paginators.BaseNextUrlPaginator):
    """The address of the next page, relative or absolute."""

    def __init__(self) -> None:
        dlt_paginators.BaseNextUrlPaginator.__init__(self)
        _Following.__init__(self)
        self.is_met = False

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        found = self.link(response)
        self.is_met = self.is_met or found is not MISSING
        if isinstance(found, dict) and found:
            found = next((found[name] for name in ("href", "url") if name in found), found)
        if leads_nowhere(found):
            self._next_reference = None
        elif isinstance(found, str) and self._used is None and _is_itself(response, found):
            self._next_reference = None  # as Zendesk does when nothing is new: the first request leads to itself
        elif isinstance(found, str):
            self.go_to(found, data)
        else:
            raise misled(f"what stands at the {self.place} is not an address")

    def update_request(self, request: Request) -> None:
        if self.has_next_page:
            super().update_request(request)

    @abstractmethod
    def link(self, response: Response) -> Any:
        """The answer's value at the place of the link. `MISSING` if it has no such place."""


def _is_itself(response: Response, link: str) -> bool:
    """Whether a link leads to the address of the present request."""

    def meant(address: str) -> tuple[str, list[tuple[str, str]]]:
        parts = urlsplit(address)
        return parts._replace(query="", fragment="").geturl(), sorted(parse_qsl(parts.query, keep_blank_values=True))

    return meant(urljoin(response.url, link)) == meant(response.url)


class HeaderLinks(_Links):
    def __init__(self, links_next_key: str) -> None:
        super().__init__()
        self._key = links_next_key
        self.place = f"Link header, {links_next_key}"

    def link(self, response: Response) -> Any:
        by_name = {name.lower(): link for name, link in response.links.items()}
        return by_name.get(self._key.lower(), {}).get("url", MISSING)


class JsonLinks(_Links):
    def __init__(self, next_url_path: str) -> None:
        super().__init__()
        self._path = next_url_path
        self.place = f"next_url_path {next_url_path}"

    def link(self, response: Response) -> Any:
        return value_at(self._path, response.json())


FOLLOWING = (Cursors, HeaderCursors, HeaderLinks, JsonLinks)
"""Paginators that follow a value at one place of the answers. `is_met`: an answer had this place."""

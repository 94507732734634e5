"""Requests several pages at the same time, before their turn, if they have numbers or offsets (`parallel_pages`).

The caller still takes the pages one after the other, in order, and decides after each one whether and where to go on.
Sending ahead only shortens the wait. An answer that is not needed is thrown away, and a request that failed is repeated
in its turn. So rows, commits and positions are the same as without it.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

import requests
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests.hooks import default_hooks

from vai_common.errors import ErrorCode, RunError
from vai_extract_worker.paging.envelope import PAGE_COUNTS, TOTALS
from vai_extract_worker.paging.paginators import Offsets, PageNumbers
from vai_extract_worker.paging.row_totals import TOTAL_HEADERS
from vai_extract_worker.values.selection import MISSING, plain, value_at
from vai_worker.children.link import Stop

MOST_BYTES = 64 * 1024 * 1024
"""How many bytes of answers may wait for their turn, by the size of the last answer."""

_LOOK_SECONDS = 0.2
_LENGTHS = frozenset((*TOTALS, *PAGE_COUNTS)) - {"count", "itemcount", "rowcount", "numresults", "resultcount"}
"""Names of totals, without those that often count the rows of a page."""

Send = Callable[[requests.PreparedRequest, Callable[[], bool]], requests.Response]
"""Sends a request from a thread. Before it sends, it checks whether the request is still wanted (`NotSent`)."""
Key = tuple[str | None, str | None, Any]


class NotSent(Exception):
    """The answer is not wanted any more."""


class PagesAhead:
    """The requests ahead of one series of pages. At most `most` requests are under way at a time, including the one
    whose turn it is.

    After a refusal (429, 5xx, a broken connection) `most` is halved for the rest of the series.
    """

    def __init__(self, most: int, check: Callable[[], None]) -> None:
        self._most = most
        self._check = check
        self._width = min(2, most)
        self._sent: dict[int, _Sent] = {}
        self._is_over = threading.Event()
        self._limit: RunError | None = None
        self._is_ahead = False
        self._state: Any = None
        self._taken = self._others = 0

    def plan(
        self, paginator: BasePaginator | None, request: requests.Request, size: int, left: int | None
    ) -> list[tuple[int, requests.Request]]:
        """The following requests that may be sent now, each with its page or offset.

        `size` is the last answer's size in bytes. `left` is how many pages there are from this one on, if known. If it
        is not known, the number of requests grows from page to page, so that few pages are requested that do not exist.
        """
        if not isinstance(paginator, PageNumbers | Offsets):
            return []
        if self._sent and paginator.current_value not in self._sent:
            self._sent, self._most = {}, 1  # the paginator went on in another way than expected
        is_known = left is not None or _first_beyond(paginator) is not None
        width = min(self._most if is_known else self._width, max(1, MOST_BYTES // max(size, 1)))
        width = width if left is None else min(width, left)
        self._width = min(2 * self._width, self._most)
        if self._is_unwanted() or width < 2:
            return []
        ahead = islice(following(paginator, request), width - 1)
        return [(value, page) for value, page in ahead if value not in self._sent]

    def send(self, value: int, request: requests.PreparedRequest, send: Send) -> None:
        """Send a page's request now, in its own thread."""
        request.hooks = default_hooks()  # a refused token is renewed when the request's turn comes
        self._sent[value] = sent = _Sent(request, self._most)
        given = (sent, send, request)
        threading.Thread(target=self._perform, args=given, name=f"page {value}", daemon=True).start()

    def take(self, request: requests.PreparedRequest) -> requests.Response | None:
        """The answer to the request whose turn it is. None if it was not sent ahead, or failed.

        Raises the RATE_LIMITED of a request that was sent ahead, once, so that the caller waits before it sends
        anything.
        """
        key = _key(request)
        value = next((value for value, sent in self._sent.items() if sent.key == key), None)
        taken = None if value is None else self._sent.pop(value)
        while taken is not None and not taken.is_done.wait(_LOOK_SECONDS):
            self._check()
        self._is_ahead = taken is not None and taken.response is not None
        if taken is not None and taken.response is not None:
            return taken.response
        limit, self._limit = self._limit, None
        if limit is not None:
            raise limit
        return None

    def is_outdated(self, response: requests.Response, total_path: str | None) -> bool:
        """Whether the list has changed between the page before and an answer that was requested ahead.

        New rows at the beginning of the list have moved the others, so some would be on neither of the two pages. The
        page is then requested again in its turn: rows can come twice, but none is missing.
        """
        before, self._state = self._state, state_of(response, total_path)
        is_other = self._is_ahead and before is not None and before != self._state
        self._taken, self._others = self._taken + self._is_ahead, self._others + is_other
        if self._taken > 1 and 2 * self._others > self._taken:
            self._most = 1  # a value that differs on each page
        return is_other

    def close(self) -> None:
        """The series is over. Requests that were not sent yet are dropped."""
        self._is_over.set()
        self._sent = {}

    def _is_unwanted(self) -> bool:
        return self._is_over.is_set() or self._limit is not None

    def _perform(self, sent: "_Sent", send: Send, request: requests.PreparedRequest) -> None:
        """Runs in a thread. Errors are ignored here: the request is repeated in its turn and meets them again."""
        try:
            sent.response = send(request, self._is_unwanted)
        except RunError as error:
            if error.code in (ErrorCode.RATE_LIMITED, ErrorCode.CONNECTION_ERROR):
                self._most = min(self._most, max(1, sent.most // 2))
            if error.code == ErrorCode.RATE_LIMITED:
                self._limit = error
        except (NotSent, Stop, IgnoreResponseException):
            pass
        finally:
            sent.is_done.set()


class _Sent:
    """A request that was sent ahead, while at most `most` were under way."""

    def __init__(self, request: requests.PreparedRequest, most: int) -> None:
        self.key = _key(request)
        self.most = most
        self.is_done = threading.Event()
        self.response: requests.Response | None = None


def following(paginator: PageNumbers | Offsets, request: requests.Request) -> Iterator[tuple[int, requests.Request]]:
    """The requests for the pages after this one, up to the end that the source or the definition names."""
    if isinstance(paginator, Offsets) and paginator.probe() is not None:
        return  # its steps depend on the answers
    step = paginator.limit if isinstance(paginator, Offsets) else 1
    end = _first_beyond(paginator)
    other = copy.copy(paginator)
    while end is None or other.current_value + step < end:
        other.current_value += step
        page = copy.copy(request)
        page.params = dict(cast(dict[str, Any], request.params or {}))
        page.json = copy.deepcopy(request.json)
        other.update_request(page)
        yield other.current_value, page


def state_of(response: requests.Response, total_path: str | None) -> Any:
    """The length of the list as an answer gives it. None if it does not."""
    body = response.json()
    if total_path is not None:
        found = value_at(total_path, body)
        return None if found is MISSING else found
    told = [(name.lower(), value) for name, value in response.headers.items() if name.lower() in TOTAL_HEADERS]
    frames = [body, *body.values()] if isinstance(body, dict) else []
    for frame in frames:
        if isinstance(frame, dict):
            told += [(plain(key), value) for key, value in frame.items() if plain(key) in _LENGTHS]
    return told or None


def _first_beyond(paginator: PageNumbers | Offsets) -> int | None:
    """The first page or offset that does not exist. None if it is not known."""
    first = paginator.first if isinstance(paginator, Offsets) else paginator.base_index
    total = None if paginator.total is None or paginator.fall else paginator.total + first
    ends = [end for end in (total, paginator.maximum_value) if end is not None]
    return min(ends, default=None)


def _key(request: requests.PreparedRequest) -> Key:
    return request.method, request.url, request.body

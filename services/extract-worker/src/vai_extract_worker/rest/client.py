"""dlt's REST client for one resource. Where dlt would guess or silently ignore something, this one raises an error."""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import requests
from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
from dlt.sources.helpers.rest_client import client as dlt_client
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.paging import pagination
from vai_extract_worker.paging.counts import misled
from vai_extract_worker.paging.detection import detect, places_told, tells_its_page, total_told
from vai_extract_worker.paging.first_pages import may_be_the_first
from vai_extract_worker.paging.paginators import FOLLOWING, JsonLinks, Offsets, PageNumbers
from vai_extract_worker.paging.repeats import Repeats
from vai_extract_worker.paging.row_totals import Totals
from vai_extract_worker.paging.signs_of_more import sign_of_more
from vai_extract_worker.rest.credentials import Access, HostBound
from vai_extract_worker.rest.http_session import SourceSession, Wanted
from vai_extract_worker.rest.pages_ahead import PagesAhead
from vai_extract_worker.values.selection import quoted, rows_of, selector_of
from vai_records.definitions.sources import paginators as given


class Client(dlt_client.RESTClient):
    """Follows one paginator. `definition` is the paginator that was detected, as soon as the first answer is there.

    `came` counts the rows of the pages that were followed, here and by attempts before.
    """

    def __init__(
        self,
        name: str,
        access: Access,
        session: SourceSession,
        definition: given.Paginator,
        wanted: Wanted,
        came: int = 0,
        totals: Totals | None = None,
        repeats: Repeats | None = None,
        ahead: PagesAhead | None = None,
    ) -> None:
        super().__init__(access.base_url, auth=HostBound(access), session=session, config=RuntimeConfiguration())
        self.definition = definition
        self.came = came
        self.totals = totals or Totals(None)
        self.repeats = repeats or Repeats(())
        self._wanted = wanted
        self._ahead = ahead
        self._turns: BasePaginator | None = None
        self._rows_a_page = 0
        self._size: int | None = None
        """Bytes of the last answer, None before the first one."""
        self._name = name
        self._had_rows = False
        self._is_guessed = False
        self._guessed = "$"
        self._is_first = True
        self._guesses_a_param = self._is_found_alone = False
        self.unsure_of: int | None = None
        """How many rows came on a single page that may be the first of several. None if there is no doubt."""
        self.empty_end: int | None = None
        """How many pages the source announced, if the last of them had no rows: the source may count from 0."""
        self._told: dict[tuple[str, ...], int] = {}

    def follow(self, **asked: Any) -> Iterator[Any]:
        """The pages, each as dlt's `PageData`. Raises `Permanent` if dlt cannot handle an answer."""
        self._turns = asked.get("paginator")
        try:
            for page in self.paginate(**asked, hooks={"response": []}):
                self._look_for_more(page)
                self.repeats.look(page.response, list(page), self._guesses_a_param)
                del page[: self.repeats.again]
                self.repeats.note(page)
                self._look_where_it_is(page)
                self._look_for_the_end(page)
                self._look_for_all(page)
                self.repeats.lead_on(page.response, len(page), page.paginator.has_next_page, self._bound(page))
                yield page
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise pagination_failed(error) from error
        finally:
            if self._ahead:
                self._ahead.close()

    def extract_response(self, response: requests.Response, data_selector: Any) -> list[Any]:
        body, self._size = response.json(), len(response.content or b"")
        if self._is_guessed and data_selector == "$" and isinstance(body, dict):
            data_selector = self._place(response)
        rows = rows_of(str(data_selector), body, self._had_rows, self._is_guessed)
        self._had_rows = True
        return rows

    def _place(self, response: requests.Response) -> str:
        """Find the place of the rows, as long as no page had a list with rows. The pages before may have been empty."""
        if self._guessed == "$":
            self._guessed = selector_of(self._name, response.json(), response.url)
        return self._guessed

    def _send_request(self, request: requests.Request, **kwargs: Any) -> requests.Response:
        session = cast(SourceSession, self.session)
        session.want(self._wanted, self._ahead)
        if self._ahead and self._size is not None:
            send = partial(session.send_ahead, self._wanted)
            for value, following in self._ahead.plan(self._turns, request, self._size, self._pages_left()):
                self._ahead.send(value, session.prepare_request(following), send)
        response = super()._send_request(request, **kwargs)
        path = getattr(self.definition, "total_path", None)
        while self._ahead and self._ahead.is_outdated(response, path):
            response = super()._send_request(request, **kwargs)
        return response

    def _pages_left(self) -> int | None:
        """How many pages follow, by the total in the answers."""
        total, page = self.totals.total, self._rows_a_page
        return None if total is None or not page or self.came > total else -(-(total - self.came) // page)

    def detect_data_selector(self, response: requests.Response) -> str:
        self._is_guessed = True
        return selector_of(self._name, response.json(), response.url)

    def detect_paginator(self, response: requests.Response, data: Any) -> BasePaginator:
        self.definition = detect(response, data)
        self._is_found_alone = isinstance(self.definition, given.SinglePage)
        self.unsure_of = len(data) if self._is_found_alone and may_be_the_first(response, data) else None
        self._guesses_a_param = not isinstance(self.definition, given.HeaderLink | given.JsonLink)
        paginator = cast(BasePaginator, pagination.paginator_of(self.definition))
        if isinstance(paginator, PageNumbers):
            paginator.refuses_an_empty_end = not tells_its_page(response, data)
        self._turns = paginator
        return paginator

    def _look_for_more(self, page: Any) -> None:
        """Raises `Permanent` if the first answer lacks the place that its paginator follows, and there are more
        rows.
        """
        if not self._is_first:
            return
        self._is_first = False
        paginator = page.paginator
        if isinstance(paginator, FOLLOWING) and not paginator.is_met and (sign := sign_of_more(page.response, page)):
            raise misled(f"the answer has nothing at the {paginator.place}, and {sign}")

    def _look_where_it_is(self, page: Any) -> None:
        """Raises `Permanent` if an answer says that it is the same page as the one before, although the next was
        requested.
        """
        paginator = page.paginator
        if not isinstance(paginator, PageNumbers | Offsets) or not page:
            return
        told = places_told(page.response, page, None if self._guesses_a_param else paginator.param_name or "")
        if told and self.came == 0 and isinstance(paginator, Offsets) and paginator.first == 0 and not self._told:
            self._look_for_the_first(told, paginator)
        if told and told == self._told:
            path, number = next(iter(told.items()))
            raise misled(f"it was asked for the next page, and {quoted(path)} says {number} again")
        self._told = told

    def _look_for_the_first(self, told: dict[tuple[str, ...], int], paginator: Offsets) -> None:
        """Raises `Permanent` if row 0 was requested and the answer says that it begins with row 1."""
        path = next((path for path, number in told.items() if number == 1 and path[-1] == paginator.param_name), None)
        if path:
            raise misled(f"it counts rows from 1, as {quoted(path)} says: set offset to 1 in the paginator")

    def _look_for_the_end(self, page: Any) -> None:
        """Some sources always link to a next page, as CKAN does. Then an empty page after all rows is the end."""
        self.came += len(page)
        self._rows_a_page = len(page)
        if page or not isinstance(page.paginator, JsonLinks) or not page.paginator.has_next_page:
            return
        total = total_told(page.response, page)
        if total is not None and self.came >= total:
            page.paginator.end()

    def _bound(self, page: Any) -> int | None:
        """The end in pages or rows, if the source or the definition names it."""
        if isinstance(page.paginator, PageNumbers | Offsets) and page.paginator.ends_at is not None:
            return page.paginator.ends_at
        return self.totals.total if self.came <= (self.totals.total or 0) else None

    def _look_for_all(self, page: Any) -> None:
        """Raises `Permanent` if the pages have ended and the answers certainly announce more."""
        entries = self.totals.hear(page.response, page, self.came)
        if self._is_found_alone:
            self.totals.weigh(self.came)
        if not page.paginator.has_next_page and not isinstance(self.definition, given.SinglePage):
            base = self.definition.base_page if isinstance(self.definition, given.PageNumber) else 0
            if isinstance(page.paginator, PageNumbers) and page.paginator.ended_empty:
                is_told = "base_page" in self.definition.model_fields_set
                self.empty_end = None if is_told else page.paginator.total
            self.totals.end(page.paginator, entries, self.came, base)


def pagination_failed(error: Exception) -> Permanent:
    """The error for an answer that dlt could not handle. dlt's own message is left out, since it may quote the
    answer.
    """
    text = f"The answer does not fit the paginator ({type(error).__name__}). Name the right paginator and its paths."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator"})

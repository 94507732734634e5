"""The source `rest_api`: endpoints that answer JSON, through dlt's REST client and paginators."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Self, cast

import orjson
import requests
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker import failures
from vai_extract_worker.increments.cursor import IncrementalCursor
from vai_extract_worker.increments.cursor_values import as_instant
from vai_extract_worker.increments.missing_columns import Undelivered
from vai_extract_worker.increments.windows import Window, falls_between, windows
from vai_extract_worker.log_texts import (
    Entry,
    last_page_empty,
    paging_not_found,
    paging_repeats,
    rows_moved,
    total_may_be_capped,
    total_not_reached,
    windows_have_gaps,
)
from vai_extract_worker.modes import Mode, mode_of
from vai_extract_worker.paging import pagination
from vai_extract_worker.paging.repeats import Repeats
from vai_extract_worker.paging.row_totals import Totals
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.rest.client import Client
from vai_extract_worker.rest.credentials import Access, access_of, without_params
from vai_extract_worker.rest.http_session import SourceSession, Wanted, origin_of
from vai_extract_worker.rest.pages_ahead import PagesAhead
from vai_extract_worker.rest.request_parts import Asked, Requests, start_asked_by
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.source import Means, Page, Table
from vai_extract_worker.values.columns import table_of
from vai_extract_worker.values.flattening import flattened
from vai_extract_worker.values.lost_characters import LostCharacters
from vai_records.definitions.dlt_extract import DltExtract, RestApi
from vai_records.definitions.sources import paginators as given
from vai_records.definitions.sources.resources import RestResource
from vai_records.definitions.sources.rest_checks import is_incremental, parent_of

Batch = tuple[list[Any], Json | None]


class RestSource:
    """The source. All resources share one session, with its connections and its pace."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition = rest = cast(RestApi, definition)
        self._means = means
        self._session = SourceSession(
            means.link, means.policy, rest.read_timeout_seconds, rest.request_interval_seconds
        )

    def tables(self) -> list[Table]:
        definition, means, session = self._definition, self._means, self._session
        access = access_of(definition, means.job.connection, Lasting(means.job.connection, means.link, means.hidden))
        session.origin = origin_of(access.base_url)
        family = Family(definition, means, access, session)
        tables = [family.member(resource) for resource in definition.resources]
        session.secret_headers = frozenset(name.lower() for table in tables for name in table.access.headers)
        session.hidden = means.hidden
        return [table for table in tables if table.is_selected]

    def close(self) -> None:
        self._session.close()


class Family:
    """Makes the resources. Each child gets a parent resource of its own."""

    def __init__(self, definition: RestApi, means: Means, access: Access, session: SourceSession) -> None:
        self._definition = definition
        self._means = means
        self._where = (access, session)
        self._named = {resource.name: resource for resource in definition.resources}

    def member(self, resource: RestResource) -> "Endpoint":
        saved = self._means.cursors.get(resource.name)
        return self._made(resource, saved["value"] if saved else None)

    def _made(self, resource: RestResource, saved: Json | None) -> "Endpoint":
        from vai_extract_worker.rest.children import Child

        mode = mode_of(self._definition, resource, since=is_incremental(resource, self._named))
        given_ = (self._definition, resource, self._means, mode)
        if (parent := parent_of(resource)) is None:
            return Endpoint(*given_, saved).over(*self._where)
        return Child(*given_, saved, self._made(self._named[parent], (saved or {}).get("parent"))).over(*self._where)


class Endpoint:
    """One resource of an API. `saved` is the cursor of an earlier run."""

    def __init__(
        self, definition: RestApi, resource: RestResource, means: Means, mode: Mode, saved: Json | None
    ) -> None:
        self.name = resource.name
        self.table = resource.table_name
        self.is_selected = resource.selected
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.sliced = resource.slices is not None
        self.cursor_saved_by = (means.cursors.get(resource.name) or {}).get("run_id")
        self._saved = saved if mode.begins else None
        self._definition = definition
        self._resource = resource
        self._means = means
        self._mark: IncrementalCursor | None = None
        self._is_complete = False
        self._has_warned = self._has_doubted = self._has_told = self._has_gaps = False
        self._missing = Undelivered(resource.columns, by_value=True)
        self._lost = LostCharacters(resource.name, means.link)
        self._rows: int | None = 0

    def over(self, access: Access, session: SourceSession) -> Self:
        """The address of its requests."""
        resource, given_ = self._resource, self._definition
        interval = resource.request_interval_seconds
        self._wanted = Wanted(
            resource.response_format,
            resource.response_actions,
            given_.request_interval_seconds if interval is None else interval,
            given_.errors if resource.errors is None else resource.errors,
            resource,
        )
        self._requests = Requests(given_, resource, access)
        self._session = session
        return self

    @property
    def access(self) -> Access:
        return self._requests.access

    def requests_sent(self) -> int:
        return self._session.sent

    def begin(self, state: ResourceProgress) -> None:
        if state.rows:
            self._rows = None  # an earlier attempt has seen more columns
            self._wanted.known.update(column["name"].lower() for column in state.columns)
        if self._resource.incremental:
            initial = self._resource.incremental.initial_value
            if initial is None and self._definition.start_date is not None:
                initial = self._definition.start_date.isoformat()
            self._mark = IncrementalCursor(
                self._resource.incremental,
                self._saved,
                initial,
                now(),
                resumed=state.cursor,
                primary_key=_names(self._resource.primary_key),
                asked_by=start_asked_by(self._resource),
            )
        if self._resource.slices and state.plan is None:
            state.plan = {"from": self._first_moment().isoformat(), "until": self._last_moment().isoformat()}

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        if self._resource.slices is None:
            return None
        plan = cast(Json, state.plan)
        bounds = (datetime.fromisoformat(plan["from"]), datetime.fromisoformat(plan["until"]))
        left = windows(*bounds, self._resource.slices)[state.slices_done :]
        self._is_complete = not left
        return left

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        before = self._session.received
        try:
            for rows, after in self.batches(part, position):
                received, before = self._session.received - before, self._session.received
                table = table_of(flattened(rows, self._resource.flatten), self._resource.columns)
                self._missing.meet(table)
                self._lost.meet(table)
                self._rows = None if self._rows is None else self._rows + len(table)
                yield Page(table, received, after)
            if self._is_complete and self._rows:
                fails = self._resource.on_missing_column == "fail"
                self._missing.tell(self.name, None, fails, self._means.link)
        except requests.RequestException as error:
            raise failures.of_exception(error, self.access.base_url, self._definition.read_timeout_seconds) from error
        except RunError as error:
            error.details.setdefault("resource", self.name)
            raise

    def batches(self, part: Any, position: Json | None) -> Iterator[Batch]:
        """New rows, with the position after them (None: one cannot go on there, or everything was read)."""
        if self._mark:
            self._mark.is_over = False
        for data, after in self._answers(self._requests.first(part, self._mark), position):
            yield (self._mark.fresh(data) if self._mark else data), after
            if self._mark and self._mark.is_over:
                break
        self._note_end(part)

    def cursor(self) -> Json | None:
        if self._mark is None:
            return None
        return self._mark.finished() if self._is_complete else self._mark.state()

    def _note_end(self, part: Window | None) -> None:
        """Called when all pages of a slice (None: of the whole resource) have been read."""
        self._is_complete = part is None or part.last
        if self._mark:
            self._mark.until = None if part is None else part.end.isoformat()
            for entry in self._mark.warnings(self.name) if self._is_complete else ():
                self._log(entry)

    def _answers(self, first: Asked, position: Json | None) -> Iterator[Batch]:
        """The pages, from the first request or from a position on."""
        definition, paginator = self._paginator(position)
        known = position or {"came": 0}
        totals = Totals(known.get("totals"), "came" in known)
        resource, given_ = self._resource, self._definition
        most = (
            given_.pages_without_progress
            if resource.pages_without_progress is None
            else resource.pages_without_progress
        )
        repeats = Repeats(_names(resource.primary_key), most, known.get("still"))
        came = known.get("came", 0)
        side_by_side = given_.parallel_pages if resource.parallel_pages is None else resource.parallel_pages
        ahead = PagesAhead(side_by_side, self._means.link.check) if side_by_side > 1 else None
        client = Client(self.name, self.access, self._session, definition, self._wanted, came, totals, repeats, ahead)
        for data in client.follow(
            **(pagination.asked_at(first, position) if position else first),
            headers=self._requests.headers,
            paginator=paginator,
            data_selector=resource.data_selector or given_.data_selector,
        ):
            self._tell_of_repeats(repeats)
            self._tell_of_gaps(data)
            yield list(data), self._position(client, data)
        self._tell_of_the_end(client)

    def _tell_of_the_end(self, client: Client) -> None:
        """Write warnings about the pages of a series that has ended."""
        totals, repeats = client.totals, client.repeats
        if client.unsure_of and not totals.shortfall and not self._has_doubted:
            self._has_doubted = True
            self._log(paging_not_found(self.name, client.unsure_of))
        if repeats.moved:
            self._log(rows_moved(self.name, repeats.moved))
        if client.empty_end:
            self._log(last_page_empty(self.name, client.empty_end))
        if totals.cap:
            self._log(total_may_be_capped(self.name, totals.cap))
        if (short := totals.shortfall) and not self._has_warned:
            self._has_warned = True
            self._log(total_not_reached(self.name, short.rows, short.total, short.place))

    def _log(self, entry: Entry) -> None:
        self._means.link.log(entry["event"], entry["message"], entry["data"], entry["level"])

    def _tell_of_repeats(self, repeats: Repeats) -> None:
        """Write the warning at once, so that it is in the log even if the attempt is killed."""
        if repeats.is_doubtful and not self._has_told:
            self._has_told = True
            self._log(paging_repeats(self.name))

    def _tell_of_gaps(self, rows: Sequence[Any]) -> None:
        slices = self._resource.slices
        if slices and not self._has_gaps and falls_between(rows, slices):
            self._has_gaps = True
            self._log(windows_have_gaps(self.name, slices.format))

    def _paginator(self, position: Json | None) -> tuple[given.Paginator, BasePaginator | None]:
        if position:
            return pagination.taken_up(position)
        definition = self._resource.paginator or self._definition.paginator
        return definition, pagination.paginator_of(definition)

    def _position(self, client: Client, data: Any) -> Json | None:
        if not data.paginator.has_next_page:
            return None
        position = pagination.position_of(client.definition, data.paginator, data.request)
        position["came"] = client.came
        position["totals"] = client.totals.saved()
        if still := client.repeats.saved():
            position["still"] = still
        position["url"] = without_params(position["url"], self.access.params)
        written = orjson.dumps(position).decode()
        return None if any(secret in written for secret in self.access.secrets) else position

    def _first_moment(self) -> datetime:
        if self._mark and self._mark.until:
            return datetime.fromisoformat(self._mark.until)
        value = self._mark.asked if self._mark else None
        found = self._mark.begins_at if self._mark else None
        if found is None:
            found = as_instant(value) if value is not None else self._definition.start
        if found is None:
            text = f"{value!r:.60} is not a time at which slices of days can begin; give a time as initial_value."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.initial_value"})
        return found

    def _last_moment(self) -> datetime:
        end = self._mark.ends_at if self._mark else None
        if end is None and self._resource.incremental:
            end = as_instant(self._resource.incremental.end_value)
        return now() if end is None else min(now(), end)


def _names(primary_key: str | list[str] | None) -> list[str]:
    return [primary_key] if isinstance(primary_key, str) else primary_key or []

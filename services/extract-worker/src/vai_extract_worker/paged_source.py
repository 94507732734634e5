"""A source of a few lines: tables whose rows a method answers, page after page. For packages that bring a source.

Increments, declared types, retries and commits are the platform's. A source that pages, slices or goes on in the middle
in ways of its own implements `vai_extract_worker.source.Table` instead.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import requests

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker import failures
from vai_extract_worker.increments.cursor import IncrementalCursor
from vai_extract_worker.modes import mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.rest.credentials import Access, HostBound
from vai_extract_worker.rest.http_session import SourceSession, origin_of
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.source import Means, Page, Table
from vai_extract_worker.values.columns import table_of
from vai_records.connections.credentials import base_url
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import ResourceType, source_types
from vai_records.definitions.sources.resources import Incremental, Resource

Rows = list[dict[str, Any]]

READ_SECONDS = 30.0


class PagedSource(ABC):
    """Subclass it, say its pages; `resources` of its `SourceType` say which tables there are, by size.

    `session` reaches permitted addresses only, waits between requests (`seconds_between_requests`) and turns what
    servers say into the errors of runs. `base_url` is the connection's, else the class's own.
    """

    base_url: str = ""
    seconds_between_requests: ClassVar[float] = 0.0

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self.definition = definition
        self.means = means
        self.session = SourceSession(means.link, means.policy, READ_SECONDS, self.seconds_between_requests)
        self.session.hidden = means.hidden
        connection = means.job.connection
        if connection is not None:
            self.base_url = base_url(connection.config) or self.base_url
        self.base_url = self.base_url.rstrip("/")
        access = Access(self.base_url, Lasting(connection, means.link, means.hidden))
        self.session.auth = HostBound(access)
        self.session.origin = origin_of(self.base_url)
        self.session.secret_headers = frozenset(name.lower() for name in access.headers)

    @abstractmethod
    def pages(self, resource: Resource, since: Any) -> Iterator[Rows]:
        """The rows of a table, in lists. `since`: where the last run's cursor stood, None for everything; rows from
        that value on suffice, and more do no harm. Raises `Retryable`, `Permanent`, or what `session` raises."""

    def tables(self) -> list[Table]:
        known = {one.name: one for one in source_types()[self.definition.source].resources}
        given = self.definition.resources
        wanted = given if given is not None else [Resource(name=name) for name in by_size(known.values())]
        for number, one in enumerate(wanted):
            if one.name not in known:
                text = f"The source {self.definition.source} has no {one.name!r}; there are {', '.join(known)}."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"field": f"resources.{number}"})
        return [PagedTable(self, one, known[one.name]) for one in wanted]

    def close(self) -> None:
        self.session.close()


class PagedTable:
    """One table of a `PagedSource`: all of it in each attempt, of a run that keeps a cursor what is new."""

    sliced = False

    def __init__(self, source: PagedSource, resource: Resource, of: ResourceType) -> None:
        saved = source.means.cursors.get(resource.name)
        mode = mode_of(source.definition, resource, by_definition=of.cursor is not None)
        self.name = resource.name
        self.table = resource.table_name
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._saved = saved["value"] if saved and mode.begins else None
        self._source, self._resource, self._of = source, resource, of
        self._mark: IncrementalCursor | None = None
        self._is_complete = False

    def begin(self, state: ResourceProgress) -> None:
        if not self.tracks or self._of.cursor is None:
            return
        start = self._source.definition.start
        self._mark = IncrementalCursor(
            Incremental(cursor_path=self._of.cursor),
            self._saved,
            start and start.isoformat(),
            now(),
            resumed=state.cursor,
            primary_key=self._of.primary_key,
        )

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        return None

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        session = self._source.session
        before = session.received
        try:
            for rows in self._source.pages(self._resource, self._mark.asked if self._mark else None):
                new = self._mark.fresh(rows) if self._mark else rows
                received, before = session.received - before, session.received
                yield Page(table_of(new, self._resource.columns), received)
        except requests.RequestException as error:
            raise failures.of_exception(error, self._source.base_url, READ_SECONDS) from error
        self._is_complete = True

    def cursor(self) -> Json | None:
        if self._mark is None:
            return None
        return self._mark.finished() if self._is_complete else self._mark.state()


def by_size(resources: Any) -> list[str]:
    """The names, from XS to XL (document 000, "Resource Ordering")."""
    order = ("XS", "S", "M", "L", "XL")
    return [one.name for one in sorted(resources, key=lambda one: order.index(one.size))]

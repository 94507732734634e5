"""The base class of sources whose tables are read page by page. For vendors, and for packages that bring a source.

The platform does slices, increments, declared types, retries and commits; the tables are described as data
(`ResourceType`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from vai_extract_worker.paged_table import PagedTable, Reading
from vai_extract_worker.paged_table import Rows as Rows
from vai_extract_worker.paged_table import Slice as Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.rates import SharedPace
from vai_extract_worker.rest.credentials import Access, HostBound
from vai_extract_worker.rest.http_session import SourceSession, origin_of
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.source import Means, Table
from vai_extract_worker.waits import Pace
from vai_records.connections.credentials import HttpCredentials, base_url
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import ResourceType, SourceType, source_types
from vai_records.definitions.sources.resources import Resource
from vai_worker.children.job import ConnectionSecret

READ_SECONDS = 30.0


class PagedSource(ABC):
    """A subclass implements `pages`. `resources` of its `SourceType` lists the tables, by size.

    `session` reaches permitted addresses only, keeps the pace of the present table, and turns servers' errors into
    errors of runs. `base_url` and `config` are the connection's, else the `SourceType`'s defaults.
    """

    base_url: str = ""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self.definition = definition
        self.means = means
        self.type: SourceType = source_types()[definition.source]
        self.session = SourceSession(means.link, means.policy, READ_SECONDS, 0.0)
        self.session.hidden = means.hidden
        self._paces: dict[str, Pace] = {}
        given = means.job.connection
        self.config = self.type.config_of(given.config if given else {})
        connection = given and ConnectionSecret(
            given.id, given.slug, given.provider, self.config, given.credentials, given.renew_at
        )
        self.base_url = (base_url(self.config) or self.base_url).rstrip("/")
        access = Access(self.base_url, Lasting(connection, means.link, means.hidden), HttpCredentials(self.headers()))
        self.session.auth = HostBound(access)
        self.session.origin = origin_of(self.base_url)
        self.session.secret_headers = frozenset(name.lower() for name in access.headers)

    @abstractmethod
    def pages(self, part: Slice) -> Iterator[Rows | tuple[Rows, Json]]:
        """The rows of a slice, in lists. A list may come with the position after it; another attempt gets it as
        `part.position` and goes on there. Raises `TooLarge` for a slice that the vendor does not give at once,
        `Retryable`, `Permanent`, or what `session` raises.
        """

    def headers(self) -> dict[str, str]:
        """The headers of each request, besides the credentials."""
        return {}

    def tables(self) -> list[Table]:
        known = {one.name: one for one in self.type.resources}
        given = self.definition.resources
        wanted = given if given is not None else [Resource(name=name) for name in by_size(known.values())]
        reading = Reading(
            self.definition, self.means, self.session, self.pages, self.turn_of, self.base_url, READ_SECONDS
        )
        return [PagedTable(reading, one, known[one.name]) for one in wanted]

    def turn_of(self, of: ResourceType) -> None:
        """Called before a table's requests: its bucket has a pace of its own."""
        bucket = of.bucket or of.name
        if bucket not in self._paces:
            interval = self.type.pace_of(of)
            self._paces[bucket] = SharedPace(interval, self.means.link, f"{self.type.name}:{bucket}"[:200])
        self.session.pace = self._paces[bucket]

    def close(self) -> None:
        for pace in self._paces.values():
            pace.close()
        self.session.close()


def by_size(resources: Iterable[ResourceType]) -> list[str]:
    """The names, from XS to XL (document 000, "Resource Ordering")."""
    order = ("XS", "S", "M", "L", "XL")
    return [one.name for one in sorted(resources, key=lambda one: order.index(one.size))]

"""The interface of a source: resources, their slices, the pages of a slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.progress import Json, ResourceProgress
from vai_records.secrets.hiding import Hidden
from vai_worker.children.job import Job
from vai_worker.children.link import Link


@dataclass(frozen=True)
class Page:
    """Rows that came together. `received` is their size in bytes.

    `position` is where the resource, or its slice, can go on after this page. None if it cannot. `rejects` are rows
    that could not be read.
    """

    table: pa.Table
    received: int = 0
    position: Json | None = None
    rejects: pa.Table | None = None


@dataclass(frozen=True)
class Means:
    """What a source gets from the platform."""

    job: Job
    link: Link
    policy: Policy
    files_root: str | None
    cursors: dict[str, Json]
    """For each resource {value, run_id}: where the last extraction ended, and which run it was."""
    hidden: Hidden
    """Secret values that must not appear in anything that is reported."""


class Table(Protocol):
    """One resource, which becomes one table. `replace`: a finished extraction replaces the table's rows.

    `tracks`: its cursor is kept for the next run. With `sliced`, each slice moves the cursor and is visible at once.
    `cursor_saved_by`: the run that saved the cursor from which this one begins.

    A table whose slices do not depend on each other is an `IsolatingTable`.
    """

    name: str
    table: str
    replace: bool
    tracks: bool
    sliced: bool
    cursor_saved_by: str | None

    def begin(self, state: ResourceProgress) -> None:
        """Read how far it has come. Set `state.plan` if the slices must stay the same in later attempts."""

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        """The slices that are left, in order. None if the resource is one series of pages."""

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        """The pages of a slice (None: of the whole resource). Raises `Retryable` or `Permanent`."""

    def cursor(self) -> Json | None:
        """The cursor after all pages so far. None if the table keeps no cursor."""


@runtime_checkable
class IsolatingTable(Table, Protocol):
    """A table of which an unreadable slice does not stop the others, and whose slices can be continued.

    `bad` are slices, or parts of slices, that were skipped. `notes` are warnings for the user. `rejects`: rows that
    cannot be read are kept in `<table>_rejects`.
    """

    isolates: bool
    rejects: bool
    bad: list[Permanent]
    notes: list[str]

    def goes_on(self, part: Any, position: Json) -> bool:
        """Whether a position lies in this slice and is still valid."""


@runtime_checkable
class AskingTable(Table, Protocol):
    """A table that comes by requests. `requests_sent` counts those of its source so far, also of its other tables."""

    def requests_sent(self) -> int: ...


class TooLarge(Permanent):
    """A slice is larger than the source gives at once. Raised by `pages`; a `DivisibleTable` goes on in smaller
    slices.
    """

    def __init__(self, message: str, details: Json | None = None) -> None:
        super().__init__(ErrorCode.DATA_ERROR, message, details or {})


class PositionLost(Permanent):
    """The vendor does not know a position any more. A `DivisibleTable` then reads the slice from its beginning."""

    def __init__(self, message: str, details: Json | None = None) -> None:
        super().__init__(ErrorCode.DATA_ERROR, message, details or {})


@runtime_checkable
class DivisibleTable(Table, Protocol):
    """A table whose slices can be cut in two and continued: `pages` begins at the position of an earlier page."""

    def divide(self, state: ResourceProgress, part: Any) -> bool:
        """Cut the next slice, so that `slices` gives its halves. Return False if it cannot be smaller."""


class Source(Protocol):
    def tables(self) -> list[Table]:
        """The resources in the order of extraction: the user's order, else by size (document 000, "Resource
        Ordering").
        """

    def close(self) -> None:
        """Close what it holds open."""

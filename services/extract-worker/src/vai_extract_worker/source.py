"""What a source is to the loop that extracts it: resources, their slices, the pages of a slice."""

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
    """Rows that came together. `received` counts bytes.

    `position` is where a resource, or its slice, can go on after this page, None where it cannot. `rejects` are rows
    that could not be read.
    """

    table: pa.Table
    received: int = 0
    position: Json | None = None
    rejects: pa.Table | None = None


@dataclass(frozen=True)
class Means:
    """What a source may use."""

    job: Job
    link: Link
    policy: Policy
    files_root: str | None
    cursors: dict[str, Json]
    """Of each resource {value, run_id}: where the last extraction ended, and who it was."""
    hidden: Hidden
    """What must not be seen of all that is sent."""


class Table(Protocol):
    """One resource, which becomes one table. `replace`: a finished extraction takes the place of what was there.

    `tracks`: its cursor is kept for the next run; with `sliced`, each slice moves it on and is seen at once.
    `cursor_saved_by`: the run that saved the cursor with which this one begins.

    One whose slices stand for themselves is an `IsolatingTable`.
    """

    name: str
    table: str
    replace: bool
    tracks: bool
    sliced: bool
    cursor_saved_by: str | None

    def begin(self, state: ResourceProgress) -> None:
        """Look at how far it has come; set `state.plan` where the slices must stay what they are."""

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        """The slices that are still to do, in order; None where the resource is one series of pages."""

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        """The pages of a slice (None: of the whole). Raises `Retryable` or `Permanent`."""

    def cursor(self) -> Json | None:
        """How far it has come, after all that `pages` has answered; None where it keeps no such mark."""


@runtime_checkable
class IsolatingTable(Table, Protocol):
    """A table of which a slice that cannot be read does not stop the others, and whose slices can be gone on from.

    `bad` are slices, or parts of them, that it has passed over; `notes` what its user should know; `rejects` whether
    rows that cannot be read are kept, in `<table>_rejects`.
    """

    isolates: bool
    rejects: bool
    bad: list[Permanent]
    notes: list[str]

    def goes_on(self, part: Any, position: Json) -> bool:
        """Whether a position is within this slice, and still means the same."""


class TooLarge(Permanent):
    """A slice has more than the source gives at once. Raised by `pages`; a `DivisibleTable` goes on in smaller ones."""

    def __init__(self, message: str, details: Json | None = None) -> None:
        super().__init__(ErrorCode.DATA_ERROR, message, details or {})


class PositionLost(Permanent):
    """The vendor does not know a position any more: a `DivisibleTable` reads that slice from its beginning."""

    def __init__(self, message: str, details: Json | None = None) -> None:
        super().__init__(ErrorCode.DATA_ERROR, message, details or {})


@runtime_checkable
class DivisibleTable(Table, Protocol):
    """A table whose slices can be cut in two, and gone on from: `pages` begins at a position that a page had."""

    def divide(self, state: ResourceProgress, part: Any) -> bool:
        """Cut the slice that is next, so that `slices` has its halves; False where it is as small as it can be."""


class Source(Protocol):
    def tables(self) -> list[Table]:
        """In the order in which they are extracted: the user's, else by size (document 000, "Resource Ordering")."""

    def close(self) -> None:
        """Let go of what it holds open."""

"""What a source is to the loop that extracts it: resources, their slices, the pages of a slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from common.addresses import Policy
from common.errors import Permanent
from extract_worker.state import Json, ResourceState
from records.definitions.dlt_extract import DltExtract
from records.definitions.resources import Resource
from records.hiding import Hidden
from worker.job import Job
from worker.link import Link


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


@dataclass(frozen=True)
class Mode:
    """How a resource is extracted: `tracks` a cursor, `begins` at the saved one, `replaces` what the table had."""

    tracks: bool
    begins: bool
    replaces: bool


def mode_of(definition: DltExtract, resource: Resource, by_definition: bool = False, since: bool = False) -> Mode:
    """What a resource and its definition come to; `by_definition`: `incremental: true` there suffices.

    `since`: it brings only what is new because its parent does.

    `incremental: false` in the definition extracts everything again and still tracks the cursor.
    """
    tracks = resource.is_incremental or since or (by_definition and definition.incremental is True)
    tracks = tracks and resource.write_disposition != "replace"
    begins = tracks and definition.incremental is not False
    kept = resource.write_disposition in ("append", "merge") or tracks
    return Mode(tracks, begins, replaces=not kept or (tracks and not begins))


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

    def begin(self, state: ResourceState) -> None:
        """Look at how far it has come; set `state.plan` where the slices must stay what they are."""

    def slices(self, state: ResourceState) -> list[Any] | None:
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


class Source(Protocol):
    def tables(self) -> list[Table]:
        """In the order in which they are extracted: the user's, else by size (document 000, "Resource Ordering")."""

    def close(self) -> None:
        """Let go of what it holds open."""

"""One table of a `PagedSource`: its slices, which rows are new, and how far it has come."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import requests

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker import failures
from vai_extract_worker.increments.cursor import IncrementalCursor
from vai_extract_worker.increments.cursor_values import as_instant, written
from vai_extract_worker.increments.spans import Plan, Span
from vai_extract_worker.modes import Mode, mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.rest.http_session import SourceSession
from vai_extract_worker.small_pages import joined
from vai_extract_worker.source import Means, Page
from vai_extract_worker.values.columns import table_of
from vai_extract_worker.values.known_rows import MOST_KNOWN, row_digest
from vai_extract_worker.values.lost_characters import LostCharacters
from vai_records.definitions.dlt_extract import DltExtract, OwnTables
from vai_records.definitions.source_types import ResourceType
from vai_records.definitions.sources.resources import Incremental, Resource

Rows = list[dict[str, Any]]

_INSTANT = "2026-01-01T00:00:00Z"
"""How a moment is written if the table has no cursor that shows the format."""


@dataclass(frozen=True)
class Slice:
    """One request to a source: the rows of a table from `start` up to, not including, `end` (UTC), by its cursor.

    Rows outside of this range do no harm. `start` None: from the first row on. `end` None: all rows after `start`, also
    those in the future. `since` is `start` in the format of the table's cursor.
    """

    resource: Resource
    of: ResourceType
    start: datetime | None = None
    end: datetime | None = None
    since: Any = None
    until: datetime | None = None
    """The end of an open slice: the time when the run began, for a vendor that wants to be told an end."""
    position: Json | None = None
    """The position that came with the last page that was kept: go on after it. None: from the beginning."""

    @property
    def name(self) -> str:
        return self.resource.name


@dataclass(frozen=True)
class Reading:
    """How a table is read: `turn` is called first with the table, then `pages` gives the rows of a slice."""

    definition: DltExtract
    means: Means
    session: SourceSession
    pages: Callable[[Slice], Iterator[Rows | tuple[Rows, Json]]]
    turn: Callable[[ResourceType], None]
    address: str
    read_seconds: float


class PagedTable:
    """A `DivisibleTable`: in windows if its type has a slicing, else as one series of pages."""

    def __init__(self, reading: Reading, resource: Resource, of: ResourceType) -> None:
        definition, means = reading.definition, reading.means
        saved = means.cursors.get(resource.name)
        self._end = definition.end if isinstance(definition, OwnTables) and of.cursor else None
        mode = _mode(definition, resource, of, has_end=self._end is not None)
        self.name = resource.name
        self.table = resource.table_name
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.sliced = of.cursor is not None and of.slicing is not None
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._saved = saved["value"] if saved and mode.begins else None
        self._reading, self._resource, self._of = reading, resource, of
        self._mark: IncrementalCursor | None = None
        self._plan: Plan | None = None
        self._began = now()
        self._is_complete = False
        self._lost = LostCharacters(resource.name, means.link)
        self._timeless = _Timeless()

    def requests_sent(self) -> int:
        return self._reading.session.sent

    # What it has to do ----------------------------------------------------------------------------------------------

    def begin(self, state: ResourceProgress) -> None:
        if self._of.cursor is None:
            return
        state.plan = state.plan or {"began": self._began.isoformat()}
        self._began = datetime.fromisoformat(state.plan["began"])
        start = self._reading.definition.start
        if self.tracks:
            self._mark = IncrementalCursor(
                Incremental(cursor_path=self._of.cursor, lag=self._of.lag),
                self._saved,
                start and start.isoformat(),
                self._began,
                resumed=state.cursor,
                primary_key=self._of.primary_key,
                ahead=timedelta(0),
            )
        if self.sliced:
            self._plan = Plan.from_json(state.plan) if "until" in state.plan else self._planned()
            state.plan |= self._plan.as_json()

    def _planned(self) -> Plan:
        definition, slicing = self._reading.definition, self._of.slicing
        assert slicing is not None
        days = (definition.slice_days if isinstance(definition, OwnTables) else None) or slicing.days
        until = self._began if self._end is None else min(self._end, self._began)
        return Plan.of(self._first_moment(), until, days, is_open=self._end is None)

    def _first_moment(self) -> datetime | None:
        if self._mark and self._mark.until:
            return datetime.fromisoformat(self._mark.until)
        if self._mark and (asked := self._mark.asked) is not None:
            if (found := as_instant(asked)) is None:
                text = f"The cursor of {self.name} stands at {asked!r:.60}, which is no time: extract once with "
                raise Permanent(ErrorCode.DATA_ERROR, f"{text}incremental: false.", {"resource": self.name})
            return found
        if (start := self._reading.definition.start) is not None:
            return start
        earliest = self._of.slicing and self._of.slicing.earliest
        return datetime.fromisoformat(f"{earliest.isoformat()}T00:00:00+00:00") if earliest else None

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        if self._plan is None:
            return None
        left = self._plan.left(state.slices_done)
        self._is_complete = not left
        return left

    def divide(self, state: ResourceProgress, part: Any) -> bool:
        least = timedelta(seconds=self._of.slicing.least_seconds if self._of.slicing else 1)
        plan = self._plan and self._plan.halved(part, state.slices_done, least)
        if plan is None or state.plan is None:
            return False
        self._plan = plan
        state.plan |= plan.as_json()
        return True

    # Its rows -------------------------------------------------------------------------------------------------------

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        reading = self._reading
        reading.turn(self._of)
        asked = self._asked(part, position)
        before, last = reading.session.received, _Pages(self.name, bool(self._of.primary_key))
        self._timeless.begin()
        try:
            pages = last.looked(_answered(reading.pages(asked), self.name))
            is_trial = reading.definition.limit_rows is not None  # which asks for no page that it does not need
            for rows, after in pages if is_trial else joined(pages):
                received, before = reading.session.received - before, reading.session.received
                yield Page(self._table_of(self._new(rows, asked)), received, after)
        except requests.RequestException as error:
            raise failures.of_exception(error, reading.address, reading.read_seconds) from error
        except RunError as error:
            error.details.setdefault("resource", self.name)
            raise
        self._timeless.end()
        self._note_end(part)

    def _asked(self, part: Span | None, position: Json | None) -> Slice:
        if part is not None:
            start, end, until = part.start, None if part.is_open else part.end, part.end
        else:
            asked = self._mark.asked if self._mark else None
            start = self._reading.definition.start if asked is None else as_instant(asked)
            start, end, until = start if self._of.cursor else None, self._end, self._end or self._began
        shown = self._mark.largest if self._mark else None
        since = start and written(start, shown if isinstance(shown, str) else _INSTANT)
        if part is None and self._mark and self._mark.asked is not None:
            since = self._mark.asked
        return Slice(self._resource, self._of, start, end, since, until, position)

    def _new(self, rows: Rows, asked: Slice) -> Rows:
        """The rows of the slice that no earlier run has delivered."""
        if self._of.cursor and (asked.start or asked.end):
            rows = [row for row in rows if self._is_within(row, asked)]
        return self._mark.fresh(rows) if self._mark else rows

    def _is_within(self, row: dict[str, Any], asked: Slice) -> bool:
        value: Any = row
        for name in (self._of.cursor or "").split("."):
            value = value.get(name) if isinstance(value, dict) else None
        moment = as_instant(value) if isinstance(value, str) else None
        if moment is None:
            return self._timeless.is_new(row)
        return (asked.start is None or moment >= asked.start) and (asked.end is None or moment < asked.end)

    def _table_of(self, rows: Rows) -> pa.Table:
        """The types that the vendor documents, except where values do not fit. Types that the definition declares must
        fit.
        """
        types = {name.lower(): kind for name, kind in self._of.columns.items()}
        declared = {name.lower(): kind for name, kind in self._resource.columns.items()}
        unfit: dict[int, str] = {}
        table = table_of(rows, types | declared, unfit)
        while unfit:
            wrong = {name.lower() for name in unfit.values()}
            if wrong & declared.keys():
                return table_of(rows, declared)  # which says what is wrong
            types = {name: kind for name, kind in types.items() if name not in wrong}
            unfit = {}
            table = table_of(rows, types | declared, unfit)
        self._lost.meet(table)
        return table

    # How far it has come --------------------------------------------------------------------------------------------

    def _note_end(self, part: Span | None) -> None:
        """Called when all pages of a slice (None: of the whole table) have been read."""
        self._is_complete = part is None or part.is_last
        if self._mark is None:
            return
        self._mark.until = None if part is None else part.end.isoformat()
        for entry in self._mark.warnings(self.name) if self._is_complete else ():
            self._reading.means.link.log(entry["event"], entry["message"], entry["data"], entry["level"])

    def cursor(self) -> Json | None:
        if self._mark is None:
            return None
        return self._mark.finished() if self._is_complete else self._mark.state()


def _answered(pages: Iterator[Rows | tuple[Rows, Json]], name: str) -> Iterator[tuple[Rows, Json | None]]:
    """What a source answers: rows, and the position after them. One that stumbles over an answer is told of."""
    try:
        for page in pages:
            rows, after = page if isinstance(page, tuple) else (page, None)
            if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
                raise TypeError
            yield rows, after
    except requests.RequestException:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        text = (
            f"An answer for {name} has another form than this source knows ({type(error).__name__} in {place}). Check "
        )
        text += "the connection's base_url; if it is the vendor's, tell whoever maintains the source."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": name, "place": place}) from error


class _Pages:
    """Remembers the pages of a slice: a source that repeats the same pages would never end."""

    def __init__(self, name: str, has_key: bool) -> None:
        self._name, self._has_key = name, has_key
        self._rows: Rows = []
        self._positions: set[bytes] = set()

    def looked(self, pages: Iterator[tuple[Rows, Json | None]]) -> Iterator[tuple[Rows, Json | None]]:
        for rows, position in pages:
            self._look(rows, position)
            yield rows, position

    def _look(self, rows: Rows, position: Json | None) -> None:
        is_same = bool(rows) and self._has_key and rows == self._rows
        place = None if position is None else row_digest(position)
        if is_same or place in self._positions:
            text = f"A page of {self._name} came twice: the source does not go on. Nothing of it was added."
            raise Permanent(ErrorCode.DATA_ERROR, f"{text} Ask its operator.", {"resource": self._name})
        self._rows = rows
        if place is not None:
            self._positions.add(place)


class _Timeless:
    """Rows whose cursor is no time lie in no slice: one that several slices show comes with the first of them."""

    def __init__(self) -> None:
        self._over: set[bytes] = set()
        self._met: set[bytes] = set()

    def begin(self) -> None:
        """A slice begins, perhaps anew."""
        self._met = set()

    def is_new(self, row: dict[str, Any]) -> bool:
        digest = row_digest(row)
        if len(self._over) + len(self._met) < MOST_KNOWN:
            self._met.add(digest)
        return digest not in self._over

    def end(self) -> None:
        """The slice is over."""
        self._over |= self._met


def _mode(definition: DltExtract, resource: Resource, of: ResourceType, has_end: bool) -> Mode:
    """An extraction that ends at a given time (a backfill) adds its rows and does not move the cursor."""
    if not has_end:
        return mode_of(definition, resource, by_definition=of.cursor is not None)
    return Mode(False, False, definition.incremental is False or resource.write_disposition == "replace")

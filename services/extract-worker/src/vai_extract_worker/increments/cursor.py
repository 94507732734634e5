"""The incremental cursor: which rows of a resource are new, and how far they have come.

The bound is the value with which a run began; the largest value is the largest that it has seen. They are kept apart,
so that rows may come in any order. Sources answer "from this value on", including the value itself, so the rows that
had this value are remembered and not delivered again.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

from dlt.common import jsonpath

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.increments.cursor_formats import CursorFormats
from vai_extract_worker.increments.cursor_values import Key, as_instant, before
from vai_extract_worker.log_texts import Entry, bound_not_shown, late_rows, rows_not_remembered, saved_cursor_ahead
from vai_extract_worker.progress import Json
from vai_extract_worker.values import known_rows
from vai_extract_worker.values.known_rows import identity, key_digest, packed, row_digest, unpacked
from vai_records.definitions.sources.resources import Incremental

_PLAIN_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")
_AHEAD = timedelta(days=1)
_MISSING = object()


class IncrementalCursor:
    """The cursor of one resource in one attempt.

    `saved` is the cursor that an earlier run left, `resumed` what this run's checkpoint says, `moment` the time now. A
    time that lies more than `ahead` in the future does not move the cursor: its row is delivered once, and later rows
    with smaller values still come. `asked_by` is what asks the source for newer rows, if it is not `param`.
    """

    def __init__(
        self,
        incremental: Incremental,
        saved: Json | None,
        initial: Any,
        moment: datetime,
        *,
        resumed: Json | None = None,
        primary_key: Sequence[str] = (),
        ahead: timedelta = _AHEAD,
        asked_by: str | None = None,
    ) -> None:
        self._ahead = ahead
        self._asked_by = asked_by or incremental.param
        self._incremental = incremental
        self._path = incremental.cursor_path
        self._plain = self._path.split(".") if _PLAIN_PATH.fullmatch(self._path) else None
        self._by = list(primary_key) or None
        self._now = moment
        self._formats = CursorFormats(incremental)
        self._end = None if incremental.end_value is None else self._given(incremental.end_value)
        self._warnings: list[str] = []
        self._older = 0
        self._forgotten = 0
        self._met_field = False
        self.is_from_start = False
        """Whether rows are asked for and taken from the initial value on, as for what no earlier run has read."""
        self.is_over = False
        """Whether no more wanted rows can come, since the source is sorted as `row_order` says."""
        self.until: str | None = None
        """For an extraction in windows that is not complete: where the next window begins."""
        self._begin(saved, initial, resumed)

    def _begin(self, saved: Json | None, initial: Any, resumed: Json | None) -> None:
        state = resumed if resumed and "largest" in resumed else saved
        self._refuse_another_field(state)
        self._initial = initial
        self._is_initial = bool(state.get("initial")) if state else True
        self.bound: Any = initial if state is None else state["value"]
        self._known = _known(state)
        self._known_by = (state or {}).get("by")
        self._at_bound = int((state or {}).get("at_bound", 0))
        self._shows_bound = bool((state or {}).get("shows_bound"))
        self._ahead_from = as_instant(state["ahead"]) if state and state.get("ahead") else None
        self._bound_key = None if self.bound is None else self._given(self.bound)
        self._refuse_to_begin_ahead()
        self._floor = self._floor_of(self._bound_key)
        self._asked_from = None if self._floor is None else self._formats.floor_of(self._floor)
        self.largest, self._largest_key = self.bound, self._bound_key
        self._edge: dict[bytes, Key | None] = {}
        self._apart: set[bytes] = set()
        if state and "largest" in state:
            self._go_on(state["largest"], unpacked(state["met"]), unpacked(state["apart"]))
            self.until = state.get("until")
        elif resumed:  # a checkpoint of the first version: its value is the largest one
            self._go_on(resumed["value"], _known(resumed), set())

    def _go_on(self, largest: Any, edge: set[bytes], apart: set[bytes]) -> None:
        self.largest = largest
        self._largest_key = None if largest is None else self._given(largest)
        self._edge = dict.fromkeys(edge)
        self._apart = apart
        self._met_field = True

    @property
    def asked(self) -> Any:
        """The value with which the source is asked: the bound minus the lag, as the source writes it."""
        if self.is_from_start:
            return self.told(self._initial)
        if self._floor is None or self._bound_key is None:
            return self.bound
        return self._formats.asked(self._floor, self.bound, is_it=self._floor == self._bound_key)

    @property
    def asked_until(self) -> Any:
        """The end up to which the source is asked, None if there is none."""
        end = self._incremental.end_value
        return None if self._end is None else self._formats.asked_until(self._end, end)

    def told(self, value: Any) -> Any:
        """A value of the definition in the form in which it is sent to the source."""
        return None if value is None else self._formats.asked(self._given(value), value, is_it=True)

    @property
    def begins_at(self) -> datetime | None:
        """The moment from which on the source is asked. None if the cursor's values are no times, or if there is no
        bound.
        """
        return self._floor if isinstance(self._floor, datetime) else None

    @property
    def ends_at(self) -> datetime | None:
        return self._end if isinstance(self._end, datetime) else None

    def fresh(self, rows: list[Any]) -> list[Any]:
        """Return the rows that are new, and move the cursor. Raises `Permanent` if rows have no usable cursor value."""
        if not rows:
            return rows
        values = [self._value_of(row) for row in rows]
        self._look_for_the_field(values)
        keys = [None if value is None or value is _MISSING else self._key(value) for value in values]
        self._shows_bound = self._shows_bound or (self._at_bound > 1 and self._bound_key in keys)
        try:
            kept = self._kept(rows, values, keys)
        except TypeError as error:
            raise self._unusable(self._differing(keys)) from error
        return rows if kept is None else list(compress(rows, kept))

    def _differing(self, keys: list[Key | None]) -> str:
        kinds = {isinstance(key, datetime) for key in keys if key is not None}
        if self._is_initial and self._bound_key is not None and kinds == {not isinstance(self._bound_key, datetime)}:
            kind = "times" if kinds == {True} else "no times"
            return f"its values are {kind}, and it begins at {self.bound!r:.60}: give it an initial_value of their kind"
        return "its values are of different kinds"

    def state(self) -> Json:
        """The state for the checkpoint, and for a run that goes on in windows."""
        self._prune()
        return {
            "value": self.bound,
            "seen": [],
            "known": packed(self._known),
            "by": self._known_by,
            "ahead": self._ahead_from and self._ahead_from.isoformat(),
            "initial": self._is_initial,
            "largest": self.largest,
            "met": packed(self._edge),
            "apart": packed(self._apart),
            "until": self.until,
            "path": self._path,
            "at_bound": self._at_bound,
            "shows_bound": self._shows_bound,
        }

    def finished(self) -> Json | None:
        """The cursor for the next run, when everything was read. None if no row was ever seen."""
        self._prune()
        known, ahead = set(self._edge) | self._apart, self._now + self._ahead if self._apart else None
        if self._largest_key == self._bound_key and self._known_by == self._by:
            known |= self._known
            ahead = ahead or self._ahead_from
        if self.largest is None and not known:
            return None
        return {
            "value": self.largest,
            "seen": [],
            "known": packed(known),
            "by": self._by,
            "ahead": ahead and ahead.isoformat(),
            "path": self._path,
            "at_bound": sum(key is None or key == self._largest_key for key in self._edge.values()),
        }

    def warnings(self, resource: str) -> list[Entry]:
        """Warnings about rows that were not delivered, or that may come twice."""
        entries = [saved_cursor_ahead(resource, value) for value in self._warnings]
        if self._older and self._asked_by and not self._is_initial:
            entries.append(late_rows(resource, self._older, self._asked_by, self.asked))
        if self._asked_by and self._leaves_the_bound_out():
            entries.append(bound_not_shown(resource, self._at_bound, self._asked_by, self.bound))
        if self._forgotten:
            entries.append(rows_not_remembered(resource, self._forgotten, known_rows.MOST_KNOWN))
        return entries

    def _leaves_the_bound_out(self) -> bool:
        """Whether the source seems to exclude the value from which it was asked: it had rows with this value and now
        shows none.

        A single row with this value proves nothing: it may have changed since, or values are unique, such as ids.
        """
        shows_none = not self._is_initial and self._at_bound > 1 and not self._shows_bound
        return self._incremental.lag is None and shows_none

    # What of a page is new ------------------------------------------------------------------------------------------

    def _kept(self, rows: list[Any], values: list[Any], keys: list[Key | None]) -> list[bool] | None:
        """Which rows are new. None: all of them."""
        there = [key for key in keys if key is not None]
        most = max(there, default=None)
        horizon = self._now + self._ahead if isinstance(most, datetime) else None
        whole = len(there) == len(keys) and self._is_plain(min(there), most, horizon)
        if whole:
            self._move_on(rows, values, keys, most)
            return None
        kept = [self._is_new(*one) for one in zip(rows, values, keys, strict=True)]
        self._note(rows, values, keys, horizon)
        return kept

    def _is_plain(self, least: Any, most: Any, horizon: Any) -> bool:
        """Whether all rows of a page are certainly new."""
        if self._bound_key is not None and not least > self._bound_key:
            return False
        if self._end is not None and not most < self._end:
            return False
        return (horizon is None or most <= horizon) and not self._was_ahead(most)

    def _was_ahead(self, key: Any) -> bool:
        """Whether the value lay in the future when the run before could have read it."""
        return self._ahead_from is not None and isinstance(key, datetime) and key > self._ahead_from

    def _is_new(self, row: Any, value: Any, key: Any) -> bool:
        if key is None:
            is_wanted = self._incremental.on_cursor_value_missing != "exclude"
            return is_wanted and (self.is_from_start or row_digest(row) not in self._known)
        if self.is_from_start and self._initial is not None and key < self._given(self._initial):
            return False
        if not self.is_from_start and self._floor is not None and key < self._floor:
            if self._came_without_value(row):
                return True
            self._older += self._asked_from is None or key < self._asked_from
            self.is_over = self.is_over or self._incremental.row_order == "desc"
            return False
        if self._end is not None and not key < self._end:
            self.is_over = self.is_over or self._incremental.row_order == "asc"
            return False
        may_be_known = (self._bound_key is not None and key <= self._bound_key) or self._was_ahead(key)
        return self.is_from_start or not (may_be_known and self._is_known(row, value))

    def _came_without_value(self, row: Any) -> bool:
        """Whether a row that is older than the cursor had no value when it came, such as a job that has ended since."""
        digest = key_digest(row, self._by)
        came = digest is not None and digest in self._known
        if digest is not None and came:
            self._known.discard(digest)
        return came

    def _is_known(self, row: Any, value: Any) -> bool:
        by_key = self._known_by and identity(row, value, self._known_by) in self._known
        return by_key or row_digest(row) in self._known

    def _identity(self, row: Any, value: Any, key: Any) -> bytes:
        """A row that was delivered is known by its key. But it may still change if its value is a period that is not
        over yet, such as today's date.
        """
        if isinstance(key, datetime) and key + self._formats.grain(value) > self._now:
            return row_digest(row)
        return identity(row, value, self._by)

    # How far it has come --------------------------------------------------------------------------------------------

    def _note(self, rows: list[Any], values: list[Any], keys: list[Any], horizon: Any) -> None:
        """Known rows count, too: if they are shown again, they stay known."""
        wanted = [self._moves(key, horizon) for key in keys]
        if any(wanted):
            there = [list(compress(column, wanted)) for column in (rows, values, keys)]
            self._move_on(there[0], there[1], there[2], max(there[2]))
        for row, key in zip(rows, keys, strict=True):
            if key is None or (horizon is not None and key > horizon):
                self._remember_apart(row_digest(row))
            if key is None and (digest := key_digest(row, self._by)) is not None:
                self._remember_apart(digest)

    def _moves(self, key: Any, horizon: Any) -> bool:
        return (
            key is not None
            and (horizon is None or key <= horizon)
            and (self._end is None or key < self._end)
            and (self._floor is None or key >= self._floor)
        )

    def _move_on(self, rows: list[Any], values: list[Any], keys: list[Any], most: Any) -> None:
        if self._largest_key is None or most > self._largest_key:
            if self._incremental.lag is None:
                self._edge = {}
            self._largest_key, self.largest = most, values[keys.index(most)]
        start = self._edge_from()
        for index in [index for index, key in enumerate(keys) if key >= start]:
            self._remember(self._identity(rows[index], values[index], keys[index]), keys[index])

    def _edge_from(self) -> Any:
        """The value from which on rows may be shown to the next run again."""
        lag = self._incremental.lag
        return self._largest_key if lag is None or self._largest_key is None else before(self._largest_key, lag)

    def _remember(self, digest: bytes, key: Key) -> None:
        if digest not in self._edge and len(self._edge) >= known_rows.MOST_KNOWN:
            self._prune()
        if digest in self._edge or len(self._edge) < known_rows.MOST_KNOWN:
            self._edge[digest] = key
        else:
            self._forgotten += 1

    def _remember_apart(self, digest: bytes) -> None:
        """Rows that the cursor cannot recognise later: those without a value, or with one in the future."""
        if len(self._apart) < known_rows.MOST_KNOWN or digest in self._apart:
            self._apart.add(digest)
        else:
            self._forgotten += 1

    def _prune(self) -> None:
        if self._incremental.lag is not None and self._edge:
            start: Any = self._edge_from()
            self._edge = {digest: key for digest, key in self._edge.items() if key is None or key >= start}

    # Values ---------------------------------------------------------------------------------------------------------

    def _floor_of(self, bound: Key | None) -> Key | None:
        lag = self._incremental.lag
        return bound if bound is None or lag is None or self._is_initial else before(bound, lag)

    def _refuse_to_begin_ahead(self) -> None:
        """A saved cursor that lies in the future would hide all rows that come until then. So it is set back to now."""
        key = self._bound_key
        if isinstance(key, datetime) and key > self._now + self._ahead and not self._is_initial:
            self._warnings.append(str(self.bound))
            self.bound = self._formats.as_shown(self._now, self.bound)
            self._bound_key = self._given(self.bound)

    def _refuse_another_field(self, state: Json | None) -> None:
        """A cursor of another field cannot be used: its values say nothing about this field."""
        before = (state or {}).get("path")
        if before is not None and before.removeprefix("$.") != self._path.removeprefix("$."):
            text = f"The cursor was saved of {before}, and cursor_path is {self._path} now. Extract once with "
            text += f"incremental: false, which begins a new cursor, or name {before} again."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.cursor_path"})

    def _look_for_the_field(self, values: list[Any]) -> None:
        missing = self._incremental.on_cursor_value_missing
        if missing == "raise" and any(value is None or value is _MISSING for value in values):
            raise self._unusable("a row has no value there, and on_cursor_value_missing is raise")
        if self._met_field or missing is not None:
            return
        if all(value is _MISSING for value in values):
            raise self._unusable("no row has it")
        self._met_field = True

    def _value_of(self, row: Any) -> Any:
        if self._plain is None:
            found = jsonpath.find_values(self._path, row)
            if len(found) > 1:
                raise self._unusable("it matches more than one value in a row")
            return found[0] if found else _MISSING
        for name in self._plain:
            if row is None:
                return None
            row = row.get(name, _MISSING) if isinstance(row, dict) else _MISSING
        return row

    def _key(self, value: Any) -> Key:
        try:
            return self._formats.key(value)
        except ValueError as error:
            raise self._unusable(str(error)) from error

    def _given(self, value: Any) -> Key:
        try:
            return self._formats.given(value)
        except ValueError as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, why: str) -> Permanent:
        text = f"The cursor_path {self._path} does not work: {why}. Name a field that rows have and that only grows."
        return Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.cursor_path"})


def _known(state: Json | None) -> set[bytes]:
    """The values of a cursor or checkpoint, also of one that the first version wrote."""
    if state is None:
        return set()
    return unpacked(state["known"]) if "known" in state else {bytes.fromhex(digest) for digest in state["seen"]}

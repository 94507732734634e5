"""Time windows: the slices of a resource that is asked for by time (document 000, "Progress Tracking")."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.increments.cursor_formats import TimeFormat
from vai_extract_worker.increments.cursor_values import as_instant
from vai_records.definitions.sources.resources import Slices

_MOST = 100_000
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


@dataclass(frozen=True)
class Window:
    """From `start` up to, not including, `end`. The `last` window ends now."""

    start: datetime
    end: datetime
    last: bool = False

    def params(self, slices: Slices) -> dict[str, str | int]:
        """The request's parameters for this window. Empty if the definition uses placeholders instead."""
        named = zip((slices.param_start, slices.param_end), self.bounds(slices), strict=True)
        return {name: value for name, value in named if name is not None}

    def bounds(self, slices: Slices) -> tuple[str | int, str | int]:
        """Both ends as they are written in requests. The last window includes the whole unit (day, …) in which it
        ends.
        """
        zone = _zone(slices)
        form = TimeFormat(slices.format, zone)
        # A day of the zone may have 23 or 25 hours; all other units are of one length.
        end = self.end.astimezone(zone if form.unit == _DAY else UTC)
        if self.last and form.unit == _DAY:
            end += _DAY
        return form.written(self.start), form.written(end - form.unit if slices.end == "inclusive" else end)


def windows(start: datetime, until: datetime, slices: Slices) -> list[Window]:
    """All windows in order, the last one cut at `until`. Raises `Permanent` if there are too many.

    Days are those of the zone: a window begins at the same time of the day as the one before, also when the clock is
    set forward or back between them.
    """
    step, zone = timedelta(days=slices.days), _zone(slices)
    most = max(0, -((start - until) // step))
    if most > _MOST:
        text = f"{most:,} slices of {slices.days:g} days are too many; take longer ones or a later start_date."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.days"})
    begin = start.astimezone(zone)
    cuts = [start, *((begin + step * index).astimezone(UTC) for index in range(1, most + 1))]
    # A change of the clock within the last window may make one more, or one less.
    cuts = [start, *(cut for cut in cuts[1:] if cut < until)]
    return [Window(begins, ends, ends == until) for begins, ends in pairwise((*cuts, until)) if begins < ends]


def falls_between(rows: Sequence[Any], slices: Slices) -> bool:
    """Whether rows have times that are finer than the ends of windows: a source that includes the end 23:59:59 leaves
    out 23:59:59.4, and the next window begins later. Days have no such gap: a source means the whole day.
    """
    unit = TimeFormat(slices.format).unit
    if slices.end != "inclusive" or unit >= _DAY:
        return False
    return any((moment - _EPOCH) % unit for row in rows for moment in _times(row))


def _times(row: Any) -> Iterator[datetime]:
    values = row.values() if isinstance(row, dict) else ()
    for value in (*values, *(inner for each in values if isinstance(each, dict) for inner in each.values())):
        if isinstance(value, str) and _TIME.match(value) and (moment := as_instant(value)) is not None:
            yield moment


def _zone(slices: Slices) -> tzinfo:
    return ZoneInfo(slices.timezone) if slices.timezone else UTC

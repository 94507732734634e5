"""Time windows: the slices of a resource that is asked for by time (document 000, "Progress Tracking")."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.increments.cursor_formats import TimeFormat
from vai_records.definitions.sources.resources import Slices

_MOST = 100_000


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
        form = TimeFormat(slices.format)
        end = self.end + form.unit if self.last and form.unit == timedelta(days=1) else self.end
        return form.written(self.start), form.written(end - form.unit if slices.end == "inclusive" else end)


def windows(start: datetime, until: datetime, slices: Slices) -> list[Window]:
    """All windows in order, the last one cut at `until`. Raises `Permanent` if there are too many."""
    step = timedelta(days=slices.days)
    count = max(0, -((start - until) // step))
    if count > _MOST:
        text = f"{count:,} slices of {slices.days:g} days are too many; take longer ones or a later start_date."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.days"})
    return [
        Window(start + step * index, min(start + step * (index + 1), until), index == count - 1)
        for index in range(count)
    ]

"""Time windows: the slices of a resource that is asked for by time (document 000, "Progress Tracking")."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.sources.resources import Slices

_MOST = 100_000

_UNITS = {
    "datetime": timedelta(seconds=1),
    "datetime_ms": timedelta(milliseconds=1),
    "date": timedelta(days=1),
    "unix": timedelta(seconds=1),
    "unix_ms": timedelta(milliseconds=1),
}
"""The least step of each format; what a moment has beyond it is cut off."""


@dataclass(frozen=True)
class Window:
    """From `start` up to, not including, `end`; the `last` one ends now."""

    start: datetime
    end: datetime
    last: bool = False

    def params(self, slices: Slices) -> dict[str, str | int]:
        """The request parameters; none where placeholders stand for them."""
        named = zip((slices.param_start, slices.param_end), self.bounds(slices), strict=True)
        return {name: value for name, value in named if name is not None}

    def bounds(self, slices: Slices) -> tuple[str | int, str | int]:
        """Both ends as the source is told them. The last window takes in all of the unit in which it ends."""
        unit = _UNITS[slices.format]
        end = self.end + unit if self.last and slices.format == "date" else self.end
        return written(self.start, slices), written(end - unit if slices.end == "inclusive" else end, slices)


def windows(start: datetime, until: datetime, slices: Slices) -> list[Window]:
    """All windows in order, the last one cut at `until`. Raises `Permanent` where they would be too many."""
    step = timedelta(days=slices.days)
    count = max(0, -((start - until) // step))
    if count > _MOST:
        text = f"{count:,} slices of {slices.days:g} days are too many; take longer ones or a later start_date."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.days"})
    return [
        Window(start + step * index, min(start + step * (index + 1), until), index == count - 1)
        for index in range(count)
    ]


def written(moment: datetime, slices: Slices) -> str | int:
    """A moment as the source is told it."""
    moment = moment.astimezone(UTC)
    match slices.format:
        case "unix":
            return int(moment.timestamp())
        case "unix_ms":
            return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
        case "date":
            return moment.date().isoformat()
        case "datetime_ms":
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

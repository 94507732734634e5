"""Time windows: the slices of a resource that is asked for by time (document 000, "Progress Tracking")."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import ErrorCode, Permanent
from records.definitions.resources import Slices

_MOST = 100_000


@dataclass(frozen=True)
class Window:
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime

    def params(self, slices: Slices) -> dict[str, str | int]:
        """The two request parameters."""
        return {slices.param_start: _written(self.start, slices), slices.param_end: _written(self.end, slices)}


def windows(start: datetime, until: datetime, slices: Slices) -> list[Window]:
    """All windows in order, the last one cut at `until`. Raises `Permanent` where they would be too many."""
    step = timedelta(days=slices.days)
    count = max(0, -((start - until) // step))
    if count > _MOST:
        text = f"{count:,} slices of {slices.days:g} days are too many; take longer ones or a later start_date."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.days"})
    return [Window(start + step * index, min(start + step * (index + 1), until)) for index in range(count)]


def _written(moment: datetime, slices: Slices) -> str | int:
    moment = moment.astimezone(UTC)
    if slices.format == "unix":
        return int(moment.timestamp())
    return moment.date().isoformat() if slices.format == "date" else moment.strftime("%Y-%m-%dT%H:%M:%SZ")

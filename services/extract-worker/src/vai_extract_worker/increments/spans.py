"""The slices of a table with a cursor: windows of time. A window that is too large is halved.

The plan is kept in the checkpoint (`Plan.as_json`), so that the slices stay the same for the next attempt.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.progress import Json

_MOST = 100_000
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Span:
    """From `start` up to, not including, `end`, both in whole seconds UTC. `start` None: from the first row on.

    `is_open`: this is the last slice, so a source may leave out its end.
    """

    start: datetime | None
    end: datetime
    is_last: bool = False
    is_open: bool = False


@dataclass(frozen=True)
class Plan:
    """Windows of length `step` from `origin` to `until`. `done` of them are complete; the next one begins at `start`.

    `cuts` are further bounds, besides those of the steps. `is_open`: the last window has no end.
    """

    origin: datetime | None
    until: datetime
    step: timedelta
    is_open: bool
    start: datetime | None = None
    done: int = 0
    cuts: tuple[datetime, ...] = ()

    @classmethod
    def of(cls, start: datetime | None, until: datetime, days: float, is_open: bool) -> "Plan":
        """Make a plan from whole second to whole second. Raises `Permanent` if it has too many slices."""
        step = max(timedelta(days=days), _SECOND)
        plan = cls(start and whole(start), whole(until), timedelta(seconds=int(step.total_seconds())), is_open)
        if plan.origin and (count := -((plan.origin - plan.until) // plan.step)) > _MOST:
            text = f"{count:,} slices of {days:g} days are too many; take longer ones or a later start_date."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slice_days"})
        return replace(plan, start=plan.origin)

    @classmethod
    def from_json(cls, saved: Json) -> "Plan":
        moments = {name: _read(saved[name]) for name in ("origin", "start", "until")}
        cuts = tuple(datetime.fromisoformat(cut) for cut in saved["cuts"])
        return cls(
            **moments, step=timedelta(seconds=saved["step"]), is_open=saved["open"], done=saved["done"], cuts=cuts
        )

    def as_json(self) -> Json:
        return {
            "origin": self.origin and self.origin.isoformat(),
            "start": self.start and self.start.isoformat(),
            "until": self.until.isoformat(),
            "step": self.step.total_seconds(),
            "open": self.is_open,
            "done": self.done,
            "cuts": [cut.isoformat() for cut in self.cuts],
        }

    def left(self, done: int) -> list[Span]:
        """The plan that is left after so many slices."""
        bounds = self._bounds()
        ends = bounds[1:]
        found = [Span(start, end) for start, end in zip(bounds, ends, strict=False)]
        if found:
            found[-1] = replace(found[-1], is_last=True, is_open=self.is_open)
        return found[done - self.done :]

    def halved(self, span: Span, done: int, least: timedelta) -> "Plan | None":
        """The plan with the next slice cut into halves. None if it cannot be smaller."""
        if span.start is None or span.end - span.start < max(2 * least, 2 * _SECOND):
            return None
        middle = whole(span.start + (span.end - span.start) / 2)
        return replace(
            self, start=span.start, done=done, cuts=(middle, *(cut for cut in self.cuts if cut > span.start))
        )

    def _bounds(self) -> list[datetime | Any]:
        if self.origin is None or self.start is None:
            return [None, self.until]
        first = (self.start - self.origin) // self.step + 1
        last = -((self.origin - self.until) // self.step)
        steps = (self.origin + self.step * index for index in range(first, last))
        between = {moment for moment in (*steps, *self.cuts) if self.start < moment < self.until}
        return [self.start, *sorted(between), self.until] if self.start < self.until else []


def whole(moment: datetime) -> datetime:
    """The moment, cut to the whole second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _read(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)

"""Windows of the account's zone: whatever the clock does, each day and each moment is asked for once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_extract_worker.increments.windows import windows
from vai_records.definitions.sources.resources import Slices

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
FIRST = datetime(2011, 11, 1, tzinfo=UTC)
"""Before the day that Apia left out."""
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=395)).map(lambda after: FIRST + after)


def slices_of(**fields: Any) -> Slices:
    return Slices.model_validate({"param_start": "from", "param_end": "to", "days": 1} | fields)


@given(
    MOMENTS, st.timedeltas(timedelta(0), timedelta(days=60)), st.sampled_from(ZONES), st.integers(1, 9), st.booleans()
)
def test_each_day_of_the_zone_is_asked_for_once(
    start: datetime, length: timedelta, zone: str, days: int, inclusive: bool
) -> None:
    slices = slices_of(format="date", days=days, timezone=zone, end="inclusive" if inclusive else "exclusive")
    until = start + length
    asked: list[str] = []
    for window in windows(start, until, slices):
        first, last = (datetime.fromisoformat(str(end)) for end in window.bounds(slices))
        after = last + timedelta(days=1) if inclusive else last
        asked += [f"{first + timedelta(days=n):%Y-%m-%d}" for n in range((after - first).days)]
    local = [moment.astimezone(ZoneInfo(zone)).date() for moment in (start, until)]
    wanted = [f"{local[0] + timedelta(days=n):%Y-%m-%d}" for n in range((local[1] - local[0]).days + 1)]
    assert asked == (wanted if length else [])


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=40)), st.sampled_from(ZONES), st.floats(0.25, 9))
def test_windows_follow_each_other_without_a_gap(start: datetime, length: timedelta, zone: str, days: float) -> None:
    slices = slices_of(format="unix_ms", days=days, timezone=zone)
    found = windows(start, start + length, slices)
    assert [window.last for window in found] == [False] * (len(found) - 1) + [True] * bool(found)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert not length or (found[0].start, found[-1].end) == (start, start + length)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-03-06", "2026-03-09T04:00:00Z"),
        ("2026-10-30", "2026-11-02T05:00:00Z"),
        ("2026-07-01", "2026-07-04T04:00:00Z"),
    ],
)
def test_a_window_ends_at_midnight_of_the_zone(day: str, end: str) -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    slices = slices_of(days=3, timezone="America/New_York")
    first = windows(start, start + timedelta(days=20), slices)[0]
    assert first.bounds(slices)[1] == end

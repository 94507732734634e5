"""When a schedule fires: in any zone, through both changes of the clock, and after being down (decision 41)."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from vai_records.automations import schedule
from vai_records.automations.schedule import (
    BadSchedule,
    check_cron,
    days_note,
    following,
    next_after,
    times_after,
    times_between,
    to_fire,
)


def instant(zone: str, wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def on_the_day(expression: str, zone: str, day: str) -> list[str]:
    """All times of a day as its clocks show them, with the offset."""
    begin = instant(zone, day)
    end = instant(zone, str(datetime.fromisoformat(day) + timedelta(days=1)))
    times = takewhile(lambda one: one < end, times_after(expression, zone, begin - timedelta(seconds=1)))
    return [f"{one.astimezone(ZoneInfo(zone)):%H:%M%z}" for one in times]


BERLIN, NEW_YORK, LORD_HOWE, CAIRO = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"

HOURS = (("00", "+0200"), ("01", "+0200"), ("02", "+0200"), ("02", "+0100"))

# expression, zone, day, the times of that day
SPRING = [
    ("30 2 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
    ("0 2 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
    ("0 3 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
    ("0 2,3 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
    ("*/20 2 * * *", BERLIN, "2026-03-29", ["03:00+0200"]),
    ("15 1-3 * * *", BERLIN, "2026-03-29", ["01:15+0100", "03:00+0200", "03:15+0200"]),
    ("0 */2 * * *", BERLIN, "2026-03-29", ["00:00+0100", "03:00+0200", "04:00+0200"]),
    ("30 * * * *", BERLIN, "2026-03-29", ["00:30+0100", "01:30+0100", "03:30+0200"]),
    ("30 0-23 * * *", BERLIN, "2026-03-29", ["00:30+0100", "01:30+0100", "03:30+0200"]),
    ("0 2 * * *", NEW_YORK, "2026-03-08", ["03:00-0400"]),
    ("15 2 * * *", LORD_HOWE, "2026-10-04", ["02:30+1100"]),
    ("0 2 * * *", LORD_HOWE, "2026-10-04", ["02:30+1100"]),
    ("0 0 * * *", CAIRO, "2026-04-24", ["01:00+0300"]),
    ("0 2 * * *", "UTC", "2026-03-29", ["02:00+0000"]),
]
EACH_HALF_HOUR = [f"{hour}:{minute}{zone}" for hour, zone in HOURS for minute in ("00", "30")]
AUTUMN = [
    ("30 2 * * *", BERLIN, "2026-10-25", ["02:30+0200"]),
    ("*/30 2 * * *", BERLIN, "2026-10-25", ["02:00+0200", "02:30+0200"]),
    ("0 1-3 * * *", BERLIN, "2026-10-25", ["01:00+0200", "02:00+0200", "03:00+0100"]),
    ("0 * * * *", BERLIN, "2026-10-25", ["00:00+0200", "01:00+0200", "02:00+0200", "02:00+0100", "03:00+0100"]),
    ("0 */2 * * *", BERLIN, "2026-10-25", ["00:00+0200", "02:00+0200", "02:00+0100", "04:00+0100"]),
    ("30 0-4/2 * * *", BERLIN, "2026-10-25", ["00:30+0200", "02:30+0200", "02:30+0100", "04:30+0100"]),
    ("*/30 2-3/1 * * *", BERLIN, "2026-10-25", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100", "03:00+0100"]),
    ("*/30 0-23 * * *", BERLIN, "2026-10-25", [*EACH_HALF_HOUR, "03:00+0100"]),
    ("*/30 0-11,12-23 * * *", BERLIN, "2026-10-25", [*EACH_HALF_HOUR, "03:00+0100"]),
    ("*/30 */1 * * *", BERLIN, "2026-10-25", [*EACH_HALF_HOUR, "03:00+0100"]),
    ("30 1 * * *", NEW_YORK, "2026-11-01", ["01:30-0400"]),
    ("45 1 * * *", LORD_HOWE, "2026-04-05", ["01:45+1100"]),
    ("45 * * * *", LORD_HOWE, "2026-04-05", ["00:45+1100", "01:45+1100", "01:45+1030", "02:45+1030"]),
]


@pytest.mark.parametrize(("expression", "zone", "day", "expected"), [*SPRING, *AUTUMN])
def test_on_a_day_when_the_clock_changes(expression: str, zone: str, day: str, expected: list[str]) -> None:
    assert on_the_day(expression, zone, day)[: len(expected)] == expected


def test_an_hourly_schedule_fires_23_times_in_spring_and_25_times_in_autumn() -> None:
    days = ("2026-03-29", "2026-06-01", "2026-10-25")
    assert [len(on_the_day("17 * * * *", BERLIN, day)) for day in days] == [23, 24, 25]


@pytest.mark.parametrize(
    ("expression", "wall", "expected"),
    [
        ("0 * * * *", "2026-01-22T14:30:00", "2026-01-22T15:00:00"),
        ("0 2 * * *", "2026-01-22T02:00:00", "2026-01-23T02:00:00"),
        ("0 */6 * * *", "2026-01-22T06:00:01", "2026-01-22T12:00:00"),
        ("0 9 * * 1-5", "2026-01-23T09:00:00", "2026-01-26T09:00:00"),
        ("0 0 1 * *", "2026-01-22T00:00:00", "2026-02-01T00:00:00"),
        ("0 6 * * *", "2026-01-22T05:59:59.999999", "2026-01-22T06:00:00"),
        ("0 0 29 2 *", "2026-01-22T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_the_schedules_of_document_002(expression: str, wall: str, expected: str) -> None:
    assert next_after(expression, NEW_YORK, instant(NEW_YORK, wall)) == instant(NEW_YORK, expected)


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("@often", "there is no '@often'"),
        ("0 6 * *", "this has 4"),
        ("0 0 6 * * *", "this has 6"),
        ("60 * * * *", "Bad minute"),
        ("0 24 * * *", "Bad hour"),
        ("0 0 0 * *", "Bad day-of-month"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 32 2 *", "Bad day-of-month"),
        ("0 0 * 13 *", "Bad month"),
        ("0 0 * * 8", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("5-1 * * * *", "Bad minute"),
        ("a b c d e", "Bad minute"),
        ("² * * * *", "Bad minute"),
        ("0 0 */31 * 1#2", "never comes"),
    ],
)
def test_what_is_no_schedule_is_refused_and_told_why(expression: str, message: str) -> None:
    with pytest.raises(BadSchedule, match=message):
        check_cron(expression)


def test_spaces_are_made_one() -> None:
    assert check_cron("  0\t6  * * MON-FRI ") == "0 6 * * MON-FRI"


@given(st.lists(st.text("0123456789*/,-#LWMON?", max_size=6), min_size=5, max_size=5).map(" ".join))
def test_any_text_is_a_schedule_or_refused(expression: str) -> None:
    try:
        plain = check_cron(expression)
    except BadSchedule:
        return
    assert next_after(plain, BERLIN, datetime(2026, 1, 1, tzinfo=UTC)) is not None


# What was missed ------------------------------------------------------------------------------------------------------

NOW = instant("UTC", "2026-11-28T12:00:10.5")


def fired(expression: str, due: str, catchup: str, now: datetime = NOW, zone: str = "UTC") -> list[str]:
    times = to_fire(expression, zone, instant("UTC", due), now, catchup)
    return [f"{one:%d %H:%M}" for one in times]


@pytest.mark.parametrize(
    ("due", "catchup", "expected"),
    [
        ("2026-11-28T12:00", "latest", ["28 12:00"]),
        ("2026-11-28T12:00", "all", ["28 12:00"]),
        ("2026-11-28T12:00", "none", ["28 12:00"]),
        ("2026-11-28T10:00", "latest", ["28 12:00"]),
        ("2026-11-28T10:00", "all", ["28 10:00", "28 11:00", "28 12:00"]),
        ("2026-11-28T10:00", "none", ["28 12:00"]),
        ("2026-11-28T13:00", "all", []),
    ],
)
def test_missed_times_are_made_up_for_as_it_says(due: str, catchup: str, expected: list[str]) -> None:
    assert fired("0 * * * *", due, catchup) == expected


def test_none_forgets_what_is_more_than_a_minute_late() -> None:
    late = instant("UTC", "2026-11-28T12:01:01")
    assert fired("0 * * * *", "2026-11-28T12:00", "none", late) == []
    assert fired("0 * * * *", "2026-11-28T12:00", "none", late - timedelta(seconds=1)) == ["28 12:00"]


def test_all_makes_up_for_the_hundred_newest() -> None:
    times = to_fire("0 * * * *", "UTC", instant("UTC", "2025-01-01"), NOW, "all")
    assert len(times) == 100
    assert [f"{one:%d %H:%M}" for one in (times[0], times[-1])] == ["24 09:00", "28 12:00"]


def test_a_removed_time_that_was_missed_is_made_up_for() -> None:
    now = instant(BERLIN, "2026-03-29T08:00")
    assert fired("30 2 * * *", "2026-03-29T01:00", "latest", now, BERLIN) == ["29 01:00"]


@pytest.mark.parametrize(("catchup", "most"), [("latest", 1), ("all", 100), ("none", 2)])
def test_of_a_gap_of_many_years_only_what_is_made_up_for_is_looked_at(
    catchup: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Any] = []

    class Counting(CronSim):
        def __next__(self) -> Any:
            looked_at.append(found := super().__next__())
            return found

    monkeypatch.setattr(schedule, "CronSim", Counting)
    for expression in ("* * * * *", "0 2 * * *"):
        looked_at.clear()
        to_fire(expression, BERLIN, instant("UTC", "2001-01-01"), NOW, catchup)
        assert len(looked_at) <= 2 * most + 4


# Forwards and backwards -----------------------------------------------------------------------------------------------

EXPRESSIONS = ("30 2 * * *", "0 */2 * * *", "*/10 1-3 * * *", "15 * * * *", "*/7 */5 * * *", "0 0 * * 0", "59 23 * * *")
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, CAIRO, "Asia/Kathmandu", "America/Havana", "Antarctica/Troll", "UTC")
moments: Any = st.integers(0, 63_000_000).map(lambda seconds: instant("UTC", "2026-01-01") + timedelta(seconds=seconds))


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), moments)
def test_times_ascend_and_are_found_again_on_the_way_back(expression: str, zone: str, moment: datetime) -> None:
    ahead = list(islice(times_after(expression, zone, moment), 60))
    assert ahead == sorted(set(ahead))
    assert all(one > moment for one in ahead)
    assert to_fire(expression, zone, ahead[0], ahead[-1], "all") == ahead
    assert next_after(expression, zone, ahead[30]) == ahead[31]


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @Annually ", "0 0 1 1 *"),
    ],
)
def test_a_word_of_cron_stands_for_its_fields(written: str, fields: str) -> None:
    assert check_cron(written) == fields


@pytest.mark.parametrize("word", ["@reboot", "@", "@ daily", "@every 5m"])
def test_another_word_is_answered_with_those_that_there_are(word: str) -> None:
    with pytest.raises(BadSchedule, match=r"there is no .*@daily"):
        check_cron(word)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 */2", "* * 30-31 FEB *"])
def test_a_day_that_no_month_has_never_comes(expression: str) -> None:
    with pytest.raises(BadSchedule, match="never comes"):
        check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 0 1 * *", None),
        ("0 0 * * 5", None),
        ("0 0 */2 * 5", "both hold"),
        ("0 0 1 * */2", "both hold"),
        ("0 0 13 * 5", "one of both holds"),
        ("0 0 1-7 * MON", "one of both holds"),
    ],
)
def test_two_kinds_of_days_are_said_as_they_are_counted(expression: str, said: str | None) -> None:
    note = days_note(expression)
    assert note is None if said is None else note is not None and said in note
    days = [time.date() for time in islice(times_after(expression, "UTC", instant("UTC", "2026-01-01")), 40)]
    if said == "both hold":
        assert len({day.weekday() for day in days}) < 5
    elif said is not None:
        assert len({day.weekday() for day in days}) > 1
        assert any(day.day > 13 for day in days)


@pytest.mark.parametrize(("expression", "zone", "day"), [case[:3] for case in (*SPRING, *AUTUMN)])
def test_ranges_that_touch_have_each_time_once(expression: str, zone: str, day: str) -> None:
    """The end of one range belongs to the next, also where the clock changes."""
    begin = instant(zone, day) - timedelta(days=1)
    whole = times_between(expression, zone, begin, begin + timedelta(days=3), 1_000)
    cuts = sorted({begin, *whole, begin + timedelta(days=3)})
    parts = [times_between(expression, zone, since, until, 1_000) for since, until in pairwise(cuts)]
    assert [time for part in parts for time in part] == whole
    assert times_between(expression, zone, begin, begin + timedelta(days=3), 1) == whole[:1]


def test_what_follows_begins_with_what_is_due() -> None:
    due = instant(NEW_YORK, "2026-03-07T02:30")
    trigger = {"schedule": "30 2 * * *", "timezone": NEW_YORK}
    shown = [f"{one.astimezone(ZoneInfo(NEW_YORK)):%d %H:%M}" for one in following(trigger, due, 3)]
    assert shown == ["07 02:30", "08 03:00", "09 02:30"]
    assert following(trigger, None, 3) == []


@pytest.mark.parametrize(
    "trigger", [{}, {"schedule": "x", "timezone": "UTC"}, {"schedule": "* * * * *", "timezone": "No"}]
)
def test_of_a_trigger_that_cannot_be_read_only_what_is_due_is_known(trigger: dict[str, Any]) -> None:
    assert following(trigger, datetime(2026, 1, 1, tzinfo=UTC), 3) == [datetime(2026, 1, 1, tzinfo=UTC)]

"""When a schedule fires: cron times in a time zone, through both changes of the clock (decision 41).

The expression is read on the wall clock; each wall time stands for an instant. One that the spring change removes
stands for the first instant after it, one that the autumn change repeats for the first of its two, or for both where
the hour is any (`*`, `0-23`) or has a step. Forwards and backwards go through the same table of wall times, so they
always agree.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby, islice, takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

NICKNAMES: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Words that cron has for times; what is stored are the five fields."""

MOST_CAUGHT_UP = 100
"""Missed times that `catchup: all` makes up for, the newest."""

LATE = timedelta(seconds=60)
"""What is later than this was missed; sooner it is only slow."""

UNREADABLE = (LookupError, ValueError, CronSimError)
"""What a stored trigger raises that this host cannot read: for example, it does not know the zone."""

_SECOND = timedelta(seconds=1)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_HOURS = 24


class BadSchedule(ValueError):
    """No cron expression; the message says what is wrong."""


def check_cron(expression: str) -> str:
    """The five fields with single spaces. Raises `BadSchedule`."""
    plain = " ".join(expression.split())
    if plain.startswith("@"):
        return _of_nickname(plain)
    fields = plain.split()
    if len(fields) != 5:
        raise BadSchedule(f"a cron expression has five fields (minute hour day month weekday), this has {len(fields)}")
    try:
        first = next(CronSim(plain, _SOME_DAY), None)
    except CronSimError as error:
        is_of_months = "day-of-month" in str(error) and _is_read(" ".join([*fields[:3], "*", fields[4]]))
        if not is_of_months:
            raise BadSchedule(f"{plain!r} is not a cron expression: {error}") from None
        first = None  # these months have no such day
    if first is None:
        raise BadSchedule(f"{plain!r} never comes: no day is like that")
    return plain


def days_note(expression: str) -> str | None:
    """What people expect otherwise: how a day of the month and a day of the week go together where both are given."""
    day, weekday = expression.split()[2::2]
    if "*" in (day, weekday):
        return None
    if day.startswith("*") or weekday.startswith("*"):
        return f"fires on days on which both hold: the day of the month is {day} and the weekday is {weekday}"
    return f"fires on days on which one of both holds: the day of the month is {day}, or the weekday is {weekday}"


_SIZES: Final = {"minute": 60, "hour": 24, "day of the month": 31, "month": 12}
_STEP: Final = re.compile(r"(?:\*|([0-9]+)-([0-9]+))/([0-9]+)")


def steps_note(expression: str) -> str | None:
    """What people expect otherwise: a step counts within its field alone and begins anew with the next hour or day."""
    for (field, size), said in zip(_SIZES.items(), expression.split(), strict=False):
        if (step := _STEP.fullmatch(said)) is None:
            continue
        span = int(step[2]) - int(step[1]) + 1 if step[1] else size
        if int(step[3]) >= span > 1:
            return f"{said} as the {field} is {step[1] or _first_of(field)} alone: a step counts within its field"
        if step[1] is None and field in ("minute", "hour") and size % int(step[3]):
            last = (size - 1) // int(step[3]) * int(step[3])
            told = "every hour" if field == "minute" else "every day"
            return f"{said} as the {field} begins anew {told}: after {last} comes 0, {size - last} later"
    return None


def _first_of(field: str) -> int:
    return 0 if field in ("minute", "hour") else 1


def _of_nickname(word: str) -> str:
    if (found := NICKNAMES.get(word.lower())) is None:
        raise BadSchedule(f"there is no {word!r}: give five fields, or one of {', '.join(NICKNAMES)}")
    return found


def _is_read(expression: str) -> bool:
    try:
        CronSim(expression, _SOME_DAY)
    except CronSimError:
        return False
    return True


def times_after(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """The times after `moment`, in UTC; it may end, for a 29 February that is too far away."""
    for time in _times(expression, ZoneInfo(zone), moment, backwards=False):
        if time > moment:
            yield time


def next_after(expression: str, zone: str, moment: datetime) -> datetime | None:
    """The first time after `moment`; None where there is none in sight."""
    return next(times_after(expression, zone, moment), None)


def times_between(expression: str, zone: str, since: datetime, until: datetime, most: int) -> list[datetime]:
    """The first `most` of the times from `since` on that lie before `until`."""
    times = times_after(expression, zone, since - timedelta(microseconds=1))
    return list(islice(takewhile(lambda time: time < until, times), most))


def following(trigger: Mapping[str, Any], due: datetime | None, most: int) -> list[datetime]:
    """The next times of a stored trigger, of which `due` is the first; none for what does not fire by itself.

    What this host cannot read (a zone that it does not know) has `due` alone: the scheduler finds that out, too.
    """
    if due is None:
        return []
    try:
        return [due, *islice(times_after(trigger["schedule"], trigger["timezone"], due), most - 1)]
    except UNREADABLE:
        return [due]


def to_fire(expression: str, zone: str, due: datetime, now: datetime, catchup: str) -> list[datetime]:
    """Which of the times from `due` (the first that has not fired) until `now` are to fire, oldest first."""
    since = max(due, now - LATE) if catchup == "none" else due
    most = MOST_CAUGHT_UP if catchup == "all" else 1
    newest_first = takewhile(lambda time: time >= since, _times_until(expression, zone, now))
    return list(islice(newest_first, most))[::-1]


def _times_until(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """The times up to `moment`, the newest first: however long ago the first was, the last is found at once."""
    for time in _times(expression, ZoneInfo(zone), moment, backwards=True):
        if time <= moment:
            yield time


def _times(expression: str, zone: ZoneInfo, moment: datetime, *, backwards: bool) -> Iterator[datetime]:
    """All times from `moment` on in one direction, each once; some may lie on its other side."""
    hour = expression.split()[1]
    repeats = hour.startswith("*") or "/" in hour or _is_hourly(expression)
    streams = (_instants(expression, zone, moment, fold, backwards) for fold in ((0, 1) if repeats else (0,)))
    for time, _ in groupby(merge(*streams, reverse=backwards)):
        yield time


def _instants(expression: str, zone: ZoneInfo, moment: datetime, fold: int, backwards: bool) -> Iterator[datetime]:
    """What each wall time stands for, of a repeated one the instant of its `fold`: never out of order."""
    local = moment.astimezone(zone)
    walls = [moment + (local.replace(fold=which).utcoffset() or timedelta()) for which in (0, 1)]
    if backwards:
        start = max(walls).replace(tzinfo=None, microsecond=0) + _SECOND
    else:
        start = min(walls).replace(tzinfo=None, microsecond=0)
    hourly = _is_hourly(expression)
    for wall in CronSim(expression, start, reverse=backwards):
        time = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if time.astimezone(zone).replace(tzinfo=None) == wall:
            yield time
        elif not hourly:  # of every hour the next one comes anyway
            yield _end_of_gap(wall, zone)


def _is_hourly(expression: str) -> bool:
    """Whether it fires in every hour, however that is written: `*`, `0-23`, `*/1`."""
    return len(CronSim(expression, _SOME_DAY).hours) == _HOURS


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after the change that removes a wall time."""
    late, early = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    before = early.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) / 2
        middle = middle.replace(microsecond=0)
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return late

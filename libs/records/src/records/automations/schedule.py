"""When a schedule fires: cron times in a time zone, through both changes of the clock (decision 41)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MOST_CAUGHT_UP = 100
"""Missed times that `catchup: all` makes up for, the newest."""

LATE = timedelta(seconds=60)
"""What is later than this was missed; sooner it is only slow."""


class BadSchedule(ValueError):
    """No cron expression; the message says what is wrong."""


def check_cron(expression: str) -> str:
    """The expression with single spaces. Raises `BadSchedule`."""
    fields = expression.split()
    if len(fields) != 5:
        raise BadSchedule(f"a cron expression has five fields (minute hour day month weekday), this has {len(fields)}")
    plain = " ".join(fields)
    try:
        CronSim(plain, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise BadSchedule(f"{plain!r} is no cron expression: {error}") from None
    return plain


def times_after(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """The times after `moment`, in UTC; it may end, for a 29 February that is too far away."""
    for time in CronSim(expression, moment.astimezone(ZoneInfo(zone))):
        yield time.astimezone(UTC)


def next_after(expression: str, zone: str, moment: datetime) -> datetime | None:
    """The first time after `moment`; None where there is none in sight."""
    return next(times_after(expression, zone, moment), None)


def to_fire(expression: str, zone: str, due: datetime, now: datetime, catchup: str) -> list[datetime]:
    """Which of the times from `due` (the first that has not fired) until `now` are to fire, oldest first."""
    since = max(due, now - LATE) if catchup == "none" else due
    most = MOST_CAUGHT_UP if catchup == "all" else 1
    newest_first = takewhile(lambda time: time >= since, _times_until(expression, zone, now))
    return list(islice(newest_first, most))[::-1]


def _times_until(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """The times up to `moment`, the newest first: however long ago the first was, the last is found at once."""
    after = moment.replace(microsecond=0) + timedelta(seconds=1)
    for time in CronSim(expression, after.astimezone(ZoneInfo(zone)), reverse=True):
        yield time.astimezone(UTC)

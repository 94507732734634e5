"""The only module that reads the machine's clock. Times that are stored come from the database."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time of day, with its zone (UTC)."""
    return datetime.now(UTC)


def unix_milliseconds() -> int:
    return time.time_ns() // 1_000_000


def unix_nanoseconds() -> int:
    return time.time_ns()


def steady_seconds() -> float:
    """Seconds of a clock that never goes back and counts the time in which the machine slept (rule 8)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

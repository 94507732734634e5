"""The only place that reads a clock of this machine; what is stored is timed by the database."""

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
    """Seconds that only grow, counting those in which the machine slept (rule 8)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

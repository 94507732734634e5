"""Limits the rate of requests of an address or an organisation, in this gateway's memory."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from vai_api_gateway.problems import Problem
from vai_common import clock

_MOST_NAMES = 10_000


class Throttle:
    """A token bucket for each name: a burst, then a rate per second. A rate of 0 means no limit.

    It keeps one number for each name: the time when its bucket is full again. The oldest names are forgotten.
    """

    def __init__(self, per_second: float, at_once: float, seconds: Callable[[], float] = clock.steady_seconds) -> None:
        self._per_second = per_second
        self._at_once = max(at_once, 1.0)
        self._seconds = seconds
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until one more is allowed; 0 if it is now."""
        if not self._per_second:
            return 0.0
        debt = self._paid_at.get(name, 0.0) - self._seconds()
        return max(0.0, debt - (self._at_once - 1) / self._per_second)

    def take(self, name: str) -> None:
        """Count one."""
        if self._per_second:
            now = self._seconds()
            self._paid_at[name] = max(self._paid_at.get(name, now), now) + 1 / self._per_second
            self._paid_at.move_to_end(name)
            if len(self._paid_at) > _MOST_NAMES:
                self._paid_at.popitem(last=False)


def too_many(wait: float, what: str) -> Problem:
    seconds = str(max(1, ceil(wait)))
    unit = "second" if seconds == "1" else "seconds"
    return Problem(429, "too_many_requests", f"{what}; wait {seconds} {unit}", (), {"Retry-After": seconds})

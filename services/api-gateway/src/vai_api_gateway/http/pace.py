"""Slows down an organisation with many requests while others have requests, too (rule 24).

If the processors are busy, every request waits for them in each process on its way. The kernel counts how long this
process ran, and how long it was ready to run and had to wait. While it waits much, an organisation with many requests
gets its turns more slowly.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from vai_common import clock

_LOOK_SECONDS: Final = 0.05
_MUCH: Final = 0.3
"""The share of its time that a process may wait for a processor."""

_SLOWER: Final = 0.9
_FASTER: Final = 1.05
_LEAST: Final = 0.5
"""The least share of the usual rate: if other programs use the processors, waiting does not help."""

_LOOKS: Final = 4
"""The usual rate is known after so many looks: one alone may see a standstill, or a burst."""

_SMOOTH: Final = 0.1
"""How much a look counts for the usual rate after that."""

_FREE: Final = float("inf")
_AT_ONCE: Final = 2.0

Ran = tuple[int, int]
"""Nanoseconds since the start in which the process ran, and in which it waited for a processor."""


class Pace:
    """Ask `wait` before a turn and tell with `take` that it was given."""

    def __init__(
        self, ran: Callable[[], Ran | None] | None = None, seconds: Callable[[], float] = clock.steady_seconds
    ) -> None:
        self._ran, self._seconds = ran or _of_this_process(), seconds
        self._rate = self._before = _FREE
        self._usual, self._looks = 0.0, 0
        self._room = _AT_ONCE
        self._given = 0
        self._at = self._looked = seconds()
        self._seen = self._ran()

    def wait(self) -> float:
        """Seconds until the next turn; 0 if it may be now."""
        now = self._seconds()
        if now - self._looked >= _LOOK_SECONDS:
            self._look(now)
        if self._rate == _FREE:
            return 0.0
        self._room = min(_AT_ONCE, self._room + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1.0 - self._room) / self._rate)

    def take(self) -> None:
        self._given += 1
        self._room -= 1.0

    def _look(self, now: float) -> None:
        passed, given, before, ran = now - self._looked, self._given, self._seen, self._ran()
        self._looked, self._given, self._seen = now, 0, ran
        if ran is None or before is None or passed > 20 * _LOOK_SECONDS:
            self._rate, self._usual, self._looks = _FREE, 0.0, 0  # nobody has been paced for a while
            return
        if self._rate == _FREE:
            self._looks += 1
            self._usual += max(_SMOOTH, 1 / self._looks) * (given / passed - self._usual)
        worked, waited = ran[0] - before[0], ran[1] - before[1]
        if waited > _MUCH * (worked + waited):
            if self._rate == _FREE:
                if self._looks < _LOOKS or not self._usual:
                    return  # nobody took turns, so nobody's are too many
                self._rate = self._before = self._usual
                self._at, self._room = now, 0.0
            self._rate = max(self._rate * _SLOWER, self._before * _LEAST)
        elif self._rate != _FREE:
            self._rate *= _FASTER
            if self._rate > self._before:
                self._rate = _FREE


def _of_this_process() -> Callable[[], Ran | None]:
    """The counters that Linux keeps for the event loop's thread; None on other systems."""
    with suppress(OSError):
        file = os.open("/proc/self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        return lambda: _read(file)
    return lambda: None


def _read(file: int) -> Ran:
    ran, waited, _ = os.pread(file, 100, 0).split()
    return int(ran), int(waited)

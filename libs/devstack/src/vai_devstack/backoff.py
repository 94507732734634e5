"""Decides when a process that died is started again, as Kubernetes does: at once, then after 1, 2, 4 … 60 seconds."""

from dataclasses import dataclass

from vai_common.clock import steady_seconds

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_WELL_SECONDS = 60.0


@dataclass
class Backoff:
    """`waiting`: a death was noted, and the process was not started again yet."""

    deaths: int = 0
    waiting: bool = False
    _not_before: float = 0.0
    _started: float = 0.0

    def started(self) -> None:
        self.waiting = False
        self._started = steady_seconds()

    def died(self) -> float:
        """Note a death. Return the seconds to wait. If the process had run for a minute, the waits begin again at 0."""
        now = steady_seconds()
        if now - self._started > _WELL_SECONDS:
            self.deaths = 0
        wait = 0.0 if self.deaths == 0 else min(_FIRST_WAIT * 2 ** (self.deaths - 1), _LONGEST_WAIT)
        self.deaths += 1
        self.waiting = True
        self._not_before = now + wait
        return wait

    @property
    def over(self) -> bool:
        return steady_seconds() >= self._not_before

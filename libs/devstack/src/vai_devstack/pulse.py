"""Checks whether running services still answer. One whose event loop is blocked is ended and started again."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from vai_common.clock import steady_seconds
from vai_devstack.instance import Instance, answers_ok

SILENT_SECONDS = 15.0
"""How long /healthz may be silent, in seconds."""

STARVED_SECONDS = 60.0
"""The same if the process gets too little CPU time from a busy machine."""

_ANSWER_SECONDS = 5.0
_RUNNING_SHARE = 0.1  # share of one core: a process that got less while it wanted to run is starved, not blocked
_TICKS = 100  # a second: USER_HZ of Linux


@dataclass
class _Heard:
    pid: int
    at: float
    cpu: float


async def _healthy(instance: Instance) -> bool:
    return await answers_ok(instance.health_port, "/healthz", _ANSWER_SECONDS)


class Pulse:
    """`stands` asks an instance, and says whether it has been silent for too long."""

    def __init__(
        self,
        silent_seconds: float = SILENT_SECONDS,
        asks: Callable[[Instance], Awaitable[bool]] = _healthy,
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        self._silent_seconds = silent_seconds
        self._asks = asks
        self._clock = clock
        self._heard: dict[str, _Heard] = {}

    async def stands(self, instance: Instance) -> bool:
        """False for who answers, who has only begun, and who was stopped on purpose (SIGSTOP)."""
        assert instance.process is not None
        pid = instance.process.pid
        heard = self._heard.get(instance.name)
        state, cpu = _state(pid)
        if heard is None or heard.pid != pid or state in "TtZ" or await self._asks(instance):
            self._heard[instance.name] = _Heard(pid, self._clock(), cpu)
            return False
        silent = self._clock() - heard.at
        starved = state == "R" and cpu - heard.cpu < _RUNNING_SHARE * silent
        return silent >= (STARVED_SECONDS if starved else self._silent_seconds)


def _state(pid: int) -> tuple[str, float]:
    """What the process is doing (R, S, D, T, Z), and how many seconds of a core it has had."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], (int(fields[11]) + int(fields[12])) / _TICKS
    return "Z", 0.0

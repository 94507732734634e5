"""Bounds of the work of reading a page (rule 24)."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vai_common.clock import steady_seconds

_MIB = 1 << 20
_SHORTEST = 0.001  # seconds


class TookTooLong(BaseException):
    """The work did not end within its seconds. No `Exception`: the libraries that read pages catch those, and go on."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `TookTooLong` in the block after so many seconds. Only for the main thread of a process."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    began = steady_seconds()
    before = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, max(seconds, _SHORTEST))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # the time limit of an outer block
            signal.setitimer(signal.ITIMER_REAL, max(left - (steady_seconds() - began), _SHORTEST))


def take_at_most(megabytes: int) -> None:
    """Limit this process to so much more memory than it has now. Beyond that an allocation fails with MemoryError."""
    most = _data_bytes() + megabytes * _MIB
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0

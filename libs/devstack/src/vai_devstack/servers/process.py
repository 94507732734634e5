"""Runs a program for the stack: in a session of its own, with its output in a log file. It ends when this process
ends.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vai_common.clock import steady_seconds

_LAUNCH = Path(__file__).with_name("launch.py")
_LOOK_SECONDS = 0.02
_LOGS_KEPT = 3


@dataclass(frozen=True)
class Program:
    """What to run. `orphaned` is the signal that it gets when the stack's own process dies; `user` is a uid to become,
    `listens` says that it reads what `tell` gives it."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGKILL
    user: int | None = None
    listens: bool = False


class Process:
    """One run of a program. It has no event loop of its own: tests with different loops may share it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        with program.log.open("ab") as log:
            self._child = subprocess.Popen(
                launched(program.command, program.orphaned, program.user),
                stdin=subprocess.PIPE if program.listens else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self._child.returncode
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than with code 0."""
        return self._child.returncode != 0

    def tell(self, text: str) -> None:
        """Give it its standard input, and the end of it."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._child.stdin as pipe:
            pipe.write(text.encode())

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    async def ended(self, timeout: float) -> bool:
        """Whether it has ended within so many seconds."""
        return await becomes(lambda: not self.alive, timeout)

    async def stop(self, timeout: float) -> bool:
        """Ask it to stop, wait so many seconds, then kill it and its children. Return whether asking was enough."""
        self.send(self.program.stop_signal)
        self.send(signal.SIGCONT)
        if not (polite := await self.ended(timeout)):
            self.send(signal.SIGKILL)
            await self.ended(5)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._child.stdin is not None:
            self._child.stdin.close()
        return polite


async def succeeds(program: Program, timeout: float) -> bool:
    """Run a program to its end; whether that came within so many seconds, with code 0. Cancelled, it is stopped."""
    process = Process(program)
    try:
        return await process.ended(timeout) and not process.failed
    finally:
        await process.stop(1)


def launched(command: tuple[str, ...], orphaned: signal.Signals, user: int | None) -> list[str]:
    """The command line that starts a program so that it cannot outlive this process."""
    owner = "-" if user is None else str(user)
    return [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(orphaned)), owner, *command]


async def becomes(condition: Callable[[], bool], timeout: float, every: float = _LOOK_SECONDS) -> bool:
    """Whether the condition holds within so many seconds; looked at every so many."""
    until = steady_seconds() + timeout
    while not condition():
        if steady_seconds() >= until:
            return False
        await asyncio.sleep(every)
    return True


def rotate(log: Path) -> None:
    """Put the log of the last start aside (`name.log.1`, `.2`, …) and begin an empty one."""
    for number in range(_LOGS_KEPT - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            log.with_name(f"{log.name}.{number}").replace(log.with_name(f"{log.name}.{number + 1}"))
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))
    log.touch()


def tail(log: Path, lines: int = 25) -> list[str]:
    """The last lines of a log, as text."""
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        return file.read().decode(errors="replace").splitlines()[-lines:]
    return []


def started_at(pid: int) -> int | None:
    """When the process was started (clock ticks since boot). Together with the pid it identifies the process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def memory_mb(pid: int, children: bool = True) -> float:
    """The memory of the process and its children in MB. Shared memory is counted in proportion."""
    return sum(_held_by(each) for each in [pid, *(descendants(pid) if children else ())]) / 1e6


def _held_by(pid: int) -> int:
    with contextlib.suppress(OSError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
        return int(rollup[rollup.index("Pss:") + 1]) * 1024
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def running_seconds(pid: int) -> float:
    """For how long the process has been running."""
    return steady_seconds() - (started_at(pid) or 0) / os.sysconf("SC_CLK_TCK")

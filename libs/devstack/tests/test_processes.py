"""Programs under the stack's care: their end, their logs, and the wait before they are tried again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vai_devstack import backoff
from vai_devstack.backoff import Backoff
from vai_devstack.servers.process import Process, Program, becomes, memory_mb, rotate, started_at, succeeds, tail

PYTHON = sys.executable


def program(tmp_path: Path, code: str) -> Program:
    return Program("it", (PYTHON, "-c", code), tmp_path / "it.log")


async def test_what_a_program_says_goes_to_its_log(tmp_path: Path) -> None:
    assert await succeeds(program(tmp_path, "import sys; print('out'); print('err', file=sys.stderr)"), 10)

    assert sorted(tail(tmp_path / "it.log")) == ["err", "out"]


async def test_a_program_that_ends_with_another_code_has_not_succeeded(tmp_path: Path) -> None:
    assert not await succeeds(program(tmp_path, "raise SystemExit(3)"), 10)


async def test_a_program_that_will_not_stop_is_ended(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    process = Process(program(tmp_path, code))
    assert await becomes(lambda: tail(tmp_path / "it.log") == ["on"], 10)

    await process.stop(timeout=0.1)

    assert not process.alive
    assert process.ending == "was ended by SIGKILL"


async def test_a_frozen_program_can_be_stopped(tmp_path: Path) -> None:
    process = Process(program(tmp_path, "print('on', flush=True); import signal; signal.pause()"))
    assert await becomes(lambda: tail(tmp_path / "it.log") == ["on"], 10)
    process.send(signal.SIGSTOP)

    await process.stop(timeout=10)

    assert process.ending == "was ended by SIGTERM"


async def test_a_program_does_not_outlive_the_one_that_started_it(tmp_path: Path) -> None:
    code = f"""
import signal
from pathlib import Path
from vai_devstack.servers.process import Process, Program
child = Process(Program("it", ("/bin/sleep", "1000"), Path({str(tmp_path / "it.log")!r})))
print(child.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen((PYTHON, "-c", code), stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()

    assert await becomes(lambda: gone(child), 10)


def gone(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_rotating_keeps_the_logs_of_the_last_three_starts(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    for start in range(6):
        rotate(log)
        log.write_text(str(start))

    assert [(tmp_path / name).read_text() for name in ("it.log", "it.log.1", "it.log.2", "it.log.3")] == list("5432")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_process_is_told_from_a_later_one_by_the_time_of_its_start() -> None:
    assert started_at(os.getpid()) != started_at(1)
    assert started_at(2**22 + 1) is None


def test_memory_of_what_is_gone_is_none() -> None:
    assert memory_mb(os.getpid()) > 1
    assert memory_mb(2**22 + 1) == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Holds the clock of the waits; call it with the seconds that pass."""
    time = [1000.0]
    monkeypatch.setattr(backoff, "steady_seconds", lambda: time[0])

    def passes(seconds: float) -> None:
        time[0] += seconds

    return passes


def test_what_keeps_dying_is_tried_at_once_and_then_ever_more_rarely(clock: Callable[[float], None]) -> None:
    wait = Backoff()
    waits = []
    for _ in range(9):
        wait.started()
        waits.append(wait.died())
        clock(waits[-1])
        assert wait.over

    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_what_ran_for_a_minute_is_tried_at_once_again(clock: Callable[[float], None]) -> None:
    wait = Backoff()
    for _ in range(4):
        wait.started()
        wait.died()
    wait.started()
    clock(61)

    assert wait.died() == 0

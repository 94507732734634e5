"""A service that runs and does not answer is ended; one that was stopped, or is starved, is not."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from vai_devstack.instance import HOST, Instance
from vai_devstack.pulse import STARVED_SECONDS, Pulse
from vai_devstack.servers.process import Process, Program
from vai_devstack.services import SERVICES
from vai_testkit.wait import wait_for

_BUSY = "print('begun', flush=True)\nwhile True: pass"
_ASLEEP = "import time; print('begun', flush=True); time.sleep(1000)"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Answers:
    """What /healthz says."""

    def __init__(self) -> None:
        self.well = True

    async def __call__(self, instance: Instance) -> bool:
        return self.well


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[Instance]:
    instance = Instance(SERVICES[0], 0, 1, None, tmp_path / "log", {})
    yield instance
    if instance.process is not None:
        instance.process.send(signal.SIGKILL)
        await instance.process.stop(5)


async def _run(instance: Instance, code: str) -> None:
    instance.log.write_text("")
    instance.process = Process(Program("a", (sys.executable, "-c", code), instance.log))
    await wait_for(lambda: "begun" in instance.log.read_text(), what="it has begun")
    await _is(instance, "S" if code == _ASLEEP else "R")


async def _is(instance: Instance, state: str) -> None:
    """Waits until the kernel says so: one that was woken wants to run (R) for a moment before it sleeps again (S)."""
    assert instance.process is not None
    stat = Path(f"/proc/{instance.process.pid}/stat")
    await wait_for(lambda: f") {state} " in stat.read_text(), what=f"its state is {state}")


async def _silent(instance: Instance, code: str, seconds: float) -> bool:
    """Whether one that has answered, and then has not for so long, is found to stand."""
    await _run(instance, code)
    clock, answers = Clock(), Answers()
    pulse = Pulse(15.0, answers, clock)
    assert not await pulse.stands(instance)
    answers.well = False
    clock.now = seconds
    return await pulse.stands(instance)


@pytest.mark.parametrize(("seconds", "stands"), [(5.0, False), (14.9, False), (15.0, True), (100.0, True)])
async def test_who_does_not_answer_for_a_while_stands(instance: Instance, seconds: float, stands: bool) -> None:
    assert await _silent(instance, _ASLEEP, seconds) is stands


async def test_who_wants_to_run_and_gets_no_time_does_not_stand_yet(instance: Instance) -> None:
    """It has had next to nothing of all these seconds, which have passed on this clock alone."""
    assert await _silent(instance, _BUSY, STARVED_SECONDS - 1) is False


async def test_not_even_who_is_starved_is_waited_for_without_end(instance: Instance) -> None:
    assert await _silent(instance, _BUSY, STARVED_SECONDS) is True


async def test_who_was_stopped_on_purpose_does_not_stand(instance: Instance) -> None:
    await _run(instance, _ASLEEP)
    assert instance.process is not None
    clock, answers = Clock(), Answers()
    pulse = Pulse(15.0, answers, clock)
    await pulse.stands(instance)
    instance.process.send(signal.SIGSTOP)
    await _is(instance, "T")
    answers.well, clock.now = False, 100.0
    assert not await pulse.stands(instance)
    instance.process.send(signal.SIGCONT)
    await _is(instance, "S")
    assert not await pulse.stands(instance)
    clock.now = 115.0
    assert await pulse.stands(instance)


async def test_an_answer_begins_the_time_anew_and_so_does_a_new_process(instance: Instance) -> None:
    await _run(instance, _ASLEEP)
    clock, answers = Clock(), Answers()
    pulse = Pulse(15.0, answers, clock)
    await pulse.stands(instance)
    clock.now, answers.well = 14.0, True
    assert not await pulse.stands(instance)
    clock.now, answers.well = 28.0, False
    assert not await pulse.stands(instance)
    assert instance.process is not None
    instance.process.send(signal.SIGKILL)
    await instance.process.stop(5)
    await _run(instance, _ASLEEP)
    clock.now = 50.0
    assert not await pulse.stands(instance)


async def test_who_is_full_of_strangers_connections_is_asked_where_nobody_else_asks(instance: Instance) -> None:
    async def answer(status: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    full = await asyncio.start_server(partial(answer, b"503 Service Unavailable"), HOST, 0)
    own = await asyncio.start_server(partial(answer, b"200 OK"), HOST, 0)
    ports = [server.sockets[0].getsockname()[1] for server in (full, own)]
    async with full, own:
        instance.http_port, instance.metrics_port = ports
        await _run(instance, _ASLEEP)
        clock = Clock()
        pulse = Pulse(15.0, clock=clock)
        for clock.now in (0.0, 100.0, 200.0):
            assert not await pulse.stands(instance)
        instance.metrics_port = None
        clock.now = 300.0
        assert await pulse.stands(instance)

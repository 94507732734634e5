"""Keeps a stack running: reports processes that die and starts them again, as Kubernetes does. SIGTERM and Ctrl-C end
it.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

from vai_common.loops import every
from vai_devstack.backoff import Backoff
from vai_devstack.errors import StackError
from vai_devstack.instance import Instance
from vai_devstack.pulse import Pulse
from vai_devstack.servers.process import Process
from vai_devstack.stack import Stack

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.25
_IDLE_SECONDS = 30.0
_PULSE_SECONDS = 5.0


class Supervisor:
    """`run_once` looks after everything that the stack runs; `run` calls it whenever a child has ended."""

    def __init__(self, stack: Stack, say: Callable[[str], None], pulse: Pulse | None = None) -> None:
        self._stack = stack
        self._say = say
        self._pulse = pulse or Pulse()
        self._postgres = Backoff()
        self._broker = Backoff()
        self._s3 = Backoff()

    async def run(self, stopping: asyncio.Event) -> None:
        """Look after the stack until `stopping` is set."""
        moved = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, moved.set)
        stopped = asyncio.ensure_future(stopping.wait())
        stopped.add_done_callback(lambda _: moved.set())
        feeling = asyncio.create_task(every(_PULSE_SECONDS, self.feel_once))
        while not stopping.is_set():
            moved.clear()
            well = await self.run_once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS if well else _LOOK_SECONDS):
                    await moved.wait()
        loop.remove_signal_handler(signal.SIGCHLD)
        feeling.cancel()

    async def feel_once(self) -> None:
        """Kill the services that run but do not answer. `run_once` starts them again."""
        for instance in list(self._stack.instances):
            if instance.wanted and instance.ready and instance.alive and await self._pulse.stands(instance):
                assert instance.process is not None
                self._say(f"{instance.name} (pid {instance.process.pid}) runs and does not answer; ending it")
                instance.process.send(signal.SIGKILL)

    async def run_once(self) -> bool:
        """Start processes again that have died, if their wait is over. Return whether everything runs now."""
        stack = self._stack
        well = await self._server("postgres", stack.postgres.process, self._postgres, stack.restart_postgres)
        if stack.broker.kind != "given":
            well &= await self._server("kafka", stack.broker.process, self._broker, stack.restart_broker)
        if stack.s3 is not None:
            well &= await self._server("s3", stack.s3.process, self._s3, stack.restart_s3)
        for instance in stack.instances:
            if instance.wanted and not (instance.ready and instance.alive):
                well &= await self._service(instance)
        return well

    async def _service(self, instance: Instance) -> bool:
        assert instance.process is not None
        if not instance.alive:
            if not self._may_start(instance.name, instance.process.ending, instance.backoff):
                return False
            instance.start()
            self._stack.write()
        if await instance.look():
            self._say(f"{instance.name} is ready again (pid {instance.process.pid})")
        return instance.ready

    async def _server(
        self, name: str, process: Process | None, backoff: Backoff, start: Callable[[], Awaitable[None]]
    ) -> bool:
        if process is not None and process.alive:
            return True
        if not self._may_start(name, process.ending if process else "is down", backoff):
            return False
        backoff.started()
        try:
            await start()
        except StackError as error:
            self._say(error.message)
            return False
        self._say(f"{name} is ready again")
        return True

    def _may_start(self, name: str, ending: str, backoff: Backoff) -> bool:
        if not backoff.waiting:
            wait = backoff.died()
            self._say(f"{name} {ending}; starting it again" + (f" in {wait:.0f} s" if wait else ""))
        return backoff.over


async def supervise(stack: Stack, say: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Start a stack, call `ready` when it is, keep it going until a signal, and stop all of it.

    A second signal ends the services without waiting for them. Raises what the start raises, when all is stopped.
    """
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    starting = asyncio.create_task(stack.start())
    try:
        if await _first(starting, stopping):
            ready()
            await Supervisor(stack, say).run(stopping)
    finally:
        say("stopping")
        await _stop(stack, hurry)
        say("stopped")


async def _first(starting: "asyncio.Task[None]", stopping: asyncio.Event) -> bool:
    """Whether the start was completed before somebody asked to stop. Raises the start's exception."""
    wish = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, wish}, return_when=asyncio.FIRST_COMPLETED)
    wish.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return False


async def _stop(stack: Stack, hurry: asyncio.Event) -> None:
    polite = asyncio.create_task(stack.stop())
    wish = asyncio.create_task(hurry.wait())
    await asyncio.wait({polite, wish}, return_when=asyncio.FIRST_COMPLETED)
    wish.cancel()
    if not polite.done():
        for instance in stack.instances:
            if instance.process is not None:
                instance.process.send(signal.SIGKILL)
    await polite

"""The demo's stack: a running one, or one of its own, which is stopped when the demo ends."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.demo.errors import DemoFailed
from vai_devstack.config import from_environment
from vai_devstack.lock import is_held
from vai_devstack.up import running

_TRACED = {"DETACH": "1", "VAI_TRACE_SAMPLE": "1"}
_READY = ("ready after", "vai is ready")


@dataclass(frozen=True)
class Ground:
    """What .vai/stack.json says of the stack; `ours` if the demo started it, `home` is its folder."""

    api_url: str
    api_key: str = field(repr=False)
    org_id: str
    kafka: str
    database: str = field(repr=False)
    seconds: float
    ours: bool
    home: Path


@asynccontextmanager
async def standing(say: Callable[[str], None]) -> AsyncIterator[Ground]:
    """A stack that is ready. `say` hears how its start goes. Raises DemoFailed where it does not start."""
    home = from_environment().home
    ours = not is_held(home)
    try:
        await _up(say)
        found = running(home)
        if found is None:
            raise DemoFailed("the stack that was just started is gone", f"Look into {home.logs}")
        yield _ground(found, ours, home.root)
    finally:
        if ours and is_held(home):
            say("stopping the stack")
            await asyncio.shield(_devstack("down", lambda line: None))


def _ground(stack: dict[str, Any], ours: bool, home: Path) -> Ground:
    names = ("api_url", "api_key", "org_id", "kafka", "database")
    return Ground(**{name: stack[name] for name in names}, seconds=stack["started_in"], ours=ours, home=home)


async def _up(say: Callable[[str], None]) -> None:
    starting = True

    def hear(line: str) -> None:
        nonlocal starting
        starting = starting and not line.startswith(_READY)  # what follows is for those who start it themselves
        if starting and line:
            say(line)

    if await _devstack("up", hear):
        raise DemoFailed("the stack did not start; what it said stands above", "mend that, then: make demo")


async def _devstack(command: str, hear: Callable[[str], None]) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vai_devstack",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **_TRACED},
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            hear(line.decode().rstrip("\n"))
    except asyncio.CancelledError:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        raise
    finally:
        await process.wait()
    return await process.wait()

"""`up` and `down`: start a stack in the foreground or detached, find one that runs, stop it."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

from vai_common import environment
from vai_devstack.banner import banner
from vai_devstack.config import FOLDER, S3, Config
from vai_devstack.errors import StackError, of_system
from vai_devstack.home import Home, read_json
from vai_devstack.lock import holder, is_held
from vai_devstack.servers.process import becomes, rotate
from vai_devstack.stack import AlreadyRunning, Stack
from vai_devstack.supervisor import supervise
from vai_devstack.teller import Teller

_START_SECONDS = 900.0
_STOP_SECONDS = 90.0


def running(home: Home) -> dict[str, Any] | None:
    """What .vai/stack.json says of a stack that runs and is ready; None when there is none."""
    stack = read_json(home.stack)
    return stack if stack is not None and stack.get("supervisor") == holder(home) else None


def up(config: Config, detach: bool) -> int:
    """Start the stack, or find it running; the exit code. In the foreground it returns when all is stopped again."""
    found = asyncio.run(_found(config.home))
    for unknown, near in environment.unknown(os.environ).items():
        _write(f"{unknown} is read by nobody" + (f"; did you mean {near}?" if near else "."))
    if found is None:
        config.home.make()
        return _detached(config) if detach else asyncio.run(run(config, detached=False))
    if config.replicas or _other_broker(config, found) or _other_lake(config, found):
        _write("It runs already: REPLICAS, KAFKA and LAKE count at the next start (make down, make up).")
    _write(banner(found, config.home.root))
    return 0


def _other_broker(config: Config, found: dict[str, Any]) -> bool:
    return config.kafka not in {found["broker"], found["kafka"], "embedded"}


def _other_lake(config: Config, found: dict[str, Any]) -> bool:
    return config.lake not in ("", S3 if found["lake"].startswith("s3://") else FOLDER)


async def _found(home: Home) -> dict[str, Any] | None:
    """The stack that runs, waited for while it starts; None when none does."""
    await becomes(lambda: running(home) is not None or not is_held(home), _START_SECONDS, every=0.1)
    return running(home)


async def run(config: Config, detached: bool) -> int:
    """Be the stack's process until it is told to stop; the exit code."""
    log = config.home.log("supervisor")
    rotate(log)
    teller = Teller(log)
    stack = Stack(config, teller.say)

    def ready() -> None:
        if detached:
            teller.say(f"ready after {stack.started_in:.1f} s")
            teller.leave()
        else:
            teller.say(banner(stack.describe(), config.home.root, "Ctrl-C stops it"))

    try:
        await supervise(stack, teller.say, ready)
    except StackError as error:
        teller.complain(error)
        return 2 if isinstance(error, AlreadyRunning) else 1
    except OSError as error:
        teller.complain(of_system(error))
        return 1
    return 0


def _detached(config: Config) -> int:
    child = subprocess.Popen(
        (sys.executable, "-m", "vai_devstack", "supervise"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            _write(line.decode().rstrip("\n"))
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        return 130
    stack = running(config.home)
    if stack is None:
        return child.wait() or 1
    _write(banner(stack, config.home.root))
    return 0


def down(home: Home) -> int:
    """Stop the stack that runs, if one does; the exit code."""
    if not is_held(home):
        _write(f"no stack runs in {home.root}")
        return 0
    pid = holder(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    if not asyncio.run(becomes(lambda: not is_held(home), _STOP_SECONDS, every=0.05)):
        raise StackError(
            f"the stack's process {pid} does not end", f"Look into {home.log('supervisor')}; kill -9 {pid}"
        )
    _write("stopped")
    return 0


def clean(home: Home) -> int:
    """Stop the stack and erase all its data; the exit code."""
    if is_held(home):
        down(home)
    home.erase()
    _write(f"erased {home.root}")
    return 0


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

"""How a process that is told to stop hears of it, and the bound of its stop (rules 13 and 24)."""

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Timer

import structlog

from vai_common.loops import waiting

_log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)

MOST_SECONDS = 43.0
"""For a whole stop where no setting names another; whoever stops us kills us after 45 s."""

CLOSING_SECONDS = 5.0
"""Of them for what comes after the work: the last messages, and the connections."""


def hear(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop at each SIGTERM and SIGINT."""
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)


def hear_no_more() -> None:
    """From now on signals change nothing: the process is about to end, and it shall end with its own exit code."""
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


def end_within(seconds: float) -> None:
    """End the process by force if it has not ended by itself: it is asked to stop, and waits for something.

    What it still holds is taken over by others, as after a kill. The log says what it waited for.
    """
    timer = Timer(seconds, _end_now, (seconds, asyncio.get_running_loop()))
    timer.daemon = True  # a process that ends in time does not wait for it
    timer.start()


def _end_now(seconds: float, loop: asyncio.AbstractEventLoop) -> None:
    told: list[str] = []
    with suppress(Exception):  # the loop goes on meanwhile, in another thread
        told = waiting(loop)
    _log.error("stop_cut_short", seconds=seconds, tasks=told)
    faulthandler.dump_traceback()
    os._exit(1)

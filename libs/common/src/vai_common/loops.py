"""A loop is `run_once` and a loop around it, so that tests call `run_once`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any

import structlog

from vai_common.metrics import loop_failures

_log = structlog.get_logger()

_ASK_SECONDS = 5.0  # more than an ending takes: asking again breaks it off


async def every(seconds: float, run_once: Callable[[], Awaitable[object]], wake: asyncio.Event | None = None) -> None:
    """Call `run_once` for ever, every `seconds` or as soon as `wake` is set. A failure is logged and tried again."""
    name = _name_of(run_once)
    while True:
        try:
            await run_once()
        except Exception as error:
            loop_failures.labels(loop=name).inc()
            _log.warning("loop_failed", loop=name, error=f"{type(error).__name__}: {error}")
        await _pause(seconds, wake)


def _name_of(run_once: object) -> str:
    """The function's name without what it is called with: that may hold passwords, and this goes into logs."""
    while isinstance(run_once, partial):
        run_once = run_once.func
    return str(getattr(run_once, "__qualname__", type(run_once).__qualname__))


async def end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks and wait until they have ended.

    They are asked every few seconds: code of others may lose a cancellation, and a service would wait for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_ASK_SECONDS)


def waiting(loop: asyncio.AbstractEventLoop | None = None) -> list[str]:
    """What each task of this event loop waits for, one line each: the functions and lines from the outermost on."""
    return sorted({" > ".join(_places(task.get_coro())) for task in asyncio.all_tasks(loop)})


def _places(coroutine: Any) -> Iterator[str]:
    while (code := getattr(coroutine, "cr_code", None)) is not None:
        frame = coroutine.cr_frame
        yield f"{code.co_qualname}:{frame.f_lineno if frame is not None else 0}"
        coroutine = coroutine.cr_await


async def within(seconds: float, closing: Awaitable[object], what: str) -> None:
    """Wait for a step of a stop, at most `seconds`; then it is cancelled, and a stop goes on without it.

    Whatever a service does when it stops has such a bound: a server that is silent would keep it for ever.
    """
    try:
        async with asyncio.timeout(seconds):
            await closing
    except TimeoutError:
        _log.warning("stop_goes_on_without", what=what, seconds=seconds)
    except Exception as error:
        _log.warning("stop_goes_on_without", what=what, error=f"{type(error).__name__}: {error}")


async def _pause(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()

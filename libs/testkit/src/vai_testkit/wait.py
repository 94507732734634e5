"""Waiting for a condition, the only kind of waiting that tests do; and two pauses that nothing depends on."""

import asyncio
import inspect
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from vai_common.clock import steady_seconds

T = TypeVar("T")


@overload
async def wait_for(
    condition: Callable[[], Coroutine[Any, Any, T | None]], timeout: float = ..., every: float = ..., what: str = ...
) -> T: ...
@overload
async def wait_for(
    condition: Callable[[], T | None], timeout: float = ..., every: float = ..., what: str = ...
) -> T: ...
async def wait_for(condition: Callable[[], Any], timeout: float = 30.0, every: float = 0.02, what: str = "") -> Any:
    """The first true value of the condition (a function or a coroutine function), looked at every so many seconds.

    Raises AssertionError, with what was waited for and the last value, after `timeout` seconds.
    """
    until = steady_seconds() + timeout
    while True:
        value = condition()
        found = await value if inspect.isawaitable(value) else value
        if found:
            return found
        if steady_seconds() >= until:
            named = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{named}: not true within {timeout:g} s; at last it was {found!r}")
        await asyncio.sleep(every)


async def some_moment(chance: random.Random, most: float) -> None:
    """A random pause of up to `most` seconds, so that racers begin in any order. No outcome depends on it."""
    await asyncio.sleep(chance.uniform(0, most))


async def breathe() -> None:
    """A pause of a load between two requests, so that it leaves something to others. No outcome depends on it."""
    await asyncio.sleep(0.05)

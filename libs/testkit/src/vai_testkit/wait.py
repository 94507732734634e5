"""Waiting for a condition, the only kind of waiting that tests do."""

import asyncio
import inspect
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

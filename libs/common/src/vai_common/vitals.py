"""What a process measures of itself: its pool at each scrape, the lag of its event loop each second."""

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from vai_common import metrics
from vai_common.clock import steady_seconds
from vai_common.health import Health
from vai_common.queries import OpenPool

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

LOOK_SECONDS = 1.0

VERSION = version("vai-common")
"""Of the platform; all its parts have the same."""


def tell(service: str, health: Health, pool: OpenPool) -> None:
    """Set the build information. Readiness and pool are read at each scrape."""
    metrics.build_info.labels(service=service, version=VERSION).set(1)
    metrics.ready.set_function(lambda: not health.problems())
    metrics.pool_limit.labels(pool="main").set(pool.get_max_size())
    metrics.pool_connections.labels(pool="main", state="idle").set_function(pool.get_idle_size)
    metrics.pool_connections.labels(pool="main", state="busy").set_function(
        lambda: pool.get_size() - pool.get_idle_size()
    )


def tell_of_lists(engine: "AsyncEngine") -> None:
    """The pool of an engine, for lists and filters, beside the main one."""
    pool: Any = engine.pool
    metrics.pool_limit.labels(pool="lists").set(pool.size())
    metrics.pool_connections.labels(pool="lists", state="idle").set_function(pool.checkedin)
    metrics.pool_connections.labels(pool="lists", state="busy").set_function(pool.checkedout)


async def watch_loop(seconds: float = LOOK_SECONDS) -> None:
    """For ever: sleep, and measure how late the loop wakes it."""
    while True:
        began = steady_seconds()
        await asyncio.sleep(seconds)
        metrics.event_loop_lag_seconds.observe(max(0.0, steady_seconds() - began - seconds))

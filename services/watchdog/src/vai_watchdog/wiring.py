"""What the watchdog looks at, and how often."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import asyncpg
import structlog

from vai_common.boot import Service
from vai_common.db import AWAY, connect
from vai_common.loops import every
from vai_common.queries import Queries
from vai_records.events.publication import Publisher
from vai_records.processes.life import Life
from vai_watchdog.retention import keep_once
from vai_watchdog.settings import Settings
from vai_watchdog.watchdog import Watchdog

_log = structlog.get_logger()

_BROKEN = (*AWAY, asyncpg.PostgresError)

LOCK_SECONDS = 1.0
COUNTER_LOOKS = 5
"""At every fifth look at the locks it reads the counters, too."""

LEASES_AFTER = 45
"""Looks on one connection before leases count: after an outage, living processes must renew theirs first."""


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    life = Life(service)
    await life.start()
    publisher = Publisher(service.pool, service.producer, life.id)
    watchdog = Watchdog(service.pool, service.bell, publisher, life.id)
    service.listen()
    service.spawn(_watch(service, watchdog))
    service.spawn(every(10.0, watchdog.abandon_once))
    service.spawn(every(10.0, publisher.adopt_once))
    service.spawn(every(2.0, publisher.sweep_once))
    service.spawn(every(3600.0, partial(keep_once, service.pool, service.settings.audit_days)))
    try:
        yield
    finally:
        await publisher.close(3)
        await life.stop()


async def _watch(service: Service[Settings], watchdog: Watchdog) -> None:
    """Look on one connection. When it breaks, forget all that was seen."""
    while True:
        watchdog.looks.forget()
        with suppress(*_BROKEN):
            async with asyncio.timeout(5):
                connection = await connect(service.settings.direct_url, service.name)
            try:
                await _look_until_broken(connection, watchdog)
            finally:
                connection.terminate()
        _log.warning("watch_broken")
        await asyncio.sleep(LOCK_SECONDS)


async def _look_until_broken(connection: Queries, watchdog: Watchdog) -> None:
    turn = 0
    while True:
        await watchdog.look_at_locks_once(connection)
        if turn % COUNTER_LOOKS == 0:
            await watchdog.look_at_counters_once(connection)
            if turn >= LEASES_AFTER:
                await watchdog.sweep_leases_once()
        turn += 1
        await asyncio.sleep(LOCK_SECONDS)

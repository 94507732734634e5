"""How a process shows that it lives: a row, a beat every 5 s, and a lock that its death releases (rules 6 and 8)."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from vai_common.boot import Service
from vai_common.clock import steady_seconds
from vai_common.db import AWAY, connect
from vai_common.ids import uuid7
from vai_common.loops import end, every
from vai_common.vitals import VERSION
from vai_records.runs import statements
from vai_records.schema import needed as schema

_log = structlog.get_logger()

BEAT_SECONDS = 5.0
RETAKE_SECONDS = 0.3
"""Seconds between tries to take the lock again: a process counts as dead at the second look without it, 1 s apart."""

STEADY_SECONDS = 12.0
"""How old the last successful beat may be. After that the process starts no side effect."""

_REGISTER = """
INSERT INTO processes (id, service, kinds, slots, address, http_address, host, pid, lock_key, session, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE SET lock_key = $9, beat_at = clock_timestamp()
RETURNING xmax = 0 AS is_new
"""

_STOPPING = "UPDATE processes SET stopping = true WHERE id = $1"
_LEAVE = """
DELETE FROM processes p WHERE p.id = $1
  AND NOT EXISTS (SELECT FROM runs r WHERE r.lease_owner = p.id AND r.phase = 'leased')
"""


def name_of(service: str, process_id: UUID) -> str:
    """What a process is called in logs."""
    return f"{service}-{process_id.hex[-8:]}"


@dataclass
class Abilities:
    """What a process can run: its kinds, how many at once, and where its gRPC Executor listens."""

    kinds: Sequence[str] = ()
    slots: int = 0
    address: str | None = None


class Life:
    """One process's life. `on_beat` gets the leases after each beat. `on_death` is called if others count it dead."""

    def __init__(self, service: Service[Any], abilities: Abilities | None = None) -> None:
        self.id = uuid7()
        self.name = name_of(service.name, self.id)
        self._service = service
        self._abilities = abilities or Abilities()
        self._lock: Any = None
        self._key = 0
        self._now = asyncio.Event()
        self._last_good = 0.0
        self._changed = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None
        self.on_beat: Callable[[list[statements.Lease]], None] = lambda leases: None
        self.on_death: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Take the lock, register, and beat from now on."""
        await self._take_lock()
        await self.beat_once()
        self._beating = self._service.spawn(every(BEAT_SECONDS, self._beat, self._now))

    def is_steady(self) -> bool:
        """Whether this process may start a side effect: no other process can count it as dead."""
        return self._holds_lock() and steady_seconds() - self._last_good <= STEADY_SECONDS

    async def steady(self) -> None:
        """Wait until no other process can count this one as dead."""
        while not self.is_steady():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._changed.wait()

    async def beat_once(self) -> None:
        """One beat. Its time is the time when it was sent."""
        if not self._holds_lock():
            await self._take_lock()
        sent = steady_seconds()
        async with asyncio.timeout(BEAT_SECONDS):
            leases = await statements.beat(self._lock, self.id)
        if leases is None:
            self._hear_of_death()
            await self._register()
            return
        self._last_good = sent
        self._service.health.saw_database()
        if self._service.health.schema_fault is not None:
            self._service.health.schema_fault = await schema.fault(self._service.pool)
        self._changed.set()
        self.on_beat(leases)

    async def say_stopping(self) -> None:
        """Say that this process takes no more calls and claims no more runs."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            async with asyncio.timeout(2):
                await self._service.pool.execute(_STOPPING, self.id)

    async def stop(self) -> None:
        """End: the last beat, then remove the row, so that no service looks for this process, then release the lock.

        If it could not release a lease, the row stays, and the watchdog notices the free lock.
        """
        if self._beating is not None:
            await end([self._beating])
        with suppress(*AWAY, asyncpg.PostgresError):
            async with asyncio.timeout(3):
                await self._service.pool.execute(_LEAVE, self.id)
        if self._lock is not None:
            lock, self._lock = self._lock, None
            lock.terminate()

    def _holds_lock(self) -> bool:
        return self._lock is not None and not self._lock.is_closed()

    async def _beat(self) -> None:
        try:
            await self.beat_once()
        finally:
            if not self._holds_lock():
                asyncio.get_running_loop().call_later(RETAKE_SECONDS, self._now.set)

    async def _take_lock(self) -> None:
        """Take the lock on a new connection with a new key: the old session may still exist for a while."""
        settings, service = self._service.settings, self._service
        url, name = settings.direct_url, service.session or ""
        async with asyncio.timeout(BEAT_SECONDS):
            lock = await connect(url, service.name, name=name)
        try:
            key = secrets.randbits(62)
            await lock.execute("SELECT pg_advisory_lock($1)", key)
            self._key = key
            is_new = await self._register()
        except BaseException:
            lock.terminate()
            raise
        self._lock = lock
        lock.add_termination_listener(self._lock_fell)
        if is_new and self._last_good:
            self._hear_of_death()

    def _lock_fell(self, lock: Any) -> None:
        """The connection has ended: take the lock again at once, before others see it free."""
        if lock is self._lock:
            self._now.set()

    def _hear_of_death(self) -> None:
        _log.warning("declared_dead")
        self.on_death()

    async def _register(self) -> bool:
        """Whether the row was missing: others counted this process as dead, or it has just begun."""
        is_new: bool = await self._service.pool.fetchval(
            _REGISTER,
            self.id,
            self._service.name,
            list(self._abilities.kinds),
            self._abilities.slots,
            self._abilities.address,
            self._service.http_address,
            socket.gethostname(),
            os.getpid(),
            self._key,
            self._service.session,
            VERSION,
        )
        return is_new


def process_channel(process_id: UUID) -> str:
    """The NOTIFY channel on which a process hears that `control` of one of its runs changed."""
    return f"process_{process_id.hex}"

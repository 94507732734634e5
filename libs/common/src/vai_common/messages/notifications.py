"""Notifications of Postgres (NOTIFY): small hints, which may be lost (rules 3 and 4)."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from vai_common.db import AWAY, connect
from vai_common.queries import Queries, Session

_log = structlog.get_logger()

_BROKEN = (*AWAY, asyncpg.PostgresError)
_ASK_SECONDS = 10.0
"""Seconds between tests of a connection that only listens: a broken one looks like one without notifications."""

LARGEST_PAYLOAD = 7_900
"""Bytes of a payload. NOTIFY refuses 8,000 and more."""


async def notify(pool: Queries, channel: str, payload: str) -> None:
    """Notify in a transaction of its own: NOTIFY inside another transaction makes commits wait for each other."""
    await pool.execute("SELECT pg_notify($1, $2)", channel, payload)


class Listener:
    """Listens on a direct connection. It connects again after a break, and then calls `on_return`."""

    def __init__(self, direct_url: str, role: str, name: str = "") -> None:
        self._url = direct_url
        self._role = role
        self._name = name
        self._heard: dict[str, Callable[[str], None]] = {}
        self._returns: list[Callable[[], None]] = []
        self._connection: Session | None = None

    def on(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with each payload on `channel`. Call this before `listen`."""
        self._heard[channel] = heard

    def on_return(self, call: Callable[[], None]) -> None:
        """Call `call` after each connect: notifications of the time before are lost, so the caller reads the tables."""
        self._returns.append(call)

    async def listen(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen_once()
            except _BROKEN as error:
                _log.warning("listener_lost", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.5)

    async def _listen_once(self) -> None:
        connection = await connect(self._url, self._role, name=self._name)
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        try:
            for channel in self._heard:
                await connection.add_listener(channel, self._dispatch)
            for call in self._returns:
                call()
            await self._until(closed, connection)
        finally:
            await _close(connection)

    async def _until(self, closed: asyncio.Event, connection: Session) -> None:
        """Wait until the connection ends. Raises TimeoutError if the server no longer answers on it."""
        while not closed.is_set():
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    await closed.wait()
            except TimeoutError:
                for channel in self._heard:  # A second LISTEN changes nothing, but the server has to answer it.
                    await connection.execute(f'LISTEN "{channel}"', timeout=_ASK_SECONDS)

    def _dispatch(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        self._heard[channel](str(payload))


async def _close(connection: Session) -> None:
    try:
        await connection.close(timeout=2)
    except _BROKEN:
        connection.terminate()

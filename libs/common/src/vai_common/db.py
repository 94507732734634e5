"""Connections to Postgres. Each session sets `vai.role` to its service, which the lifecycle's trigger checks."""

import asyncio
import json
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import asyncpg.pool
import orjson

from vai_common.metrics import pool_waits
from vai_common.queries import OpenPool, Session

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # The server has announced its end, and the connection is not closed yet.
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.ReadOnlySQLTransactionError,  # 25006: a standby, or a primary that is being replaced
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidAuthorizationSpecificationError,  # class 28: its password is being changed
    asyncpg.TransactionRollbackError,  # class 40: one of two had to be undone
    asyncpg.InsufficientResourcesError,  # class 53: the disk, the memory, the connections
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectInUseError,
    asyncpg.OperatorInterventionError,  # class 57: it stops or starts, or the statement took too long
    asyncpg.PostgresSystemError,  # class 58: its files cannot be read or written
)
"""Errors after which the same statement may succeed later: the database is away. The only list of these.

For `except` clauses. `is_away` is more exact, and looks into errors that SQLAlchemy has wrapped.
"""


REFUSES = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
"""Errors of who opens a session with settings that are wrong: user, password, or the name of the database."""


def is_away(error: BaseException | None) -> bool:
    """Whether the same statement may succeed later.

    Not so for asyncpg's errors about a value that it cannot encode, or an address that it cannot read.
    """
    while error is not None:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            return False
        if isinstance(error, AWAY) or _in_sqlalchemy(error):
            return True
        error = error.__cause__
    return False


def _in_sqlalchemy(error: BaseException) -> bool:
    """SQLAlchemy's error for a broken connection or an empty pool (code 3o7r). Not all services import it."""
    return getattr(error, "connection_invalidated", False) or getattr(error, "code", None) == "3o7r"


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def dump_json(value: object) -> str:
    """JSON that Postgres can store: U+0000, which it refuses, becomes U+FFFD."""
    text = orjson.dumps(value).decode()
    return _NUL.sub("\\1\N{REPLACEMENT CHARACTER}", text) if "\\u0000" in text else text


@dataclass(frozen=True)
class Bounds:
    """Time limits of a service's sessions, in seconds; None means no limit.

    `statement`: one statement. `lock`: the wait for a lock on a row or a table. `idle`: a transaction in which nothing
    happens; the database then ends the session, so that a frozen process blocks nobody. `turn`: the wait for a free
    connection of the pool.
    """

    statement: float | None
    lock: float | None
    idle: float | None
    turn: float | None

    @property
    def command(self) -> float | None:
        """How long the client waits for an answer: longer than the server's limit, so only a silent server meets it."""
        return None if self.statement is None else self.statement + 1

    def settings(self) -> dict[str, str]:
        """The same limits as settings of the server."""
        said = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle,
        }
        return {name: f"{int((seconds or 0) * 1000)}ms" for name, seconds in said.items()}


UNBOUND = Bounds(None, None, None, None)
_USUAL = Bounds(statement=30, lock=5, idle=10, turn=30)
_WORKING = Bounds(statement=30, lock=20, idle=15, turn=30)
_BOUNDS = {
    "api-gateway": Bounds(statement=8, lock=2, idle=8, turn=5),  # an HTTP client waits for the answer
    # Longer than any `idle` limit: a frozen process that locks what a run needs costs the run time, but no attempt.
    **dict.fromkeys(("extract-worker", "transform-worker", "agent-worker"), _WORKING),
    # While it waits for a table, every later statement on the table waits behind it. So it gives up and tries again.
    "migrate": Bounds(statement=None, lock=2, idle=None, turn=None),
    "rotate-keys": Bounds(statement=None, lock=30, idle=60, turn=None),
}


def bounds_of(role: str) -> Bounds:
    """The limits of a service's sessions. Services whose work is loops have the default: a loop tries again."""
    return _BOUNDS.get(role, _USUAL)


CONNECT_SECONDS = 5.0
_CANCEL_SECONDS = 1.0
_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
# For the server: it notices within half a minute that a client's machine is gone.
_SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


class _Connection(asyncpg.Connection):
    """A connection that is closed if the server has gone silent.

    asyncpg cancels a statement that takes too long by asking the server. A silent server does not answer that either,
    and asyncpg would wait without end. Then the connection is cut.
    """

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        _keep_alive(transport.get_extra_info("socket"))

    def _cancel_current_command(self, waiter: Any, cancel_waiter: Any = None) -> None:
        super()._cancel_current_command(waiter, cancel_waiter)  # type: ignore[misc]
        asyncio.get_running_loop().call_later(_CANCEL_SECONDS, self._cut_if_silent, cancel_waiter or waiter)

    def _cut_if_silent(self, waiter: Any) -> None:
        if not waiter.done():
            self.terminate()


def _keep_alive(sock: Any) -> None:
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not every operating system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Pool(asyncpg.pool.Pool):
    """A pool that limits the wait for a free connection."""

    turn: float | None = None
    _queue: Any

    def acquire(self, *, timeout: float | None = None) -> Any:
        return super().acquire(timeout=self.turn if timeout is None else timeout)

    async def _acquire(self, timeout: float | None) -> Any:
        """With a time limit asyncpg makes a task, which costs two more rounds of the loop. So first try without."""
        free = not self._queue.empty()
        if not free:
            pool_waits.inc()
        return await super()._acquire(None if free else timeout)  # type: ignore[misc]


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def load_json(text: str | bytes) -> Any:
    """Decode JSON from Postgres. Never raises, so that one odd value does not make the whole answer fail.

    Postgres stores numbers too large for a double, and any depth. Such numbers become infinite (every model refuses
    these), and a value that is nested too deeply becomes an object that says so.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_int=_whole)
        except (ValueError, RecursionError):
            return {"unreadable": "this JSON is nested too deeply, or damaged"}


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=dump_json, decoder=load_json, schema="pg_catalog")


async def _keep(connection: asyncpg.Connection) -> None:
    """Replaces asyncpg's reset, a round trip at each release: our code leaves no settings, cursors or locks behind."""


def _session(role: str, bounds: Bounds, name: str) -> dict[str, str]:
    told = {"vai.role": role, "application_name": name or role, "TimeZone": "UTC", "jit": "off"}
    return {**told, **bounds.settings(), **_SERVER_KEEPALIVE}


_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


async def open_pool(url: str, role: str, size: int = 4, bounds: Bounds | None = None, name: str = "") -> OpenPool:
    """A pool whose sessions act as `role`. It opens its first connection at once, the others when needed.

    Our statements are few and fixed, so each is planned once: planning again would cost as much as running it. A plan
    may be made while a table is empty, so sequential scans are switched off where an index can answer. A caller that
    waits longer than the role's `bounds` gets an error of `AWAY`. `name` is the sessions' application_name.
    """
    bounds = bounds or bounds_of(role)
    pool = _Pool(
        url,
        connection_class=_Connection,
        record_class=asyncpg.Record,
        min_size=1,
        max_size=size,
        max_queries=50_000,
        loop=None,
        setup=None,
        init=_prepare,
        reset=_keep,
        server_settings={**_session(role, bounds, name), **_PLANNED_ONCE},
        max_inactive_connection_lifetime=0,
        command_timeout=bounds.command,
        timeout=CONNECT_SECONDS,
    )
    pool.turn = bounds.turn
    return await pool


async def connect(url: str, role: str, bounds: Bounds | None = None, name: str = "") -> Session:
    """A single connection outside of the pool: for LISTEN, and for locks that last as long as the session."""
    bounds = bounds or bounds_of(role)
    connection = await asyncpg.connect(
        url,
        connection_class=_Connection,
        server_settings=_session(role, bounds, name),
        command_timeout=bounds.command,
        timeout=CONNECT_SECONDS,
    )
    await _prepare(connection)
    return connection


def engine(url: str, role: str, size: int = 4, bounds: Bounds | None = None, name: str = "") -> "AsyncEngine":
    """A SQLAlchemy engine for the same database, for lists and filters (rule 17).

    It tests a connection before use (`pool_pre_ping`), so that a restart of Postgres makes no request fail.
    """
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import create_async_engine

    bounds = bounds or bounds_of(role)
    return create_async_engine(
        URL.create("postgresql+asyncpg"),
        pool_size=size,
        max_overflow=0,
        pool_timeout=bounds.turn or 30,
        pool_pre_ping=True,
        connect_args={
            "dsn": url,  # read by asyncpg, as the pools' is: `sslmode` and several hosts mean the same
            "server_settings": _session(role, bounds, name),
            "connection_class": _Connection,
            "command_timeout": bounds.command,
            "timeout": CONNECT_SECONDS,
        },
        hide_parameters=True,  # values of rows, hashes of passwords among them, are no part of a message
        json_serializer=dump_json,
        json_deserializer=load_json,
    )

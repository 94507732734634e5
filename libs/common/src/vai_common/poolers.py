"""Checks at the start whether a pooler between a service and Postgres breaks what the service needs.

In transaction mode each transaction may run in another session. Our services need a role for the lifecycle's trigger,
prepared statements, and on the direct connection LISTEN and a lock that lasts as long as the process.
"""

from contextlib import suppress

import asyncpg

from vai_common.db import connect
from vai_common.queries import Connection, Pool, Queries

_WHERE = "see docs/running.md, The database's sessions"
_LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_NOBODY = "doctor"
_LOOKS = 3
"""How often two sessions are compared: for a moment, another client may use the session that one has left."""


class PoolerLoses(ValueError):
    """The pooler breaks something that is needed; the message says what, and what to set."""


def told_of(error: BaseException) -> PoolerLoses | None:
    """The message for an error that a pooler has caused; None for any other error."""
    if isinstance(error, _LOST):
        return PoolerLoses(
            "the pooler at VAI_DATABASE_URL loses prepared statements: PgBouncer in transaction mode has to be 1.21 or "
            f"later, with max_prepared_statements above 0 ({_WHERE})"
        )
    if isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error):
        return PoolerLoses(
            f"the pooler before the database answers {str(error)!r}: name it in its ignore_startup_parameters, and "
            f"set it in connect_query ({_WHERE})"
        )
    return None


async def check(pool: Pool, url: str, direct_url: str, role: str | None) -> bool:
    """Raises `PoolerLoses`, or an error that `told_of` explains, if a pooler breaks what a service needs.

    Return whether there is a pooler at `url`. Without one it costs one query, and one more connection if the direct
    connection has its own address. `role` None: that of any service.
    """
    async with pool.acquire() as one:
        pooled = await _is_pooled(one)
        if pooled:
            await _check_session(one, role, "VAI_DATABASE_URL")
            await _check_statements(one, url, role)
    if pooled or direct_url != url:
        await _check_direct(direct_url, role, "VAI_DATABASE_URL" if direct_url == url else "VAI_DATABASE_DIRECT_URL")
    return pooled


async def _backend(conn: Queries) -> int:
    pid: int = await conn.fetchval("SELECT pg_backend_pid()")
    return pid


async def _is_pooled(conn: Connection) -> bool:
    """Another session answers than the one whose id the server sent at the start of the connection."""
    announced: int = conn.get_server_pid()
    return await _backend(conn) != announced


async def _check_session(conn: Queries, role: str | None, setting: str) -> None:
    found = await conn.fetchval("SELECT current_setting('vai.role', true)")
    if found != role and (role is not None or not found):
        wanted = "a service" if role is None else repr(role)
        raise PoolerLoses(
            f"behind the pooler at {setting} vai.role is {found or ''!r}, not {wanted}: give each service a "
            f"database of its own there, whose connect_query sets it ({_WHERE})"
        )


async def _check_statements(one: Connection, url: str, role: str | None) -> None:
    """Whether a prepared statement works while another transaction uses the session in which it was prepared."""
    other = await connect(url, role or _NOBODY)
    try:
        statement = await one.prepare("SELECT 1")
        await statement.fetchval()  # its end frees the session
        async with other.transaction():
            await other.fetchval("SELECT 1")
            with suppress(TimeoutError):  # the pooler has only one session: nothing can be lost
                await statement.fetchval(timeout=2)
    finally:
        other.terminate()


async def _check_direct(url: str, role: str | None, setting: str) -> None:
    one = await connect(url, role or _NOBODY)
    try:
        if not await _is_pooled(one):
            return
        if await _keep_their_sessions(one, url, role):
            await _check_session(one, role, setting)
            return
    except _LOST:
        pass
    finally:
        one.terminate()
    raise PoolerLoses(
        f"{setting} leads to a pooler in transaction mode, which loses LISTEN and the lock by which a process shows "
        f"that it lives: set VAI_DATABASE_DIRECT_URL to the database itself ({_WHERE})"
    )


async def _keep_their_sessions(one: Connection, url: str, role: str | None) -> bool:
    """Whether two connections have two sessions, as in a pooler's session mode."""
    other = await connect(url, role or _NOBODY)
    try:
        mine, others = set(), set()
        for _ in range(_LOOKS):
            mine.add(await _backend(one))
            others.add(await _backend(other))
    finally:
        other.terminate()
    return len(mine) == len(others) == 1 and not mine & others

"""asyncpg for a tenant's database: to permitted addresses only. Where no client is used, a plain TCP connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from vai_common.egress.addresses import Policy, resolve
from vai_common.egress.tls_by_name import NamedContext, contexts

T = TypeVar("T")


async def connect(
    policy: Policy,
    host: str,
    port: int,
    user: str,
    password: str,
    database: str,
    sslmode: str = "prefer",
    ca_certificate: str | None = None,
) -> "asyncpg.Connection[Any]":
    """A connection to PostgreSQL at a checked address; TLS as libpq's `sslmode` says, by the name of the host.

    Raises `EgressRefused`, `UnknownHost`, OSError and asyncpg's errors. The caller sets the time limit.
    """
    ways = contexts(host, sslmode, ca_certificate)

    async def at(address: str) -> "asyncpg.Connection[Any]":
        for tls in ways[:-1]:
            try:
                return await _connected(address, port, user, password, database, tls)
            except ConnectionError as error:
                if "rejected SSL" not in str(error):
                    raise
        return await _connected(address, port, user, password, database, ways[-1])

    return await _first(policy, host, port, at)


async def sign_in(
    policy: Policy,
    host: str,
    port: int,
    user: str,
    password: str,
    database: str,
    sslmode: str = "prefer",
    ca_certificate: str | None = None,
) -> None:
    """Sign in and ask one question; raises as `connect` does."""
    conn = await connect(policy, host, port, user, password, database, sslmode, ca_certificate)
    try:
        await conn.fetchval("SELECT 1")
    finally:
        conn.terminate()


async def reach(policy: Policy, host: str, port: int) -> None:
    """Connect and close. Raises `EgressRefused`, `UnknownHost` and OSError. The caller sets the time limit."""

    async def at(address: str) -> None:
        _, writer = await asyncio.open_connection(address, port)
        writer.close()

    await _first(policy, host, port, at)


async def _first(policy: Policy, host: str, port: int, at: Callable[[str], Awaitable[T]]) -> T:
    """The result of the first address that accepts a connection. All addresses are checked before."""
    addresses = await asyncio.to_thread(resolve, host, port, policy)
    for address in addresses[:-1]:
        try:
            return await at(address)
        except OSError:
            continue
    return await at(addresses[-1])


async def _connected(
    address: str, port: int, user: str, password: str, database: str, tls: NamedContext | None
) -> "asyncpg.Connection[Any]":
    """All parameters are given, so that asyncpg takes none from this process's own environment."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(
        host=address,
        port=port,
        user=user,
        password=password,
        database=database,
        ssl=tls or False,
        passfile="/dev/null",
        statement_cache_size=0,
        server_settings={},
    )
    return conn

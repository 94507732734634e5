"""asyncpg for a tenant's database: to permitted addresses only. Where no client is used, a plain TCP connection."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from vai_common.egress.addresses import Policy, resolve

T = TypeVar("T")


async def sign_in(policy: Policy, host: str, port: int, user: str, password: str, database: str) -> None:
    """Sign in to PostgreSQL and ask one question: over TLS, and without where the server has none.

    Raises `EgressRefused`, `UnknownHost`, OSError and asyncpg's errors. The caller sets the time limit.
    """

    async def at(address: str) -> None:
        named = _Named(ssl.PROTOCOL_TLS_CLIENT)
        named.check_hostname, named.verify_mode, named.name = False, ssl.CERT_NONE, host
        try:
            await _signed_in(address, port, user, password, database, named)
        except ConnectionError as error:
            if "rejected SSL" not in str(error):
                raise
            await _signed_in(address, port, user, password, database, False)

    await _first(policy, host, port, at)


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


class _Named(ssl.SSLContext):
    """TLS to an address that names the server (SNI), because some proxies choose the database by that name.

    As with libpq's `prefer`, the certificate is not checked: no data is sent to the server.
    """

    name: str

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **{**kwargs, "server_hostname": self.name})


async def _signed_in(
    address: str, port: int, user: str, password: str, database: str, tls: ssl.SSLContext | bool
) -> None:
    """All parameters are given, so that asyncpg takes none from this process's own environment."""
    conn = await asyncpg.connect(
        host=address,
        port=port,
        user=user,
        password=password,
        database=database,
        ssl=tls,
        passfile="/dev/null",
        statement_cache_size=0,
    )
    try:
        await conn.fetchval("SELECT 1")
    finally:
        conn.terminate()

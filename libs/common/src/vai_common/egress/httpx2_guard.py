"""httpx2 for a tenant's work: to permitted addresses only, also along redirects."""

import asyncio
import functools
import ssl
from collections.abc import Iterable

import httpcore2
import httpx2

from vai_common.egress.addresses import EgressRefused, Policy, resolve

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 20.0


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for httpcore2, to checked addresses only."""

    def __init__(self, policy: Policy, inner: httpcore2.AsyncNetworkBackend | None = None) -> None:
        self._policy = policy
        self._inner = inner or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check, connect; `timeout` (seconds) is for all of it.

        Each address gets a share of the time that is left, so that a silent one does not use up the time of the others.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (CONNECT_TIMEOUT if timeout is None else timeout)
        addresses = await self._resolve(host, port, deadline)
        for left in range(len(addresses), 1, -1):
            share = max(deadline - loop.time(), 0) / left
            try:
                return await self._inner.connect_tcp(addresses[-left], port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        rest = max(deadline - loop.time(), 0)
        return await self._inner.connect_tcp(addresses[-1], port, rest, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Always refused: a local socket is not a public address."""
        raise EgressRefused(path, "a local socket")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _resolve(self, host: str, port: int, deadline: float) -> list[str]:
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.to_thread(resolve, host, port, self._policy)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the resolver did not answer for {host}") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"the resolver failed for {host}: {error}") from error


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, policy: Policy) -> None:
        super().__init__(verify=_tls())
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(), network_backend=GuardedBackend(policy), max_keepalive_connections=4
        )


def guarded_client(
    policy: Policy, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT
) -> httpx2.AsyncClient:
    """A client that reaches permitted addresses only, also after redirects, and uses no proxy. Times in seconds.

    Raises, besides httpx2's own errors, `EgressRefused` and `UnknownHost`. It keeps cookies: one client per run.
    """
    timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
    return httpx2.AsyncClient(transport=_GuardedTransport(policy), timeout=timeout, trust_env=False)


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()

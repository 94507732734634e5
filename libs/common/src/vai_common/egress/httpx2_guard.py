"""httpx2 for a tenant's work: to permitted addresses only, also along redirects."""

import asyncio
import dataclasses
import functools
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

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


@dataclass(frozen=True)
class _Connections:
    """Of one client: how many at once, and how many stay open unused for how many seconds (None: while it is open)."""

    max_connections: int | None
    max_keepalive_connections: int
    keepalive_expiry: float | None


_OWN = _Connections(10, 4, None)
_SHARED = _Connections(None, 16, 30.0)


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, policy: Policy, *, is_shared: bool = False) -> None:
        super().__init__(verify=_tls())
        most = _SHARED if is_shared else _OWN
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(), network_backend=GuardedBackend(policy), **dataclasses.asdict(most)
        )


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's bytes; raises `httpx2.ReadError` behind the most that it may have."""

    def __init__(self, inner: httpx2.AsyncByteStream, most: int) -> None:
        self._inner, self._most = inner, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for piece in self._inner:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError(f"the answer has more than {self._most:,} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedTransport(httpx2.AsyncBaseTransport):
    """For libraries that read answers as a whole: none is larger, and none is packed, so that none grows unpacked."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, most: int) -> None:
        self._inner, self._most = inner, most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        if packed not in ("", "identity"):
            await response.aclose()
            raise httpx2.DecodingError(f"the answer is packed ({packed[:50]}), which was not asked for")
        response.stream = _BoundedStream(response.stream, self._most)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def guarded_client(
    policy: Policy,
    connect_timeout: float = CONNECT_TIMEOUT,
    read_timeout: float = READ_TIMEOUT,
    most_bytes: int | None = None,
    is_shared: bool = False,
) -> httpx2.AsyncClient:
    """A client that reaches permitted addresses only, also after redirects, and uses no proxy. Times in seconds.

    Give `most_bytes` of an answer where a library reads it: then it asks for answers that are not packed. Raises,
    besides httpx2's own errors, `EgressRefused` and `UnknownHost`. It keeps cookies: one client per run.
    One that runs share (`is_shared`) takes no cookies, opens as many connections as are needed, and closes idle ones.
    """
    timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
    guarded = _GuardedTransport(policy, is_shared=is_shared)
    transport = guarded if most_bytes is None else _BoundedTransport(guarded, most_bytes)
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[])) if is_shared else None
    return httpx2.AsyncClient(transport=transport, timeout=timeout, cookies=cookies, trust_env=False)


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()

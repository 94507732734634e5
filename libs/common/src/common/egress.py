"""Where a tenant's work may connect to: public addresses, unless its organisation allows private ones (decision 25).

A name is resolved once, refused if any of its addresses is not public, and the connection goes to a checked address,
so that neither a second answer of the resolver nor a redirect leads elsewhere.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpcore2
import httpx2

from common.errors import ErrorCode, Permanent

Address = IPv4Address | IPv6Address
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 20.0

_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")
# They answer with the credentials of the machine, which are the platform's: no organisation can be allowed them.
_METADATA = frozenset(
    ip_address(address)
    for address in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)


class EgressRefused(Permanent):
    """The host has an address that the organisation may not connect to; nothing was sent."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            ErrorCode.CONNECTION_ERROR,
            f"The address of {host} is refused: {address} is not public. Use a public host, or have an administrator "
            "set allow_private_addresses for the organisation (never possible for metadata services).",
            {"host": host, "address": address},
        )
        self.args = (host, address)


class UnknownHost(Permanent):
    """No such name."""

    def __init__(self, host: str) -> None:
        super().__init__(ErrorCode.CONNECTION_ERROR, f"The host {host} is unknown: check its spelling.", {"host": host})
        self.args = (host,)


def is_public(address: str | Address) -> bool:
    """Whether an address is one of the public internet, seen through IPv4-mapped, NAT64 and 6to4 forms."""
    plain = _unwrapped(ip_address(address))
    if plain in _METADATA:
        return False
    if isinstance(plain, IPv4Address):
        return not any(plain in network for network in _REFUSED_V4)
    return plain.scope_id is None and plain in _GLOBAL_V6 and not any(plain in network for network in _REFUSED_V6)


def resolve_public(host: str, port: int, allow_private: bool) -> list[str]:
    """The addresses of a host, each checked; connect to one of these, never to the name.

    Raises `EgressRefused` if any address may not be used, `UnknownHost`, or `OSError` when the resolver fails.
    """
    if not 0 < port <= 65_535:
        raise UnknownHost(f"{host}:{port}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise _unresolved(host, error) from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    for address in addresses:
        if not _permitted(address, allow_private):
            raise EgressRefused(host, address)
    return addresses


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for httpcore2, to checked addresses only."""

    def __init__(self, allow_private: bool, inner: httpcore2.AsyncNetworkBackend | None = None) -> None:
        self._allow_private = allow_private
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

        A later address gets what the earlier ones left, so that one that is silent doesn't hide one that answers.
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
        """Never: a socket of this machine is nobody's public address."""
        raise EgressRefused(path, "a local socket")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _resolve(self, host: str, port: int, deadline: float) -> list[str]:
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.to_thread(resolve_public, host, port, self._allow_private)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the resolver did not answer for {host}") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"the resolver failed for {host}: {error}") from error


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, allow_private: bool) -> None:
        super().__init__(verify=_tls())
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(), network_backend=GuardedBackend(allow_private), max_keepalive_connections=4
        )


def guarded_client(
    allow_private: bool, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT
) -> httpx2.AsyncClient:
    """A client that reaches permitted addresses only, also along redirects, and knows no proxy; times in seconds.

    Raises, besides httpx2's own errors, `EgressRefused` and `UnknownHost`. It keeps cookies: one client per run.
    """
    timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
    return httpx2.AsyncClient(transport=_GuardedTransport(allow_private), timeout=timeout, trust_env=False)


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _permitted(address: str, allow_private: bool) -> bool:
    if is_public(address):
        return True
    return allow_private and _unwrapped(ip_address(address)) not in _METADATA


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _unresolved(host: str, error: Exception) -> Exception:
    transient = isinstance(error, socket.gaierror) and error.errno in (socket.EAI_AGAIN, socket.EAI_SYSTEM)
    return OSError(f"the resolver failed for {host}: {error}") if transient else UnknownHost(host)

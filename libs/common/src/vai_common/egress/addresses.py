"""Which addresses a tenant's work may connect to: public ones, and what the installation's settings add (rule 25).

All code that connects for a tenant takes its addresses from `resolve`. The name is looked up once and refused if any of
its addresses is not permitted. The connection goes to an address that was checked, also after a redirect.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from vai_common.errors import ErrorCode, Permanent

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

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
# Metadata services hand out the credentials of the machine, which are the platform's. Their addresses are link-local.
# 0.0.0.0 and :: mean this machine. No setting allows any of these.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::/10",
        "0.0.0.0/8",
        "::/128",
        "224.0.0.0/4",
        "255.255.255.255",
        "ff00::/8",
    )
)
_WORDS = {
    "loopback": ("127.0.0.0/8", "::1"),
    "private": ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}


@dataclass(frozen=True)
class Policy:
    """Which addresses may be connected to: the public ones, and `allowed`."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, setting: str) -> "Policy":
        """Parse `loopback`, `private` and networks (`10.1.0.0/16`), separated by commas. Raises ValueError."""
        parts = [part.strip() for part in setting.split(",") if part.strip()]
        return cls(tuple(_network(network) for part in parts for network in _WORDS.get(part, (part,))))

    def __str__(self) -> str:
        """The same as text that `parse` reads."""
        return ",".join(str(network) for network in self.allowed)

    def permits(self, address: str | Address) -> bool:
        """Whether an address may be connected to, seen through IPv4-mapped, NAT64 and 6to4 forms."""
        if is_public(address):
            return True
        plain = _unwrapped(ip_address(address))
        return not _is_in(plain, _NEVER) and _is_in(plain, self.allowed)


PUBLIC = Policy()
"""Public addresses alone."""


class EgressRefused(Permanent):
    """The host has an address that may not be connected to; nothing was sent."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            ErrorCode.CONNECTION_ERROR,
            f"The address of {host} is refused: {address} is not public. Use a public host; which private addresses "
            "are allowed is a setting of the installation (VAI_ALLOW_PRIVATE_ADDRESSES; never metadata services).",
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
    if _is_in(plain, _NEVER):
        return False
    if isinstance(plain, IPv4Address):
        return not any(plain in network for network in _REFUSED_V4)
    return plain.scope_id is None and plain in _GLOBAL_V6 and not any(plain in network for network in _REFUSED_V6)


def resolve(host: str, port: int, policy: Policy) -> list[str]:
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
        if not policy.permits(address):
            raise EgressRefused(host, address)
    return addresses


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither loopback, private nor a network: {error}") from error


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


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

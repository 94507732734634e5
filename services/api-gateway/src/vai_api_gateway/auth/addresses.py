"""Where a request comes from."""

from ipaddress import IPv6Address, ip_address

from fastapi import Request

from vai_api_gateway.auth.principal import forwarded


def address_of(request: Request, proxies: int) -> str:
    """The address of the client; for IPv6 its /64, which belongs to one household or machine.

    Of X-Forwarded-For only the part that our own proxies added counts: a client can write anything into the rest.
    """
    given = whole_address_of(request, proxies)
    try:
        address = ip_address(given)
    except ValueError:
        return given
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


def whole_address_of(request: Request, proxies: int) -> str:
    """The client's address as it stands, at most 64 characters of it."""
    given = request.client.host if request.client else ""
    return (forwarded(request, "x-forwarded-for", proxies) or given)[:64]

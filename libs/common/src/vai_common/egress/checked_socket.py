"""A socket for a client library that takes one: connected to a checked address, before the library knows of it."""

import asyncio
import socket

from vai_common.egress.addresses import Policy, resolve


async def checked_socket(policy: Policy, host: str, port: int, seconds: float) -> socket.socket:
    """Connected to the first address that accepts; all are checked before. `seconds` for each try.

    Raises `EgressRefused`, `UnknownHost`, OSError.
    """
    addresses = await asyncio.to_thread(resolve, host, port, policy)
    for address in addresses[:-1]:
        try:
            return await _connected(address, port, seconds / len(addresses))
        except OSError:
            continue
    return await _connected(addresses[-1], port, seconds)


async def _connected(address: str, port: int, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock

"""aiosmtplib for a tenant's mail: to permitted addresses only. It gets a socket, and resolves nothing itself."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import aiosmtplib

from vai_common.egress.addresses import Policy, resolve

Security = Literal["tls", "starttls", "none"]
"""`tls`: from the first byte. `starttls`: before anything is said of the mail; without it nothing is sent."""


@asynccontextmanager
async def guarded_smtp(
    policy: Policy, host: str, port: int, security: Security, own_name: str, seconds: float
) -> AsyncIterator[aiosmtplib.SMTP]:
    """A client that has greeted the server; certificates are checked by the host's name. `seconds` for each step.

    Raises `EgressRefused`, `UnknownHost`, OSError and aiosmtplib's errors.
    """
    tls = ssl.create_default_context()
    client = aiosmtplib.SMTP(
        hostname=host,
        sock=await _socket(policy, host, port, seconds),
        use_tls=security == "tls",
        start_tls=False,
        tls_context=tls,
        timeout=seconds,
        local_hostname=own_name,
    )
    try:
        await client.connect()
        if security == "starttls":
            await client.starttls(server_hostname=host, tls_context=tls)
        yield client
        await client.quit()
    finally:
        client.close()


async def _socket(policy: Policy, host: str, port: int, seconds: float) -> socket.socket:
    """Connected to the first address that accepts; all are checked before."""
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

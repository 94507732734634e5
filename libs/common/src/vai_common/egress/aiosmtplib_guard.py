"""aiosmtplib for a tenant's mail: to permitted addresses only. It gets a socket, and resolves nothing itself."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import aiosmtplib

from vai_common.egress.addresses import Policy
from vai_common.egress.checked_socket import checked_socket

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
        sock=await checked_socket(policy, host, port, seconds),
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

"""Tests a connection to an SFTP server: which key it shows, and whether it takes the account."""

from collections.abc import Mapping
from typing import Any

from vai_common.egress.addresses import Policy
from vai_common.egress.asyncssh_guard import connect
from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.config import BadConfig
from vai_records.connections.credentials import Unusable
from vai_records.connections.sftp import SftpServer


async def look(
    config: Mapping[str, Any], credentials: Mapping[str, Any], policy: Policy, seconds: float
) -> tuple[str, bool]:
    """How it answered, and that the account was accepted. Raises `RunError` if it does not work.

    Without credentials nobody signs in: a server whose key is known is asked for that alone.
    """
    try:
        server = SftpServer.of(config, credentials)
    except (BadConfig, Unusable) as error:
        raise Permanent(ErrorCode.AUTH_ERROR, f"the connection cannot be used for SFTP: {error}") from error
    try:
        opened = await connect(policy, server, seconds)
    except Permanent as error:
        if server.user is None and error.code is ErrorCode.AUTH_ERROR:
            return f"{server.place} shows the key that is known; give credentials to sign in", False
        raise
    opened.abort()
    return f"{server.host} accepted the user {server.user}", True

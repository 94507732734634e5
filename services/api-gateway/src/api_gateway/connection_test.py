"""Does a connection work? One cheap request to its address, with its credentials."""

from collections.abc import Mapping
from typing import Any

import httpx2

from api_gateway.problems import invalid
from common.egress import guarded_client
from common.errors import ErrorCode, Permanent, Retryable
from records.connections import Connection
from records.credentials import HttpCredentials, http_credentials

_SECONDS = 10.0


async def check(connection: Connection, credentials: Mapping[str, Any], allow_private: bool) -> str:
    """Say how the connection's address answered. Raises `RunError` where it does not work, `Problem` 422 without one.

    The address is `config.base_url`, with `config.test_path` behind it where there is one.
    """
    url = _address(connection)
    shown = _credentials(connection, credentials)
    try:
        async with guarded_client(allow_private, _SECONDS, _SECONDS) as client:
            answer = await client.get(url, headers=shown.headers, params=shown.query or None, follow_redirects=False)
    except httpx2.TransportError as error:
        message = f"{url.host} does not answer ({type(error).__name__}); check the address, or try again later"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, {"host": url.host}) from error
    _judge(url.host, answer.status_code)
    return f"{url.host} answered {answer.status_code}"


def _address(connection: Connection) -> httpx2.URL:
    config = connection.config
    base = config.get("base_url") or config.get("url")
    if not isinstance(base, str) or not base.startswith(("http://", "https://")):
        message = "config.base_url is no http(s) address, so there is nothing to ask; a run will show whether it works"
        raise invalid(("path", "connection_id"), message, "untestable")
    try:
        return httpx2.URL(base.rstrip("/") + "/" + str(config.get("test_path") or "").lstrip("/"))
    except httpx2.InvalidURL as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"config.base_url is no address: {error}") from error


def _credentials(connection: Connection, known: Mapping[str, Any]) -> HttpCredentials:
    try:
        return http_credentials(known)
    except ValueError as error:
        message = f"the credentials of {connection.slug} cannot be used for HTTP: {error}"
        raise Permanent(ErrorCode.AUTH_ERROR, message) from error


def _judge(host: str, status: int) -> None:
    details = {"host": host, "statusCode": status}
    if status in (401, 403):
        message = f"{host} refuses the credentials ({status}); correct them"
        raise Permanent(ErrorCode.AUTH_ERROR, message, details)
    if status >= 500:
        message = f"{host} is in trouble ({status}); try again later"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, details)

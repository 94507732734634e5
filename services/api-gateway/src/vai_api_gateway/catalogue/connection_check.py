"""Tests a connection: one cheap request to its address, with its credentials if the gateway can use them.

What only a worker can find out (a bucket's keys, a folder on its machine) is reported as not checked.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from vai_api_gateway.catalogue import database_check as databases
from vai_api_gateway.catalogue import sftp_check as sftp
from vai_api_gateway.models.api import ModelApi
from vai_common.egress.addresses import Policy
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.connections.connections import Connection
from vai_records.connections.credentials import HttpCredentials, Unusable, base_url, http_credentials, split_address
from vai_records.connections.databases import database_of
from vai_records.connections.providers import MCP
from vai_records.connections.sftp import SFTP
from vai_records.definitions.source_types import source_types
from vai_records.models.providers import PROVIDERS
from vai_records.refused import Refused, refused
from vai_worker.mcp.server import McpServer

_SECONDS = 10.0
_SHOWN_TOOLS = 50
_HTTP = ("http", "https")


@dataclass(frozen=True)
class Finding:
    """The outcome in words. `credentials`: whether the server has checked and accepted them."""

    message: str
    credentials: bool = False

    @property
    def checked(self) -> list[str]:
        return ["address", "credentials"] if self.credentials else ["address"]


async def check(
    connection: Connection, credentials: Mapping[str, Any], policy: Policy, default_model: str | None = None
) -> Finding:
    """Ask the connection's address; a provider of models for one token (`default_model` is the organisation's).

    The address is `config.base_url` (or `url`) with `config.test_path` behind it, a database's `url` or `host`, or a
    file store's `endpoint_url`. Raises `RunError` where it does not work, `Problem` 422 where there is none to ask.
    """
    config = connection.config
    if (provider := PROVIDERS.get(connection.provider)) is not None:
        at = ModelApi(provider, config, credentials, policy)
        return Finding(*await at.try_out(_test_model(connection, default_model)))
    if connection.provider == MCP:
        return await _ask_mcp(McpServer.of(connection.slug, config, credentials, policy))
    if connection.provider == SFTP:
        return Finding(*await sftp.look(config, credentials, policy, _SECONDS))
    if base_url(config) is not None:
        return await _ask(connection, credentials, policy)
    address = split_address(config.get("base_url") or config.get("url"))
    if (database := database_of(connection.provider, config, credentials, address)) is not None:
        return Finding(*await databases.look(database, policy, _SECONDS))
    endpoint = split_address(config.get("endpoint_url"))
    if endpoint is not None and endpoint.scheme in _HTTP:
        return await _reach_store(endpoint.geturl(), policy)
    raise _untestable(connection)


async def _ask_mcp(server: McpServer) -> Finding:
    tools, faults = await server.tools(_SECONDS)
    names = ", ".join(tool.name for tool in tools[:_SHOWN_TOOLS]) + (", …" if len(tools) > _SHOWN_TOOLS else "")
    message = f"{server.host} speaks MCP and has {len(tools)} tool{'s' * (len(tools) != 1)}{names and f': {names}'}"
    if faults:
        name, why = next(iter(faults.items()))
        message += f"; {len(faults)} cannot be used, such as {name}: {why}"
    return Finding(message[:2_000], credentials=bool(server.shown))


async def _ask(connection: Connection, credentials: Mapping[str, Any], policy: Policy) -> Finding:
    url, shown = _url(connection.config), _credentials(connection, credentials)
    status = await _status(url, policy, shown)
    _judge(url.host, status)
    if status >= 300 and _is_vendors_path(connection):
        raise _not_there(connection, url.host, status)
    message = f"{url.host} answered {status}"
    if not credentials:
        return Finding(message)
    if status < 300:
        return Finding(f"{message} and took the credentials", credentials=True)
    return Finding(f"{message}: set config.test_path to a path that needs the credentials, to have them checked, too")


def _test_model(connection: Connection, default: str | None) -> str | None:
    """The provider's name of the model that is asked."""
    slug, _, name = (default or "").partition("/")
    listed = connection.config.get("models") or [None]
    found = connection.config.get("test_model") or (name if slug == connection.slug else None) or listed[0]
    return None if found is None else str(found)


async def _reach_store(endpoint: str, policy: Policy) -> Finding:
    try:
        url = httpx2.URL(endpoint)
    except httpx2.InvalidURL as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"config.endpoint_url must be http(s)://host: {error}") from error
    status = await _status(url, policy, HttpCredentials())
    if status >= 500:
        _judge(url.host, status)
    message = f"{url.host} answers; whether the keys open a bucket is checked by a run, which names the bucket"
    return Finding(message)


async def _status(url: httpx2.URL, policy: Policy, shown: HttpCredentials) -> int:
    try:
        async with (
            asyncio.timeout(_SECONDS),
            guarded_client(policy, _SECONDS, _SECONDS) as client,
            client.stream("GET", url, headers=shown.headers, params=shown.query or None) as answer,
        ):
            return answer.status_code
    except (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
        message = f"{url.host} cannot be asked: {error}; correct the connection"
        raise Permanent(ErrorCode.DATA_ERROR, message, {"host": url.host}) from error
    except (httpx2.TransportError, TimeoutError) as error:
        message = f"{url.host} does not answer ({type(error).__name__}); check the address, or try again later"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, {"host": url.host}) from error


def _untestable(connection: Connection) -> Refused:
    """The reason, and what to do instead."""
    config = connection.config
    loc = ("path", "connection_id")
    if connection.provider in ("filesystem", "s3") or {"bucket", "region", "path", "endpoint_url"} & config.keys():
        message = (
            "a file store without an http(s) config.endpoint_url cannot be tried from here: folders are the "
            "extract-worker's, and a bucket is named by the run; a run will show whether it works"
        )
        return refused(loc, message, "untestable")
    message = "there is no address to ask: set config.base_url (http or https), or a database's config.url or host"
    return refused(loc, message, "untestable")


def _url(config: Mapping[str, Any]) -> httpx2.URL:
    base = str(base_url(config))
    try:
        return httpx2.URL(base.rstrip("/") + "/" + str(config.get("test_path") or "").lstrip("/"))
    except httpx2.InvalidURL as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"config.base_url must be http(s)://host: {error}") from error


def _credentials(connection: Connection, known: Mapping[str, Any]) -> HttpCredentials:
    try:
        return http_credentials(known, connection.config)
    except Unusable as error:
        message = f"the credentials of {connection.slug} cannot be used for HTTP: {error}"
        raise Permanent(ErrorCode.AUTH_ERROR, message) from error


def _is_vendors_path(connection: Connection) -> bool:
    """Whether the path is the one that the provider's source fills in: good credentials open it, any refusal tells."""
    source, path = source_types().get(connection.provider), connection.config.get("test_path")
    return source is not None and path is not None and path == source.test_path


def _not_there(connection: Connection, host: str, status: int) -> Permanent:
    """A vendor's own test path that is not opened, for another reason than the credentials."""
    text = f"{host} answered {status}: {connection.provider} has nothing at this address for these credentials; "
    text += "check the config (shop, base_url, api_version), and whether the account is open"
    return Permanent(ErrorCode.CONNECTION_ERROR, text, {"host": host, "statusCode": status})


def _judge(host: str, status: int) -> None:
    details = {"host": host, "statusCode": status}
    if status in (401, 403):
        message = f"{host} refuses the credentials ({status}); correct them"
        raise Permanent(ErrorCode.AUTH_ERROR, message, details)
    if status >= 500:
        message = f"{host} answered {status}, a failure of its own; try again later"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, details)

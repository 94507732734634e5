"""urllib3 (and so requests) for a tenant's work: to permitted addresses only, also along redirects."""

import socket
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from vai_common.egress.addresses import Policy, resolve


def guarded_pools(policy: Policy, connections: int, maxsize: int, **kwargs: Any) -> PoolManager:
    """A manager of pools that connect to permitted addresses only.

    Its requests raise, besides urllib3's own errors, `EgressRefused` and `UnknownHost`.
    """
    manager = PoolManager(num_pools=connections, maxsize=maxsize, **kwargs)
    manager.pool_classes_by_scheme = _pools(policy)  # type: ignore[assignment]
    return manager


def _connect(connection: HTTPConnection, policy: Policy) -> socket.socket:
    """Resolve, check, connect to a checked address: no second resolution can lead elsewhere."""
    timeout: Any = connection.timeout
    port = connection.port or 0
    failure: Exception | None = None
    try:
        for address in resolve(connection.host, port, policy):
            try:
                return create_connection((address, port), timeout, socket_options=connection.socket_options)
            except OSError as error:
                failure = error
    except OSError as error:
        failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"no connection in {timeout} s") from failure
    raise NewConnectionError(connection, f"no connection: {failure}") from failure


def _pools(policy: Policy) -> dict[str, Callable[..., HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, policy)

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, policy)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}

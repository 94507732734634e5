"""The credentials that a connection adds to a request, and the only host that gets them (decision 35)."""

import httpx2

from vai_common.errors import ErrorCode, Permanent
from vai_records.connections import credentials
from vai_records.connections.credentials import HttpCredentials, Unusable, http_credentials
from vai_worker.children.job import ConnectionSecret


def credentials_of(connection: ConnectionSecret) -> HttpCredentials:
    """Raises AUTH_ERROR when the connection has credentials that HTTP cannot use."""
    try:
        return http_credentials(connection.credentials, connection.config)
    except Unusable as error:
        text = f"The credentials of the connection {connection.slug} cannot be used for HTTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug}) from error


def base_url(connection: ConnectionSecret) -> httpx2.URL | None:
    """The address of the connection's API. Its credentials are sent to this origin only."""
    address = credentials.base_url(connection.config)
    return httpx2.URL(address) if address is not None else None

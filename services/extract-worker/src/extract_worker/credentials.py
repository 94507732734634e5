"""A connection's credentials as headers and parameters; they go to that connection's host and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from common.errors import ErrorCode, Permanent
from extract_worker.session import origin_of
from records.credentials import HttpCredentials, Unusable, base_url, http_credentials
from records.definitions.dlt_extract import RestApi
from records.definitions.marked import Marked
from records.masking import is_secret
from worker.job import ConnectionSecret


@dataclass(frozen=True)
class Access:
    """How to reach a source."""

    base_url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    params: dict[str, str] = field(default_factory=dict, repr=False)

    def beside(self, headers: dict[str, str], params: dict[str, str]) -> "Access":
        """With secret values of a definition, too; the definition's own count where both say something."""
        named = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in named}
        return Access(self.base_url, kept | headers, self.params | params)

    @property
    def secrets(self) -> frozenset[str]:
        """What must never be seen in a message or a checkpoint."""
        values = {*self.headers.values(), *self.params.values()}
        return frozenset(part for value in values for part in (value, value.partition(" ")[2]) if len(part) >= 4)


class HostBound(AuthBase):
    """Adds the credentials to requests to the connection's own origin only."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._origin = origin_of(access.base_url)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if origin_of(request.url) == self._origin:
            request.headers.update(self._access.headers)
            if self._access.params:
                request.url = _with_params(request.url or "", self._access.params)
        return request


def _with_params(url: str, params: dict[str, str]) -> str:
    parts = urlsplit(url)
    there = {unquote_plus(part.partition("=")[0]) for part in parts.query.split("&")}
    missing = urlencode({name: value for name, value in params.items() if name not in there})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, missing)))))


def parted(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Headers or params of a definition: those that everybody may see, and those that go to its own origin only."""
    plain: dict[str, Any] = {}
    secret: dict[str, str] = {}
    for name, value in values.items():
        found = value.value if isinstance(value, Marked) else value
        found = str(found).lower() if isinstance(found, bool) else found
        if isinstance(value, Marked) or is_secret(name, found):
            secret[name] = str(found)
        else:
            plain[name] = found
    return plain, secret


def access_of(definition: RestApi, connection: ConnectionSecret | None) -> Access:
    """Where to go and with what. Raises `Permanent` where the address is missing or not the connection's own."""
    own = (base_url(connection.config) if connection else None) or ""
    address = definition.base_url or own
    if not address:
        text = "There is no base_url, neither in the definition nor in the connection's config. Add one."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "base_url"})
    if connection is None:
        return Access(address)
    found = _credentials(connection)
    if found and origin_of(address) != origin_of(own):
        raise Permanent(
            ErrorCode.AUTH_ERROR,
            f"The credentials of the connection {connection.slug} go to the host of its own base_url only. "
            f"Put base_url into the connection's config ({own or 'there is none'}), or use another connection.",
            {"connection": connection.slug},
        )
    return Access(address, found.headers, found.query)


def _credentials(connection: ConnectionSecret) -> HttpCredentials:
    try:
        return http_credentials(connection.credentials, connection.config)
    except Unusable as error:
        text = f"The credentials of the connection {connection.slug} cannot be used for HTTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug}) from error

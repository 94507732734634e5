"""A connection's credentials as headers and parameters. They are sent to the connection's own host only."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.rest.http_session import origin_of
from vai_extract_worker.rest.token_renewal import Lasting
from vai_records.connections.credentials import HttpCredentials, base_url
from vai_records.definitions.dlt_extract import RestApi
from vai_records.marked import Marked
from vai_records.validation.masking import is_secret
from vai_worker.children.job import ConnectionSecret


@dataclass(frozen=True)
class Access:
    """How to reach a source: the address, the connection's credentials, and secret values of the definition."""

    base_url: str
    own: Lasting = field(default_factory=Lasting, repr=False)
    more: HttpCredentials = field(default_factory=HttpCredentials, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of connection and definition. If both have one, the definition's counts."""
        named = {name.lower() for name in self.more.headers}
        kept = {name: value for name, value in self.own.current().headers.items() if name.lower() not in named}
        return kept | self.more.headers

    @property
    def params(self) -> dict[str, str]:
        return self.own.current().query | self.more.query

    def beside(self, headers: dict[str, str], params: dict[str, str]) -> "Access":
        """Add the secret values of a definition."""
        return Access(self.base_url, self.own, HttpCredentials(headers, params))

    @property
    def secrets(self) -> frozenset[str]:
        """The values that must never appear in a message or a checkpoint."""
        values = {*self.own.seen, *self.more.headers.values(), *self.more.query.values()}
        return frozenset(part for value in values for part in (value, value.partition(" ")[2]) if len(part) >= 4)


class HostBound(AuthBase):
    """Adds the credentials to requests to the connection's own origin only. If the access token has expired, it repeats
    the request with a new one.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._origin = origin_of(access.base_url)
        self.refuses: Callable[[requests.Response], bool] = _says_401
        """Whether an answer says that the access token has expired. Vendors write it in several ways."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if origin_of(request.url) == self._origin:
            used = self._access.own.current()
            self._sign(request)
            if self._access.own.renews:
                request.register_hook("response", partial(self._again, used))
        return request

    def _sign(self, request: requests.PreparedRequest) -> None:
        request.headers.update(self._access.headers)
        if params := self._access.params:
            request.url = _with_params(request.url or "", params)

    def _again(self, used: HttpCredentials, response: requests.Response, **kwargs: Any) -> requests.Response:
        """The answer to the same request with another token, if this one was refused."""
        if not self.refuses(response) or origin_of(response.url) != self._origin:
            return response
        if self._access.own.refused(used) == used:
            return response
        request = response.request.copy()
        request.url = without_params(request.url or "", used.query)
        self._sign(request)
        again: requests.Response = response.connection.send(request, **kwargs)
        again.history.append(response)
        again.request = request
        return again


def _says_401(response: requests.Response) -> bool:
    return response.status_code == 401


def _with_params(url: str, params: dict[str, str]) -> str:
    parts = urlsplit(url)
    there = {unquote_plus(part.partition("=")[0]) for part in parts.query.split("&")}
    missing = urlencode({name: value for name, value in params.items() if name not in there})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, missing)))))


def without_params(url: str, names: Container[str]) -> str:
    """An address without the parameters of these names."""
    parts = urlsplit(url)
    kept = [part for part in parts.query.split("&") if unquote_plus(part.partition("=")[0]) not in names]
    return urlunsplit(parts._replace(query="&".join(kept)))


def parted(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Split headers or params of a definition: public ones, and secret ones that go to its own origin only."""
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


def access_of(definition: RestApi, connection: ConnectionSecret | None, own: Lasting) -> Access:
    """The address and the credentials for a source. Raises `Permanent` if the address is missing or not the
    connection's own.
    """
    its = (base_url(connection.config) if connection else None) or ""
    address = definition.base_url or its
    if not address:
        text = "There is no base_url, neither in the definition nor in the connection's config. Add one."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "base_url"})
    if connection is None:
        return Access(address)
    if own.current() and origin_of(address) != origin_of(its):
        raise Permanent(
            ErrorCode.AUTH_ERROR,
            f"The credentials of the connection {connection.slug} go to the host of its own base_url only. "
            f"Put base_url into the connection's config ({its or 'there is none'}), or use another connection.",
            {"connection": connection.slug},
        )
    return Access(address, own)

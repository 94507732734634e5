"""A connection's credentials as headers and parameters; they go to that connection's host and nowhere else."""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from common.errors import ErrorCode, Permanent
from extract_worker.session import origin_of
from records.definitions.dlt_extract import RestApi
from worker.job import ConnectionSecret


@dataclass(frozen=True)
class Access:
    """How to reach a source."""

    base_url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    params: dict[str, str] = field(default_factory=dict, repr=False)

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
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(params))))))


def access_of(definition: RestApi, connection: ConnectionSecret | None) -> Access:
    """Where to go and with what. Raises `Permanent` where the address is missing or not the connection's own."""
    own = str((connection.config if connection else {}).get("base_url") or "")
    base_url = definition.base_url or own
    if not base_url:
        text = "There is no base_url, neither in the definition nor in the connection's config. Add one."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "base_url"})
    if connection is None:
        return Access(base_url)
    headers, params = _secrets(connection)
    headers |= {str(name): str(value) for name, value in connection.config.get("headers", {}).items()}
    if (headers or params) and origin_of(base_url) != origin_of(own):
        raise Permanent(
            ErrorCode.AUTH_ERROR,
            f"The credentials of the connection {connection.slug} go to the host of its own base_url only. "
            f"Put base_url into the connection's config ({own or 'there is none'}), or use another connection.",
            {"connection": connection.slug},
        )
    return Access(base_url, headers, params)


def _secrets(connection: ConnectionSecret) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters; the kind is `config.auth.type`, else told by what the credentials hold."""
    given = connection.credentials
    auth = connection.config.get("auth") or {}
    kind = auth.get("type") or _kind(given)
    try:
        if kind == "bearer":
            return {"Authorization": f"Bearer {given.get('token') or given['access_token']}"}, {}
        if kind == "api_key":
            name, key = str(auth.get("name") or "X-API-Key"), str(given["api_key"])
            return ({}, {name: key}) if auth.get("location") in ("query", "param") else ({name: key}, {})
        if kind in ("basic", "http_basic"):
            pair = f"{given['username']}:{given.get('password', '')}".encode()
            return {"Authorization": f"Basic {b64encode(pair).decode()}"}, {}
    except KeyError as error:
        raise _unusable(connection, f"{kind} needs {error}") from error
    if kind is None or kind == "none":
        return {}, {}
    raise _unusable(connection, f"there is no way to use {kind}")


def _kind(given: dict[str, object]) -> str | None:
    for kind, names in (("bearer", ("token", "access_token")), ("api_key", ("api_key",)), ("basic", ("username",))):
        if any(given.get(name) for name in names):
            return kind
    return "unknown credentials" if given else None


def _unusable(connection: ConnectionSecret, why: str) -> Permanent:
    text = (
        f"The credentials of the connection {connection.slug} cannot be used: {why}. Store token, api_key (with "
        "config.auth.name and config.auth.location), or username and password."
    )
    return Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug})

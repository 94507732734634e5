"""What a connection adds to a request, and to which host alone (decision 35)."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from common.errors import ErrorCode, Permanent
from worker.job import ConnectionSecret

NOT_SECRET = frozenset(("header", "location", "name", "type", "username"))
"""What credentials hold beside secrets."""


@dataclass(frozen=True)
class Credentials:
    """Headers and query parameters that authenticate; header names in lower case."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)


def credentials_of(connection: ConnectionSecret) -> Credentials:
    """From `token`, `api_key`, `username` and `password`, or whole `headers`; and the headers of its config.

    `config.auth` may say the type (bearer, api_key, basic), and an API key's name and location (header, query).
    Raises AUTH_ERROR when the connection has credentials, but none of these.
    """
    known, auth = connection.credentials, connection.config.get("auth") or {}
    given = _given(known, auth)
    if given is None:
        raise _unusable(connection)
    common = {**connection.config.get("headers", {}), **known.get("headers", {})}
    headers = {name.lower(): str(value) for name, value in common.items()}
    return Credentials({**headers, **given.headers}, given.query)


def base_url(connection: ConnectionSecret) -> httpx2.URL | None:
    """Where the connection's API is; its credentials are sent to this origin and to no other."""
    address = connection.config.get("base_url") or connection.config.get("url")
    return httpx2.URL(address) if isinstance(address, str) and "://" in address else None


def secret_values(value: Any) -> Iterator[str]:
    """Every text in a structure of credentials."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from secret_values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secret_values(inner)
    elif isinstance(value, str):
        yield value


def _given(known: Mapping[str, Any], auth: Mapping[str, Any]) -> Credentials | None:
    """None where something is given, and nothing of it is of use."""
    kind = auth.get("type")
    if kind in (None, "bearer") and (token := known.get("token") or known.get("access_token")):
        return Credentials({"authorization": f"Bearer {token}"})
    if kind in (None, "api_key") and (key := known.get("api_key")):
        name = str(auth.get("name") or known.get("name") or "X-API-Key")
        in_query = (auth.get("location") or known.get("location")) in ("query", "param")
        return Credentials(query={name: str(key)}) if in_query else Credentials({name.lower(): str(key)})
    if kind in (None, "basic", "http_basic") and "username" in known:
        pair = f"{known['username']}:{known.get('password', '')}"
        return Credentials({"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})
    return Credentials() if kind == "none" or not known or known.get("headers") else None


def _unusable(connection: ConnectionSecret) -> Permanent:
    return Permanent(
        ErrorCode.AUTH_ERROR,
        f"The credentials of the connection {connection.slug} cannot be used for HTTP: give it a token, "
        "an api_key, a username and password, or headers.",
        {"connection": connection.slug},
    )

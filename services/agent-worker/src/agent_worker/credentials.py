"""What a connection adds to a request, and to which host alone (decision 35)."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from common.errors import ErrorCode, Permanent
from worker.job import ConnectionSecret


@dataclass(frozen=True)
class Credentials:
    """Headers and query parameters that authenticate; header names in lower case."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)


def credentials_of(connection: ConnectionSecret) -> Credentials:
    """From `token`, `username` and `password`, `api_key` (with `name` and `location`), or whole `headers`.

    Raises AUTH_ERROR when the connection has credentials, but none of these.
    """
    known = connection.credentials
    headers = {name.lower(): str(value) for name, value in known.get("headers", {}).items()}
    query: dict[str, str] = {}
    if token := known.get("token") or known.get("access_token"):
        headers["authorization"] = f"Bearer {token}"
    elif "username" in known:
        headers["authorization"] = _basic(known)
    elif key := known.get("api_key"):
        place, name = _place(known)
        (query if place == "query" else headers)[name] = str(key)
    if known and not headers and not query:
        raise _unusable(connection)
    return Credentials(headers, query)


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


def _basic(known: Mapping[str, Any]) -> str:
    pair = f"{known['username']}:{known.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _place(known: Mapping[str, Any]) -> tuple[str, str]:
    name = str(known.get("name") or known.get("header") or "X-API-Key")
    return ("query", name) if known.get("location") == "query" else ("header", name.lower())


def _unusable(connection: ConnectionSecret) -> Permanent:
    return Permanent(
        ErrorCode.AUTH_ERROR,
        f"The credentials of the connection {connection.slug} cannot be used for HTTP: give it a token, "
        "a username and password, an api_key or headers.",
        {"connection": connection.slug},
    )

"""How a connection's credentials authenticate an HTTP request: one reading for workers and for the connection test."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HttpCredentials:
    """Headers (names in lower case) and query parameters that authenticate."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)


def http_credentials(known: Mapping[str, Any]) -> HttpCredentials:
    """From `token`, `username` and `password`, `api_key` (with `name` and `location`), or whole `headers`.

    Raises ValueError where there are credentials, but none of these.
    """
    given = known.get("headers")
    headers = {name.lower(): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    query: dict[str, str] = {}
    if token := known.get("token") or known.get("access_token"):
        headers["authorization"] = f"Bearer {token}"
    elif "username" in known:
        headers["authorization"] = _basic(known)
    elif key := known.get("api_key"):
        name = str(known.get("name") or known.get("header") or "X-API-Key")
        if known.get("location") == "query":
            query[name] = str(key)
        else:
            headers[name.lower()] = str(key)
    if known and not headers and not query:
        raise ValueError("give a token, a username and password, an api_key or headers")
    return HttpCredentials(headers, query)


def _basic(known: Mapping[str, Any]) -> str:
    pair = f"{known['username']}:{known.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"

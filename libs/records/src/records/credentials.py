"""How a connection's credentials authenticate an HTTP request, as the connection test reads them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HttpCredentials:
    """Headers (names in lower case) and query parameters that authenticate."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)


def http_credentials(known: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> HttpCredentials:
    """From `token`, `username` and `password`, `api_key`, or whole `headers`; and the headers of the config.

    `config.auth` may say the type (bearer, api_key, basic), and an API key's name and location (header, query), as
    the workers take it. Raises ValueError where there are credentials, but none of these.
    """
    auth = _mapping(config or {}, "auth")
    given = _given(known, auth)
    if given is None:
        raise ValueError("give a token, a username and password, an api_key or headers")
    common = {**_mapping(config or {}, "headers"), **_mapping(known, "headers")}
    headers = {str(name).lower(): str(value) for name, value in common.items()}
    return HttpCredentials({**headers, **given.headers}, given.query)


def _given(known: Mapping[str, Any], auth: Mapping[str, Any]) -> HttpCredentials | None:
    kind = auth.get("type")
    if kind in (None, "bearer") and (token := known.get("token") or known.get("access_token")):
        return HttpCredentials({"authorization": f"Bearer {token}"})
    if kind in (None, "basic", "http_basic") and "username" in known:
        return HttpCredentials({"authorization": _basic(known)})
    if kind in (None, "api_key") and (key := known.get("api_key")):
        name = str(auth.get("name") or known.get("name") or known.get("header") or "X-API-Key")
        in_query = (auth.get("location") or known.get("location")) in ("query", "param")
        return HttpCredentials(query={name: str(key)}) if in_query else HttpCredentials({name.lower(): str(key)})
    return HttpCredentials() if kind == "none" or not known or known.get("headers") else None


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _basic(known: Mapping[str, Any]) -> str:
    pair = f"{known['username']}:{known.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"

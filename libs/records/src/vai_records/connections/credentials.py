"""What a connection's credentials mean: for the connection test, `http_request` and extraction alike.

For HTTP: `token` (or `access_token`) as a bearer token; `api_key` in a header (`name` or `header`, else X-API-Key) or,
with `location: "query"`, in the query; `username` and `password`; whole `headers`, alone or beside one of these.
`config.auth` may say which (`type`), and an API key's `name`, `location` and `prefix` (a word before it). With OAuth 2
(`connections.oauth`) the `access_token` is what was got, as a bearer token or bare in the header of that `name`. Of
several kinds the first one counts.
Databases take `username` (or `user`) and `password`; S3 takes `access_key_id`, `secret_access_key`, `session_token`.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from vai_records.connections.oauth import GRANTS
from vai_records.header_names import reserved_among
from vai_records.secrets.secret_names import is_secret_value

HEADER_WORDS = ("header", "location", "name")
"""Where an API key goes."""

_PLAIN = (*HEADER_WORDS, "client_email", "client_id", "type", "user", "username")
"""What credentials hold beside secrets."""

KINDS = {"bearer": "token", "api_key": "api_key", "basic": "username", "http_basic": "username", "none": ""}
KINDS |= dict.fromkeys(GRANTS, "access_token")
"""Words of `config.auth.type`, and what each of them needs."""

_QUERY = ("query", "param", "params")
_HEADER = ("header", "headers")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_SENDABLE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_BEARER = re.compile(r"bearer\s+", re.IGNORECASE)


class Unusable(ValueError):
    """Credentials that nothing can be done with; `field` is the part that is wrong, the message never shows a value."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class HttpCredentials:
    """Headers (names in lower case) and query parameters that authenticate."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.headers or self.query)


def http_credentials(known: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> HttpCredentials:
    """How credentials, and the headers of the config, go with an HTTP request. Raises `Unusable` where they cannot."""
    auth = mapping_of(config or {}, "auth")
    given = _given(known, auth)
    common = {**mapping_of(config or {}, "headers"), **mapping_of(known, "headers")}
    headers = {str(name).lower(): str(value) for name, value in common.items()}
    found = HttpCredentials({**headers, **given.headers}, given.query)
    if taken := reserved_among(found.headers):
        raise Unusable(f"the platform sets the header {taken[0]} itself: take it out", "headers", taken[0])
    for name, value in found.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise Unusable(f"{name[:60]!r} is not the name of a header", "headers")
        if not _SENDABLE.fullmatch(value):
            raise Unusable(f"the value of {name} has characters that no header can carry", "headers", name)
    return found


def base_url(config: Mapping[str, Any]) -> str | None:
    """Where a connection's HTTP API is: `base_url`, or `url`, which means the same; None where neither is there."""
    for name in ("base_url", "url"):
        parts = split_address(config.get(name))
        if parts is not None and parts.scheme in ("http", "https"):
            return str(config[name])
    return None


def split_address(value: Any) -> SplitResult | None:
    """None for what has no scheme, or is no address at all."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        return parts if parts is not None and parts.scheme and parts.hostname else None
    except ValueError:
        return None


def secret_texts(known: Mapping[str, Any]) -> Iterator[str]:
    """Every text in credentials that must not be seen again; user names and places are none."""
    for name, value in known.items():
        if name not in _PLAIN:
            yield from texts_in(value)


def sent_secrets(*sent: Mapping[str, Any]) -> Iterator[str]:
    """What must not be seen again of a request, by the names of its headers, parameters or fields.

    Whoever sends a request hides these beside what it was made of: a server may echo what came, not what was meant.
    """
    for named in sent:
        yield from texts_in({name: value for name, value in named.items() if is_secret_value(name, value)})


def texts_in(value: Any) -> Iterator[str]:
    """Every text and number in a structure, as text."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _given(known: Mapping[str, Any], auth: Mapping[str, Any]) -> HttpCredentials:
    kind = auth.get("type")
    user = known.get("username", known.get("user"))
    if kind in GRANTS and (token := known.get("access_token")):
        return _as_token(str(token), known, auth)
    if kind in (None, "bearer") and (token := known.get("token") or known.get("access_token")):
        return HttpCredentials({"authorization": f"Bearer {_BEARER.sub('', str(token), 1)}"})
    if kind in (None, "api_key") and (key := known.get("api_key") or (kind and _named_token(known, auth))):
        return _named(f"{auth.get('prefix') or ''} {key}".lstrip(), _name(known, auth) or "X-API-Key", known, auth)
    if kind in (None, "basic", "http_basic") and user is not None:
        pair = f"{user}:{known.get('password', '')}"
        return HttpCredentials({"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})
    if kind in (None, "none") and (not known or kind == "none" or known.get("headers")):
        return HttpCredentials()
    if kind in (None, "none"):
        raise Unusable("give a token, an api_key, a username and password, or headers")
    if kind not in KINDS:
        raise Unusable(f"there is no way to use {str(kind)[:60]!r}; config.auth.type is {', '.join(KINDS)}")
    if not known or (known.get("headers") and kind not in GRANTS):
        return HttpCredentials()
    raise Unusable(f"config.auth says {kind}, which needs {KINDS[kind]}", KINDS[kind])


def _named_token(known: Mapping[str, Any], auth: Mapping[str, Any]) -> Any:
    """A token that goes into a header of its own, which config.auth names."""
    return (known.get("access_token") or known.get("token")) if auth.get("name") or auth.get("header") else None


def _as_token(token: str, known: Mapping[str, Any], auth: Mapping[str, Any]) -> HttpCredentials:
    """An access token that was got: a bearer token, or bare where a `name` is given."""
    name = _name(known, auth)
    if name is None and location_of(known, auth) in _QUERY:
        name = "access_token"  # RFC 6750
    return _named(token, name, known, auth) if name else HttpCredentials({"authorization": f"Bearer {token}"})


def _name(known: Mapping[str, Any], auth: Mapping[str, Any]) -> str | None:
    found = auth.get("name") or auth.get("header") or known.get("name") or known.get("header")
    return None if found is None else str(found)


def _named(value: str, name: str, known: Mapping[str, Any], auth: Mapping[str, Any]) -> HttpCredentials:
    in_query = location_of(known, auth) in _QUERY
    return HttpCredentials(query={name: value}) if in_query else HttpCredentials({name.lower(): value})


def location_of(known: Mapping[str, Any], auth: Mapping[str, Any]) -> str:
    found = auth.get("location") or known.get("location") or "header"
    if found not in (*_QUERY, *_HEADER):
        raise Unusable("an api_key's location is header or query", "location")
    return str(found)


def mapping_of(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}

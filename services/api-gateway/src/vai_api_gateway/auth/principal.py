"""The principal of a request, and the credential that it carries."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import Request

from vai_records.people.people import Role

COOKIE = "vai_token"
_SHOWN = "vai.credential"
"""Where a request's scope holds its credential, once it has been read."""

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Principal:
    """The user of a request, the organisation, and the way of access (decision 10).

    `key_id` is the API key that they came with, or that asked for their token. A token for them is of
    `token_version` and ends no later than `until`; what they showed is good until `ends_at`. `scopes` narrow what
    that key may do; None: they do not.
    """

    org_id: UUID
    user_id: UUID
    role: Role
    settings: dict[str, Any]
    source_type: str
    source_id: str
    by_cookie: bool = False
    key_id: UUID | None = None
    token_version: int = 0
    until: datetime = NEVER
    ends_at: datetime = NEVER
    scopes: frozenset[str] | None = None
    is_service: bool = False


class Credential(NamedTuple):
    """A request's credential: an API key or a signed token."""

    text: str
    by_cookie: bool = False


def credential_of(request: Request) -> Credential | None:
    """X-API-Key before Authorization before vai_token, as a header (001) or as a cookie (003; decision 60)."""
    scope = request.scope
    if _SHOWN not in scope:
        scope[_SHOWN] = _read_credential(request)
    shown: Credential | None = scope[_SHOWN]
    return shown


def _read_credential(request: Request) -> Credential | None:
    headers = request.headers
    if any(given := headers.getlist("x-api-key")):
        # Of two different ones, a proxy before us may have judged the other.
        return Credential(given[0]) if given.count(given[0]) == len(given) else None
    if len(set(headers.getlist("authorization"))) > 1:
        return None
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme:
        return Credential(value.strip()) if scheme.lower() == "bearer" and value.strip() else None
    if token := headers.get(COOKIE):
        return Credential(token)
    cookie = request.cookies.get(COOKIE) if "cookie" in headers else None
    return Credential(cookie, by_cookie=True) if cookie else None


def forwarded(request: Request, name: str, proxies: int) -> str | None:
    """The value of our own outermost proxy in this header. Values that the client wrote before it are ignored."""
    hops = [hop.strip() for line in request.headers.getlist(name) for hop in line.split(",")]
    return hops[-proxies] if 0 < proxies <= len(hops) else None

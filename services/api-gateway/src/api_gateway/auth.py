"""Who is asking: API keys, signed tokens, and the roles that routes demand (decision 26).

A credential that is known is answered from memory for a few seconds; revoking a key says so on the channel
`keys_changed`, and every gateway forgets at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import jwt
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_gateway.problems import Problem
from api_gateway.settings import Settings
from common import clock
from records import people
from records.people import Actor, Role

COOKIE = "vai_token"
_REMEMBER_SECONDS = 5.0
_MOST_REMEMBERED = 10_000
_ISSUER = "vai"
_ALGORITHM = "HS256"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Principal:
    """Who asks, in which organisation, and by what (decision 10)."""

    org_id: UUID
    user_id: UUID
    role: Role
    settings: dict[str, Any]
    source_type: str
    source_id: str
    by_cookie: bool = False


class Credential(NamedTuple):
    """What a request shows: an API key or a signed token."""

    text: str
    by_cookie: bool = False


class _Known(NamedTuple):
    principal: Principal
    ask_after: float
    good_until: float


@dataclass(frozen=True)
class _Claims:
    org_id: UUID
    user_id: UUID
    role: Role
    ends: datetime


def credential_of(request: Request) -> Credential | None:
    """X-API-Key before Authorization before the cookie."""
    headers = request.headers
    if key := headers.get("x-api-key"):
        return Credential(key)
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme:
        return Credential(value.strip()) if scheme.lower() == "bearer" and value.strip() else None
    cookie = request.cookies.get(COOKIE) if "cookie" in headers else None
    return Credential(cookie, by_cookie=True) if cookie else None


class Authenticator:
    """Turns credentials into principals, and writes now and then when keys were last used."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._known: dict[Credential, _Known] = {}
        self._asking: dict[Credential, asyncio.Task[Principal]] = {}
        self._used: dict[UUID, datetime] = {}
        self._forgotten = 0

    async def principal(self, request: Request) -> Principal:
        """Who asks. Raises `Problem` 401 without a good credential, 403 for a cookie sent by a foreign page."""
        shown = credential_of(request)
        if shown is None:
            raise unauthorized("send an API key (X-API-Key or Authorization: Bearer) or a signed token")
        if shown.by_cookie and request.method not in _SAFE:
            self._check_origin(request)
        known = self._known.get(shown)
        now = clock.steady_seconds()
        if known is None or now >= known.good_until:
            return await asyncio.shield(self._ask(shown))
        if now >= known.ask_after:
            self._ask(shown)
        return known.principal

    def forget(self) -> None:
        """Ask the database again for every credential."""
        self._forgotten += 1
        self._known.clear()
        self._asking.clear()

    def issue(self, principal: Principal) -> tuple[str, datetime]:
        """A signed token for the principal's user, and when it ends."""
        made = clock.now()
        ends = made + timedelta(hours=self._settings.token_hours)
        claims = {"iss": _ISSUER, "sub": str(principal.user_id), "org": str(principal.org_id), "iat": made, "exp": ends}
        return jwt.encode(claims | {"role": principal.role}, self._settings.token_secret, _ALGORITHM), ends

    async def write_used_once(self) -> None:
        """Write when the keys that were seen since the last time were used."""
        used, self._used = self._used, {}
        if used:
            async with self._engine.begin() as conn:
                await people.touch_keys(conn, used)

    def _ask(self, shown: Credential) -> asyncio.Task[Principal]:
        """One question at a time for each credential, however many requests show it."""
        asking = self._asking.get(shown)
        if asking is None:
            asking = self._asking[shown] = asyncio.create_task(self._learn(shown))
            asking.add_done_callback(partial(self._learned, shown))
        return asking

    def _learned(self, shown: Credential, asked: asyncio.Task[Principal]) -> None:
        if self._asking.get(shown) is asked:
            del self._asking[shown]
        if not asked.cancelled() and isinstance(asked.exception(), Problem):
            self._known.pop(shown, None)

    async def _learn(self, shown: Credential) -> Principal:
        forgotten = self._forgotten
        async with self._engine.connect() as conn:
            is_key = people.is_api_key(shown.text)
            actor = await (self._key_holder if is_key else self._token_holder)(conn, shown.text)
        principal = _principal(actor, shown.by_cookie)
        if actor.key_id is not None:
            self._used[actor.key_id] = clock.now()
        if forgotten == self._forgotten:
            self._remember(shown, actor, principal)
        return principal

    def _remember(self, shown: Credential, actor: Actor, principal: Principal) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        seconds = _REMEMBER_SECONDS
        if actor.expires_at is not None:
            seconds = min(seconds, (actor.expires_at - clock.now()).total_seconds())
        now = clock.steady_seconds()
        self._known[shown] = _Known(principal, now + seconds / 2, now + seconds)

    async def _key_holder(self, conn: AsyncConnection, text: str) -> Actor:
        actor = await people.holder_of(conn, people.key_hash(text))
        if actor is None:
            raise unauthorized("this API key is unknown, revoked or expired")
        return actor

    async def _token_holder(self, conn: AsyncConnection, text: str) -> Actor:
        claims = self._claims(text)
        actor = await people.member(conn, claims.org_id, claims.user_id)
        if actor is None:
            raise unauthorized("the token's user is not in the organisation any more")
        role = min(actor.role, claims.role, key=Role.rank)
        return replace(actor, role=role, expires_at=claims.ends)

    def _claims(self, text: str) -> _Claims:
        secret = self._settings.token_secret
        try:
            found = jwt.decode(
                text, secret, [_ALGORITHM], options={"require": ["exp", "sub", "org", "role"]}, issuer=_ISSUER
            )
            ends = datetime.fromtimestamp(found["exp"], UTC)
            return _Claims(UUID(found["org"]), UUID(found["sub"]), Role(found["role"]), ends)
        except (jwt.PyJWTError, ValueError) as error:
            raise unauthorized("this token is not ours, or it has ended; get a new one") from error

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin", "").rstrip("/")
        if origin in self._settings.origins or (origin and urlsplit(origin).netloc == request.headers.get("host")):
            return
        raise Problem(403, "foreign_origin", "the cookie is good for pages of this host only", ("header", "Origin"))


def _principal(actor: Actor, by_cookie: bool) -> Principal:
    source = ("user", str(actor.user_id)) if actor.key_id is None else ("api_key", str(actor.key_id))
    return Principal(actor.org_id, actor.user_id, actor.role, actor.settings, *source, by_cookie=by_cookie)


def unauthorized(message: str) -> Problem:
    return Problem(401, "unauthorized", message, ("header", "X-API-Key"), {"WWW-Authenticate": "Bearer"})


def _demand(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    async def demand(request: Request) -> Principal:
        authenticator: Authenticator = request.app.state.gateway.authenticator
        principal = await authenticator.principal(request)
        if not principal.role.covers(role):
            raise Problem(403, "forbidden", f"this needs the role {role}; yours is {principal.role}")
        return principal

    return demand


Viewer = Annotated[Principal, Depends(_demand(Role.VIEWER))]
Operator = Annotated[Principal, Depends(_demand(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(_demand(Role.ADMIN))]

"""Authenticates requests, by API key or signed token, and limits their rate (decision 26).

A credential is remembered for a few seconds. Revoking a key notifies the channel `keys_changed`, and every gateway then
forgets what it knows of that organisation.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from vai_api_gateway.auth.addresses import address_of
from vai_api_gateway.auth.credential_holders import Holders, unauthorized
from vai_api_gateway.auth.oidc import oidc_of
from vai_api_gateway.auth.principal import Credential, Principal, credential_of, forwarded
from vai_api_gateway.auth.throttle import Throttle, too_many
from vai_api_gateway.auth.tokens import Tokens
from vai_api_gateway.problems import Problem
from vai_api_gateway.settings import Settings
from vai_common import clock
from vai_records.people import api_keys
from vai_records.people.sessions import Session

_REMEMBER_SECONDS = 5.0
_MOST_REMEMBERED = 10_000
_BURST_SECONDS = 5
"""Seconds of its rate that an organisation may use at once after a pause."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class _Known(NamedTuple):
    principal: Principal
    ask_after: float
    good_until: float
    notices: int
    """How many had come when it was asked for."""


class Authenticator:
    """Finds the principal of a credential, and writes from time to time when keys were last used."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._tokens = Tokens(settings.token_secret, settings.token_hours)
        self.holders = Holders(engine, self._tokens, oidc_of(settings))
        self._known: dict[Credential, _Known] = {}
        self._asking: dict[Credential, asyncio.Task[Principal]] = {}
        self._used: dict[UUID, datetime] = {}
        self._notices = 0
        self._forgot_all = 0
        self._forgot: dict[UUID, int] = {}
        self._good: OrderedDict[Credential, None] = OrderedDict()
        self._wrong = Throttle(settings.wrong_keys_per_minute / 60, settings.wrong_keys_per_minute)
        self._calls = Throttle(settings.calls_per_second, settings.calls_per_second * _BURST_SECONDS)

    async def principal(self, request: Request) -> Principal:
        """The principal. Raises `Problem` 401 without a valid credential, 403 for a cookie from another site's page."""
        shown = credential_of(request)
        if shown is None:
            raise unauthorized("send one API key (X-API-Key or Authorization: Bearer) or a signed token")
        if shown.by_cookie:
            self.check_origin(request)
        known = self._remembered(shown)
        now = clock.steady_seconds()
        if known is None or now >= known.good_until:
            return await self._asked(request, shown)
        if now >= known.ask_after:
            self._ask(shown)
        return known.principal

    def known_organisation(self, request: Request) -> UUID | None:
        """The organisation of a credential that is remembered now. Does not ask the database and does not check it."""
        shown = credential_of(request)
        known = None if shown is None else self._remembered(shown)
        return None if known is None else known.principal.org_id

    async def _asked(self, request: Request, shown: Credential) -> Principal:
        """Ask the database. An address with many bad credentials has to wait, unless this one was known before."""
        if shown not in self._good:
            self.refuse_guessing(request)
        try:
            principal = await asyncio.shield(self._ask(shown))
        except Problem as error:
            if error.status_code == 401:
                self._good.pop(shown, None)
                self.guessed(request)
            raise
        self._good[shown] = None
        self._good.move_to_end(shown)
        if len(self._good) > _MOST_REMEMBERED:
            self._good.popitem(last=False)
        return principal

    def refuse_guessing(self, request: Request) -> None:
        """Raises `Problem` 429 if too many bad credentials came from this address."""
        if wait := self._wrong.wait(address_of(request, self._settings.proxies)):
            raise too_many(wait, "too many unknown keys and tokens came from this address")

    def guessed(self, request: Request) -> None:
        """Count a bad credential."""
        self._wrong.take(address_of(request, self._settings.proxies))

    def count_call(self, principal: Principal) -> None:
        """Count a call of the organisation. Raises `Problem` 429 if it is one too many."""
        name = str(principal.org_id)
        if wait := self._calls.wait(name):
            raise too_many(wait, "your organisation calls more often than this gateway takes")
        self._calls.take(name)

    def forget(self, org_id: UUID | None = None) -> None:
        """Ask the database again for the credentials of this organisation; None: for every one."""
        self._notices += 1
        self._asking.clear()
        if org_id is None or len(self._forgot) >= _MOST_REMEMBERED:
            self._forgot_all = self._notices
            self._known.clear()
            self._forgot.clear()
        else:
            self._forgot[org_id] = self._notices

    def heard(self, payload: str) -> None:
        """Forget the organisation that a notification names; an empty one means all."""
        try:
            self.forget(UUID(payload) if payload else None)
        except ValueError:
            self.forget()

    def forgotten(self, org_id: UUID) -> int:
        """A number that changes when the organisation's credentials are forgotten. Callers then ask again."""
        return max(self._forgot_all, self._forgot.get(org_id, 0))

    def _remembered(self, shown: Credential) -> _Known | None:
        known = self._known.get(shown)
        return None if known is None or known.notices < self.forgotten(known.principal.org_id) else known

    def issue(self, principal: Principal) -> tuple[str, datetime]:
        """A signed token for the principal's user, and when it ends."""
        session = Session(
            principal.org_id,
            principal.user_id,
            principal.role,
            principal.until,
            principal.token_version,
            key_id=principal.key_id,
        )
        return self._tokens.issue(session)

    async def write_used_once(self) -> None:
        """Write when the keys that were seen since the last time were used."""
        used, self._used = self._used, {}
        if used:
            async with self._engine.begin() as conn:
                await api_keys.touch_keys(conn, used)

    def _ask(self, shown: Credential) -> asyncio.Task[Principal]:
        """Only one query at a time for each credential, however many requests use it."""
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
        notices = self._notices
        principal, expires_at = await self.holders.holder(shown)
        if principal.source_type == "api_key" and principal.key_id is not None:
            self._used[principal.key_id] = clock.now()
        if notices >= self.forgotten(principal.org_id):
            self._remember(shown, principal, (expires_at, notices))
        return principal

    def _remember(self, shown: Credential, principal: Principal, ends: tuple[datetime | None, int]) -> None:
        expires_at, notices = ends
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        seconds = _REMEMBER_SECONDS
        if expires_at is not None:
            seconds = min(seconds, (expires_at - clock.now()).total_seconds())
        now = clock.steady_seconds()
        self._known[shown] = _Known(principal, now + seconds / 2, now + seconds, notices)

    def check_origin(self, request: Request) -> None:
        """A cookie may be used for changes by our own pages only. Raises `Problem` 403."""
        if request.method in _SAFE:
            return
        origin = request.headers.get("origin", "").rstrip("/")
        if origin and (origin in self._settings.origins or self._is_ours(request, origin)):
            return
        message = "the cookie is good for pages of this host only (VAI_PUBLIC_URL, VAI_ALLOWED_ORIGINS name others)"
        raise Problem(403, "foreign_origin", message, ("header", "Origin"))

    def _is_ours(self, request: Request, origin: str) -> bool:
        """Whether an origin is ours: by the settings, by the request's Host, or by our own proxy's headers."""
        if origin == self._settings.public_origin:
            return True
        hosts = [request.headers.get("host")]
        if self._settings.proxies:
            hosts.append(forwarded(request, "x-forwarded-host", self._settings.proxies))
        return urlsplit(origin).netloc in hosts

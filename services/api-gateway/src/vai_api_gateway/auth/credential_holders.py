"""Finds the holder of a credential: an API key, a signed token of ours, or one of the OIDC issuer (decision 26)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from vai_api_gateway.auth.jwks import NoKeys
from vai_api_gateway.auth.oidc import Oidc
from vai_api_gateway.auth.principal import NEVER, Credential, Principal
from vai_api_gateway.auth.tokens import BadToken, Tokens
from vai_api_gateway.problems import Problem
from vai_common import clock
from vai_records.people import api_keys, sessions
from vai_records.people.people import Actor
from vai_records.people.sessions import Session


class Holders:
    """Asks the database each time. `Authenticator` remembers the answers for a while."""

    def __init__(self, engine: AsyncEngine, tokens: Tokens, oidc: Oidc | None) -> None:
        self._engine = engine
        self._tokens = tokens
        self._oidc = oidc

    async def holder(self, shown: Credential) -> tuple[Principal, datetime | None]:
        """The holder of a credential, and when it ends. Raises `Problem` 401."""
        if api_keys.is_api_key(shown.text):
            return await self._key_holder(shown)
        if self._oidc is not None and self._oidc.issued(shown.text):
            return await self._outsider(shown)
        return await self._token_holder(shown)

    async def _key_holder(self, shown: Credential) -> tuple[Principal, datetime | None]:
        async with self._engine.connect() as conn:
            actor = await api_keys.holder_of(conn, api_keys.key_hash(shown.text))
        if actor is None:
            raise unauthorized("this API key is unknown, revoked or expired")
        until = actor.expires_at or NEVER
        return _principal(actor, shown, ("api_key", str(actor.key_id)), actor.key_id, (until, until)), actor.expires_at

    async def _token_holder(self, shown: Credential) -> tuple[Principal, datetime | None]:
        session = self.session_of(shown.text)
        if session is None:
            raise unauthorized("this key or token is unknown here or has ended; get a new one")
        async with self._engine.connect() as conn:
            actor = await sessions.holder(conn, session)
        if actor is None:
            raise unauthorized("this token was signed out, or its user, password or key has changed; sign in again")
        source = ("user", str(actor.user_id))
        return _principal(actor, shown, source, session.key_id, (session.ends_at, session.ends_at)), session.ends_at

    async def _outsider(self, shown: Credential) -> tuple[Principal, datetime | None]:
        """The holder of a token of the OIDC issuer."""
        assert self._oidc is not None
        try:
            identity = await self._oidc.read(shown.text)
        except BadToken as error:
            raise unauthorized("this token is refused: check its signature, audience, time and email") from error
        except NoKeys as error:
            message = "the issuer's keys cannot be read at the moment; try again later"
            raise Problem(503, "unavailable", message, headers={"Retry-After": "10"}) from error
        async with self._engine.connect() as conn:
            actor = await sessions.member_of_email(conn, identity.email, identity.organisation)
        if actor is None:
            raise unauthorized("the token's user is in no organisation here, or in several and it names none of them")
        until = clock.now() + self._oidc.session
        ends = (until, identity.ends_at or NEVER)
        return _principal(actor, shown, ("user", str(actor.user_id)), None, ends), identity.ends_at

    def session_of(self, text: str) -> Session | None:
        """The claims of a token of ours; None if it is not one."""
        try:
            return self._tokens.read(text)
        except BadToken:
            return None


def _principal(
    actor: Actor, shown: Credential, source: tuple[str, str], key_id: UUID | None, ends: tuple[datetime, datetime]
) -> Principal:
    """`ends` are those of a token for them, and of what they showed."""
    until, ends_at = ends
    return Principal(
        actor.org_id,
        actor.user_id,
        actor.role,
        actor.settings,
        *source,
        by_cookie=shown.by_cookie,
        key_id=key_id,
        token_version=actor.token_version,
        until=until,
        ends_at=ends_at,
        scopes=actor.scopes,
        is_service=actor.is_service,
    )


def unauthorized(message: str) -> Problem:
    return Problem(401, "unauthorized", message, ("header", "X-API-Key"), {"WWW-Authenticate": "Bearer"})

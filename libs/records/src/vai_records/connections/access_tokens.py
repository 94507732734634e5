"""Access tokens of connections with OAuth 2: got once, shared by all who use the connection, renewed by one at a time.

A token lies encrypted beside its connection. Who finds it old takes the lease of its row, asks the vendor, and writes
the new one; the others look again until it is there. A refresh token that the vendor rotated takes the old one's place
among the credentials, unless somebody has given others meanwhile. No transaction is open while the vendor is asked.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson

from vai_common.clock import now, steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_common.queries import Pool, Queries
from vai_records.connections.oauth import KEPT, AccessToken, Answer, OAuth, Unfit, oauth_of
from vai_records.secrets.keys import Keyring, SecretError

LEASE_SECONDS = 45.0
"""Longer than a vendor is waited for: a lease that is older belongs to nobody who lives."""

_PATIENCE = 60.0
_LOOK_SECONDS = 0.1

Json = dict[str, Any]

_READ = """
SELECT c.slug, c.config, c.credentials, t.token FROM connections c LEFT JOIN access_tokens t ON t.id = c.id
WHERE c.id = $1 AND c.org_id = $2 AND c.deleted_at IS NULL
"""
_LEASE = """
INSERT INTO access_tokens AS t (id, org_id, renewing_by, renewing_until)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (id) DO UPDATE SET renewing_by = $3, renewing_until = clock_timestamp() + make_interval(secs => $4)
WHERE t.renewing_until IS NULL OR t.renewing_until < clock_timestamp()
RETURNING id
"""
_RELEASE = "UPDATE access_tokens SET renewing_by = NULL, renewing_until = NULL WHERE id = $1 AND renewing_by = $2"
_SAVE = """
UPDATE access_tokens SET token = $3, renewing_by = NULL, renewing_until = NULL WHERE id = $1 AND renewing_by = $2
"""
_ROTATE = "UPDATE connections SET credentials = $3 WHERE id = $1 AND credentials = $2 AND deleted_at IS NULL"


@dataclass(frozen=True)
class _Found:
    """A connection as it stands now."""

    slug: str
    oauth: OAuth
    sealed: bytes | None = field(repr=False)
    credentials: Json = field(repr=False)
    token: AccessToken | None = field(repr=False)


class AccessTokens:
    """Of one organisation's connection."""

    def __init__(self, pool: Pool, keyring: Keyring, policy: Policy, org_id: UUID, connection_id: UUID) -> None:
        self._pool = pool
        self._ring = keyring
        self._policy = policy
        self._ids = (org_id, connection_id)
        self._connection_id = connection_id
        self._me = uuid4()

    async def current(self, rejected: str | None = None, *, anew: bool = False) -> AccessToken:
        """A token that is good for a while. `rejected` is one that the API has refused, `anew` asks the vendor anyway.

        Raises AUTH_ERROR where the vendor refuses, `Retryable` where it does not answer, and CONNECTION_ERROR for a
        connection that is gone.
        """
        until = steady_seconds() + _PATIENCE
        while True:
            found = await self._found()
            if not anew and _is_good(found.token, rejected):
                return found.token  # type: ignore[return-value]
            if await self._lease():
                return await self._renewed(rejected, anew)
            if steady_seconds() > until:
                text = f"The access token of the connection {found.slug} is being renewed by another process for long."
                raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"connection": found.slug})
            await asyncio.sleep(_LOOK_SECONDS)  # another one renews it: nothing tells us, so we look

    async def _renewed(self, rejected: str | None, anew: bool) -> AccessToken:
        try:
            found = await self._found()  # whoever had the lease before may have brought one
            if not anew and _is_good(found.token, rejected):
                return found.token  # type: ignore[return-value]
            try:
                found, answer = await self._asked(found)
            except Retryable:
                if found.token and found.token.text != rejected and found.token.ends_at > now().timestamp():
                    return found.token
                raise
            await self._save(found, answer)
            return answer.token
        finally:
            await self._pool.execute(_RELEASE, self._connection_id, self._me)

    async def _asked(self, found: _Found) -> tuple[_Found, Answer]:
        """The vendor's answer, and to what; refused credentials that were changed meanwhile are tried once more."""
        from vai_records.connections import token_requests  # an HTTP client: most processes never need it

        try:
            return found, await token_requests.ask(found.oauth, found.slug, self._policy)
        except Permanent:
            later = await self._found()
            if later.oauth.fingerprint == found.oauth.fingerprint:
                raise
            return later, await token_requests.ask(later.oauth, later.slug, self._policy)

    async def _found(self) -> _Found:
        org_id, connection_id = self._ids
        row = await self._pool.fetchrow(_READ, connection_id, org_id)
        if row is None:
            raise Permanent(ErrorCode.CONNECTION_ERROR, "The run's connection was deleted; choose another one.")
        credentials = self._opened(row["credentials"]) or {}
        oauth = _usable(row["slug"], credentials, row["config"])
        token = self._token(row["token"], oauth)
        return _Found(row["slug"], oauth, row["credentials"], credentials, token)

    async def _lease(self) -> bool:
        org_id, connection_id = self._ids
        return await self._pool.fetchval(_LEASE, connection_id, org_id, self._me, LEASE_SECONDS) is not None

    async def _save(self, found: _Found, answer: Answer) -> None:
        """The token and, where it was rotated, the refresh token: in one transaction."""
        oauth = found.oauth if answer.refresh_token is None else found.oauth.rotated(answer.refresh_token)
        token = answer.token
        kept = {"of": oauth.fingerprint, "text": token.text, "renew_at": token.renew_at, "ends_at": token.ends_at}
        async with self._pool.acquire() as conn, conn.transaction():
            if answer.refresh_token is not None:
                await self._rotate(conn, found, answer.refresh_token)
            await conn.execute(_SAVE, self._connection_id, self._me, self._sealed(kept))

    async def _rotate(self, conn: Queries, found: _Found, refresh_token: str) -> None:
        """Write the new refresh token, as long as the old one is the one that is there."""
        sealed: bytes | None = found.sealed
        while sealed is not None:
            known = self._opened(sealed) or {}
            if known.get("refresh_token") != found.oauth.refresh_token:
                return  # somebody has given other credentials meanwhile: theirs count
            new = self._sealed({**known, "refresh_token": refresh_token})
            if await conn.execute(_ROTATE, self._connection_id, sealed, new) == "UPDATE 1":
                return
            row = await conn.fetchrow(_READ, self._connection_id, self._ids[0])
            sealed = row["credentials"] if row else None  # encrypted again by a newer key, perhaps

    def _token(self, envelope: bytes | None, oauth: OAuth) -> AccessToken | None:
        try:
            kept = self._opened(envelope)
        except SecretError:
            return None  # its key is gone: another one is got
        if kept is None or kept["of"] != oauth.fingerprint:
            return None
        return AccessToken(kept["text"], kept["renew_at"], kept["ends_at"])

    def _opened(self, envelope: bytes | None) -> Json | None:
        found: Json | None = None if envelope is None else self._ring.decrypt_json(envelope, *self._ids)
        return found

    def _sealed(self, value: Json) -> bytes:
        return self._ring.encrypt(orjson.dumps(value), *self._ids)


def with_token(credentials: Mapping[str, Any], token: AccessToken) -> Json:
    """A connection's credentials as those who use it get them: with the token, without what it was got with."""
    return {name: value for name, value in credentials.items() if name not in KEPT} | {"access_token": token.text}


def _is_good(token: AccessToken | None, rejected: str | None) -> bool:
    return token is not None and token.text != rejected and token.renew_at > now().timestamp()


def _usable(slug: str, credentials: Json, config: Json) -> OAuth:
    try:
        oauth = oauth_of(credentials, config)
    except Unfit as error:
        text = f"The credentials of the connection {slug} cannot be used for HTTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": slug}) from error
    if oauth is None:
        text = f"The connection {slug} has no OAuth 2 any more: start the run again."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": slug})
    return oauth

"""Checks tokens of the OIDC issuer that the operator trusts: which user of which organisation they belong to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from vai_api_gateway.auth.jwks import KeySource, key_source
from vai_api_gateway.auth.tokens import BadToken
from vai_api_gateway.settings import Settings
from vai_common.egress.addresses import PUBLIC, Policy
from vai_records.people.emails import NoEmail, email_of

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only signatures by a private key. With `none` or a shared secret (HS…) others could forge a token."""

_LEEWAY_SECONDS = 10

_INSIDE = Policy.parse("loopback,private")
"""Where the issuer may be with VAI_OIDC_PRIVATE."""


@dataclass(frozen=True)
class Identity:
    """The user that a token names. `organisation` is a slug or an id, or None if it names none."""

    email: str
    organisation: str | None
    ends_at: datetime


class Oidc:
    """One issuer. The claim `iss` tells its tokens from our own."""

    def __init__(self, settings: Settings, source: KeySource | None = None) -> None:
        self._issuer = settings.oidc_issuer
        self._audience = [word.strip() for word in settings.oidc_audience.split(",") if word.strip()]
        self._organisation = settings.oidc_organisation
        self._claim = settings.oidc_organisation_claim
        self.session = timedelta(hours=settings.oidc_session_hours)
        self._trusts_emails = settings.oidc_trust_emails
        self._source = source or key_source(settings.oidc_jwks, _INSIDE if settings.oidc_private else PUBLIC)

    def issued(self, text: str) -> bool:
        """Whether the token claims to be this issuer's. It is not verified yet."""
        try:
            claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
        except jwt.PyJWTError:
            return False
        return claims.get("iss") == self._issuer

    async def read(self, text: str) -> Identity:
        """The user of the token. Raises `BadToken`, and `NoKeys` while the issuer's keys cannot be read."""
        try:
            key = await self._key(jwt.get_unverified_header(text))
            claims = jwt.decode(
                text,
                key,
                _ALGORITHMS,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
            )
            return self._identity(claims)
        except (jwt.PyJWTError, NoEmail, ValueError, OverflowError) as error:
            raise BadToken from error

    async def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        wanted = header.get("kid")
        if header.get("alg") not in _ALGORITHMS:
            raise BadToken
        keys = await self._source.keys(wanted)
        if wanted not in keys:
            raise BadToken
        return keys[wanted]

    def _identity(self, claims: dict[str, Any]) -> Identity:
        """Only a verified email counts: any user can type another person's address."""
        if claims.get("email_verified") is not True and not self._trusts_emails:
            raise BadToken
        organisation = self._organisation or claims.get(self._claim)
        if organisation is not None and not isinstance(organisation, str):
            raise BadToken
        return Identity(email_of(claims.get("email")), organisation, datetime.fromtimestamp(claims["exp"], UTC))


def oidc_of(settings: Settings) -> Oidc | None:
    """None if no issuer is configured."""
    return Oidc(settings) if settings.oidc_issuer else None

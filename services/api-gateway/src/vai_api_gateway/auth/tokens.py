"""Our own signed tokens: making and checking them (decision 26)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from vai_common import clock
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_records.people.sessions import Session

ISSUER = "vai"
_ALGORITHM = "HS256"
_REQUIRED = ["exp", "sub", "org", "role"]


class BadToken(Exception):
    """The token is not ours, was changed, or has ended."""


class Tokens:
    """Signs and verifies with one secret. Whether a token's user and key still exist is checked in the database."""

    def __init__(self, secret: str, hours: float) -> None:
        self._secret = secret
        self._hours = hours

    def issue(self, holder: Session) -> tuple[str, datetime]:
        """A new token, and when it ends: after the usual hours, and never later than `holder.ends_at`."""
        made = clock.now().replace(microsecond=0)
        ends = min(made + timedelta(hours=self._hours), holder.ends_at.replace(microsecond=0))
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": str(holder.user_id),
            "org": str(holder.org_id),
            "role": holder.role,
        }
        claims |= {"iat": made, "exp": ends, "jti": str(uuid7()), "ver": holder.version}
        if holder.key_id is not None:
            claims["key"] = str(holder.key_id)
        return jwt.encode(claims, self._secret, _ALGORITHM), ends

    def read(self, text: str) -> Session:
        """The claims of a token. Raises `BadToken`."""
        try:
            found = jwt.decode(text, self._secret, [_ALGORITHM], options={"require": _REQUIRED}, issuer=ISSUER)
            ends = datetime.fromtimestamp(found["exp"], UTC)
            key, name = found.get("key"), found.get("jti")
            return Session(
                UUID(found["org"]),
                UUID(found["sub"]),
                Role(found["role"]),
                ends,
                int(found.get("ver", 0)),
                UUID(name) if name else None,
                UUID(key) if key else None,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise BadToken from error

"""The token of a link: signed, good for one link alone, and for nothing else (decision 55)."""

from datetime import datetime
from uuid import UUID

import jwt

from vai_api_gateway.auth.tokens import BadToken

_ISSUER = "vai-flashboard"
"""Not that of sessions: neither is taken for the other."""

_ALGORITHM = "HS256"


def token_of(secret: str, share_id: UUID, expires_at: datetime) -> str:
    """Whether the link was revoked is checked in the database."""
    return jwt.encode({"iss": _ISSUER, "share": str(share_id), "exp": expires_at}, secret, _ALGORITHM)


def share_of(secret: str, text: str) -> UUID:
    """The id of the link. Raises `BadToken`."""
    try:
        found = jwt.decode(text, secret, [_ALGORITHM], options={"require": ["exp", "share"]}, issuer=_ISSUER)
        return UUID(found["share"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise BadToken from error

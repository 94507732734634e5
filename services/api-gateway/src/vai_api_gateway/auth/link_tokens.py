"""The token of a link: signed, good until it ends, for one thing alone (decision 55)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import jwt

from vai_api_gateway.auth.tokens import BadToken

LinkTo = Literal["flashboard", "artifact"]

_ALGORITHM = "HS256"


def token_of(secret: str, to: LinkTo, subject: UUID, expires_at: datetime) -> str:
    """What else may end the link is in the database."""
    return jwt.encode({"iss": _issuer(to), "sub": str(subject), "exp": expires_at}, secret, _ALGORITHM)


def subject_of(secret: str, to: LinkTo, text: str) -> UUID:
    """The id of what the link leads to. Raises `BadToken`."""
    try:
        found = jwt.decode(text, secret, [_ALGORITHM], options={"require": ["exp", "sub"]}, issuer=_issuer(to))
        return UUID(found["sub"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise BadToken from error


def _issuer(to: LinkTo) -> str:
    """Not that of sessions, and another for each: none is taken for another."""
    return f"vai-{to}"

"""The token of a link: signed, good until it ends, for one thing alone (decision 55)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import jwt
from fastapi import Request

from vai_api_gateway.auth.authenticator import Authenticator

LinkTo = Literal["flashboard", "artifact"]

_ALGORITHM = "HS256"


def token_of(secret: str, to: LinkTo, subject: UUID, expires_at: datetime) -> str:
    """What else may end the link is in the database."""
    return jwt.encode({"iss": _issuer(to), "sub": str(subject), "exp": expires_at}, secret, _ALGORITHM)


def linked_to(authenticator: Authenticator, secret: str, request: Request, to: LinkTo) -> UUID | None:
    """The id of what the link in the path leads to; None where it has ended or is none, which counts as a guess.

    Raises `Problem` 429 for who has guessed too often.
    """
    authenticator.refuse_guessing(request)
    try:
        found = jwt.decode(
            request.path_params["token"], secret, [_ALGORITHM], options={"require": ["exp", "sub"]}, issuer=_issuer(to)
        )
        return UUID(found["sub"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        authenticator.guessed(request)
        return None


def _issuer(to: LinkTo) -> str:
    """Not that of sessions, and another for each: none is taken for another."""
    return f"vai-{to}"

"""Writes answers: plain values as JSON by orjson, times in UTC; and pages of lists."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Response
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_api_gateway.http.shapes import KIND_NAMES, STATUS_NAMES
from vai_api_gateway.problems import ProblemBody
from vai_records.people import people
from vai_records.refused import Place, refused


def _in_digits(value: str | int) -> str | int:
    """Only digits: Python would also read 1_0, 5.0 and spaces around a number."""
    if isinstance(value, str) and _DIGITS.fullmatch(value) is None:
        raise ValueError("write a whole number in digits")
    return value


_DIGITS = re.compile(r"-?[0-9]{1,19}")
InDigits = BeforeValidator(_in_digits)
"""For every number of a query."""

Limit = Annotated[int, Query(ge=1, le=100), InDigits]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1), InDigits]
Words = Annotated[list[str] | None, Query()]


def one_of(names: Iterable[str]) -> WithJsonSchema:
    """How a word of an array parameter is documented. `words` reads it, also in upper case and with commas between."""
    return WithJsonSchema({"type": "string", "enum": [str(name) for name in names]})


KindWords = Annotated[list[Annotated[str, one_of(KIND_NAMES)]] | None, Query()]
StatusWords = Annotated[list[Annotated[str, one_of(STATUS_NAMES)]] | None, Query()]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": ProblemBody, "description": text}
    for code, text in (
        (401, "No good credential"),
        (403, "The role, or the scopes of the API key, are not enough"),
        (404, "Not found, or another organisation's"),
        (409, "Not in this state; the message says what is possible"),
        (413, "The body is too large"),
        (415, "The body's Content-Type is not JSON, or is compressed"),
        (422, "A value is wrong; `loc` says which"),
        (503, "Too busy, or the database is away; try again"),
    )
}
"""What every route may answer besides success."""


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; takes UUIDs and times as they are."""
    try:
        body = orjson.dumps(value, _plain, orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        # Old rows may be nested deeper than the 254 levels that orjson writes.
        body = json.dumps(value, ensure_ascii=False, default=_spelled).encode()
    return Response(body, status, dict(headers) if headers else None, media_type="application/json")


def _plain(value: Any) -> str:
    """The driver's UUIDs are a subclass, which orjson does not take by itself."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return _plain(value)


def nothing() -> Response:
    return Response(status_code=204)


def words(values: list[str] | None, allowed: Iterable[str], name: str) -> tuple[str, ...]:
    """An array parameter, repeated or comma-separated, in either case (decisions 2 and 5). Raises `Problem` 422."""
    given = [word.strip().lower() for value in values or () for word in value.split(",") if word.strip()]
    known = tuple(allowed)
    for word in given:
        if word not in known:
            raise refused(("query", name), f"must be one of {', '.join(known)}, not {word!r}", "enum")
    return tuple(dict.fromkeys(given))


async def page(
    conn: AsyncConnection,
    org_id: UUID,
    name: str,
    items: list[dict[str, Any]],
    people_named: Iterable[UUID | None],
    bounds: tuple[int, int, int],
) -> dict[str, Any]:
    """One page of a list; `bounds` are limit, offset and total."""
    limit, offset, total = bounds
    return {
        name: items,
        "hasNext": offset + len(items) < total,
        "limit": limit,
        "offset": offset,
        "total": total,
        "users": await users_named(conn, org_id, people_named),
    }


async def users_named(conn: AsyncConnection, org_id: UUID, ids: Iterable[UUID | None]) -> dict[str, Any]:
    """The users whom the items of a list name, by their ids."""
    known = await people.users_by_id(conn, org_id, ids)
    return {user_id: user_json(user) for user_id, user in known.items()}


def check_range(begin: datetime | None, end: datetime | None, place: Place, end_name: str) -> None:
    """Raises `Refused` where no time lies between the two: nothing could match, and an empty list would hide that."""
    if begin is not None and end is not None and begin >= end:
        raise refused(
            place, f"no time lies between this and {end_name}; give an earlier time, or leave one of them out"
        )


def user_json(user: people.User) -> dict[str, Any]:
    return {
        "firstName": user.first_name,
        "id": user.id,
        "lastName": user.last_name,
        "profilePictureUrl": user.profile_picture_url,
    }

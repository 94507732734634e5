"""API keys as they may be shown: all but the key itself, which is told once (`people.people.create_key`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_records.people.people import SHOWN_OF_KEY, Role
from vai_records.schema.tables import api_keys


class KeyState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class ApiKey:
    id: UUID
    user_id: UUID
    name: str
    prefix: str
    role: Role
    state: KeyState
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


_K = api_keys.c
_STATE = case(
    (_K.revoked_at.is_not(None), KeyState.REVOKED.value),
    (_K.expires_at <= func.clock_timestamp(), KeyState.EXPIRED.value),
    else_=KeyState.ACTIVE.value,
)
_SHOWN: Select[Any] = select(
    _K.id,
    _K.user_id,
    _K.name,
    _K.prefix,
    _K.role,
    _STATE.label("state"),
    _K.expires_at,
    _K.last_used_at,
    _K.revoked_at,
    _K.created_at,
)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**{**row._mapping, "role": Role(row.role), "state": KeyState(row.state)})


def _seen_by(org_id: UUID, user_id: UUID | None) -> ColumnElement[bool]:
    return _K.org_id == org_id if user_id is None else and_(_K.org_id == org_id, _K.user_id == user_id)


async def get(conn: AsyncConnection, org_id: UUID, user_id: UUID | None, key_id: UUID) -> ApiKey | None:
    """A key of the organisation, and of this user where one is given."""
    row = (await conn.execute(_SHOWN.where(_seen_by(org_id, user_id), _K.id == key_id))).one_or_none()
    return None if row is None else _key(row)


async def list_page(
    conn: AsyncConnection,
    org_id: UUID,
    user_id: UUID | None,
    *,
    q: str | None,
    states: Sequence[str],
    limit: int,
    offset: int,
) -> tuple[list[ApiKey], int]:
    """A page of keys, newest first, and how many there are; `q` is part of a name, or how the key begins.

    A whole key is found by its beginning: it need not be cut off by hand.
    """
    wanted = _seen_by(org_id, user_id)
    if q:
        begins = _K.prefix.startswith(q[:SHOWN_OF_KEY], autoescape=True)
        wanted = and_(wanted, or_(_K.name.icontains(q, autoescape=True), begins))
    if states:
        wanted = and_(wanted, _STATE.in_(states))
    total = (await conn.execute(select(func.count()).select_from(api_keys).where(wanted))).scalar_one()
    rows = await conn.execute(_SHOWN.where(wanted).order_by(_K.id.desc()).limit(limit).offset(offset))
    return [_key(row) for row in rows], total

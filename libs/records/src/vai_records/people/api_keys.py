"""API keys: making, revoking, checking and listing them. The key itself is shown once, when it is made."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_records.people.people import Actor, Role, forget_keys
from vai_records.schema.tables import api_keys, memberships, organisations

KEY_PREFIX = "vai_"
SHOWN_OF_KEY = 12
"""How many characters of a key are stored as they are, so that it can be recognised."""


class KeyStatus(StrEnum):
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
    scopes: Sequence[str] | None
    state: KeyStatus
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class NewKey:
    """A key as it is told once: `secret` is stored nowhere, only its hash is."""

    id: UUID
    secret: str


_K = api_keys.c
_STATE = case(
    (_K.revoked_at.is_not(None), KeyStatus.REVOKED.value),
    (_K.expires_at <= func.clock_timestamp(), KeyStatus.EXPIRED.value),
    else_=KeyStatus.ACTIVE.value,
)
_SHOWN: Select[Any] = select(
    _K.id,
    _K.user_id,
    _K.name,
    _K.prefix,
    _K.role,
    _K.scopes,
    _STATE.label("state"),
    _K.expires_at,
    _K.last_used_at,
    _K.revoked_at,
    _K.created_at,
)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**{**row._mapping, "role": Role(row.role), "state": KeyStatus(row.state)})


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
    of: UUID | None = None,
    q: str | None,
    states: Sequence[str],
    limit: int,
    offset: int,
) -> tuple[list[ApiKey], int]:
    """A page of keys, newest first, and how many there are; `q` is part of a name, or how the key begins.

    A whole key is found by its beginning: it need not be cut off by hand.
    """
    wanted = _seen_by(org_id, user_id)
    if of is not None:
        wanted = and_(wanted, _K.user_id == of)
    if q:
        begins = _K.prefix.startswith(q[:SHOWN_OF_KEY], autoescape=True)
        wanted = and_(wanted, or_(_K.name.icontains(q, autoescape=True), begins))
    if states:
        wanted = and_(wanted, _STATE.in_(states))
    total = (await conn.execute(select(func.count()).select_from(api_keys).where(wanted))).scalar_one()
    rows = await conn.execute(_SHOWN.where(wanted).order_by(_K.id.desc()).limit(limit).offset(offset))
    return [_key(row) for row in rows], total


def key_hash(secret: str) -> bytes:
    """What is stored of an API key. The keys are long and random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def is_api_key(credential: str) -> bool:
    return credential.startswith(KEY_PREFIX)


async def create_key(
    conn: AsyncConnection,
    org_id: UUID,
    user_id: UUID,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
    scopes: Sequence[str] | None = None,
) -> NewKey:
    """Make an API key that acts for a member of the organisation; without `scopes` it may do all that its role may."""
    key = NewKey(uuid7(), KEY_PREFIX + secrets.token_urlsafe(32))
    stored = {"id": key.id, "org_id": org_id, "user_id": user_id, "name": name, "role": role, "expires_at": expires_at}
    stored |= {"scopes": None if scopes is None else sorted(set(scopes))}
    stored |= {"prefix": key.secret[:SHOWN_OF_KEY], "key_hash": key_hash(key.secret)}
    await conn.execute(insert(api_keys).values(stored))
    return key


async def end_after(conn: AsyncConnection, org_id: UUID, key_id: UUID, minutes: int) -> None:
    """Let a key that is live end in so many minutes, unless it ends before."""
    soon = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, minutes)
    mine = and_(_K.id == key_id, _K.org_id == org_id, _K.revoked_at.is_(None))
    await conn.execute(update(api_keys).where(mine).values(expires_at=func.least(_K.expires_at, soon)))
    await forget_keys(conn, org_id)


async def revoke_key(conn: AsyncConnection, org_id: UUID, key_id: UUID) -> bool:
    """Make a key worthless at once, on every gateway; False where the organisation has no such live key."""
    mine = and_(api_keys.c.id == key_id, api_keys.c.org_id == org_id, api_keys.c.revoked_at.is_(None))
    done = await conn.execute(update(api_keys).where(mine).values(revoked_at=func.clock_timestamp()))
    await forget_keys(conn, org_id)
    return done.rowcount == 1


async def holder_of(conn: AsyncConnection, hashed: bytes) -> Actor | None:
    """The user of a key, never with more than the user's role. None if the key is unknown, revoked or expired, or if
    the user has left the organisation or is a service account that is disabled.
    """
    of_user = and_(memberships.c.org_id == api_keys.c.org_id, memberships.c.user_id == api_keys.c.user_id)
    joined = api_keys.join(memberships, of_user).join(organisations, organisations.c.id == api_keys.c.org_id)
    live = and_(
        memberships.c.removed_at.is_(None),
        memberships.c.disabled_at.is_(None),
        api_keys.c.key_hash == hashed,
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.clock_timestamp()),
    )
    wanted = select(
        api_keys,
        memberships.c.role.label("member_role"),
        memberships.c.token_version,
        memberships.c.is_service,
        organisations.c.settings,
    )
    row = (await conn.execute(wanted.select_from(joined).where(live))).one_or_none()
    if row is None:
        return None
    role = min(Role(row.role), Role(row.member_role), key=Role.rank)
    return Actor(
        row.org_id,
        row.user_id,
        role,
        row.settings,
        row.id,
        row.expires_at,
        row.token_version,
        None if row.scopes is None else frozenset(row.scopes),
        row.is_service,
    )


async def touch_keys(conn: AsyncConnection, used: Mapping[UUID, datetime]) -> None:
    """Write when keys were last used, in id order; a later time that is there already stays."""
    if not used:
        return
    later = func.greatest(api_keys.c.last_used_at, bindparam("used_at"))
    statement = update(api_keys).where(api_keys.c.id == bindparam("key_id")).values(last_used_at=later)
    await conn.execute(statement, [{"key_id": key_id, "used_at": used[key_id]} for key_id in sorted(used)])

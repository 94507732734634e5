"""Organisations, the people in them, and the API keys that act for them (decision 26)."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Text, and_, bindparam, cast, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_records.schema.tables import api_keys, memberships, organisations, users

KEYS_CHANGED = "keys_changed"
"""The NOTIFY channel that says: forget the keys that you know."""

KEY_PREFIX = "vai_"
SHOWN_OF_KEY = 12
"""How many characters of a key are stored as they are, so that it can be recognised."""


class Role(StrEnum):
    """What a person or a key may do; each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def rank(self) -> int:
        return _RANKS[self]

    def covers(self, other: "Role") -> bool:
        return self.rank() >= other.rank()


_RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Organisation:
    id: UUID
    slug: str
    name: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class User:
    id: UUID
    first_name: str | None
    last_name: str | None
    profile_picture_url: str | None


@dataclass(frozen=True)
class Actor:
    """Who asks, and in which organisation; `key_id` and `expires_at` where an API key acts for the user.

    A signed token for this user is good as long as `token_version` stays.
    """

    org_id: UUID
    user_id: UUID
    role: Role
    settings: dict[str, Any]
    key_id: UUID | None = None
    expires_at: datetime | None = None
    token_version: int = 0


@dataclass(frozen=True)
class NewKey:
    """A key as it is told once: `secret` is stored nowhere, only its hash is."""

    id: UUID
    secret: str


def key_hash(secret: str) -> bytes:
    """What is stored of an API key. The keys are long and random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def is_api_key(credential: str) -> bool:
    return credential.startswith(KEY_PREFIX)


async def create_organisation(conn: AsyncConnection, slug: str, name: str, settings: dict[str, Any]) -> UUID:
    """Make an organisation; its slug is unique on the platform."""
    org_id = uuid7()
    await conn.execute(insert(organisations).values(id=org_id, slug=slug, name=name, settings=settings))
    return org_id


async def organisation(conn: AsyncConnection, org_id: UUID) -> Organisation | None:
    columns = (organisations.c.id, organisations.c.slug, organisations.c.name, organisations.c.settings)
    row = (await conn.execute(select(*columns).where(organisations.c.id == org_id))).one_or_none()
    return None if row is None else Organisation(row.id, row.slug, row.name, row.settings)


async def change_organisation(
    conn: AsyncConnection, org_id: UUID, name: str | None, settings: Mapping[str, Any]
) -> Organisation | None:
    """Rename it (None keeps the name) and set these settings; None as a setting's value takes it away."""
    values: dict[str, Any] = {} if name is None else {"name": name}
    if settings:
        given = {key: value for key, value in settings.items() if value is not None}
        gone = [key for key, value in settings.items() if value is None]
        values["settings"] = organisations.c.settings.op("-")(cast(gone, ARRAY(Text))).op("||")(cast(given, JSONB))
    if values:
        await conn.execute(update(organisations).where(organisations.c.id == org_id).values(values))
        await forget_keys(conn, org_id)
    return await organisation(conn, org_id)


async def create_user(
    conn: AsyncConnection, email: str, first_name: str | None = None, last_name: str | None = None
) -> UUID:
    user_id = uuid7()
    values = {"id": user_id, "email": email, "first_name": first_name, "last_name": last_name}
    await conn.execute(insert(users).values(values))
    return user_id


async def add_member(conn: AsyncConnection, org_id: UUID, user_id: UUID, role: Role) -> None:
    """Make the user a member, under the names that they have as a user."""
    values = {"org_id": org_id, "user_id": user_id, "role": role}
    names = (users.c.first_name, users.c.last_name, users.c.profile_picture_url)
    row = (await conn.execute(select(*names).where(users.c.id == user_id))).one()
    await conn.execute(insert(memberships).values({**values, **row._mapping}))


async def member(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> Actor | None:
    """The user as a member of the organisation; None for one who is not."""
    mine = and_(memberships.c.org_id == org_id, memberships.c.user_id == user_id, memberships.c.removed_at.is_(None))
    joined = memberships.join(organisations, organisations.c.id == memberships.c.org_id)
    columns = (memberships.c.role, organisations.c.settings, memberships.c.token_version)
    row = (await conn.execute(select(*columns).select_from(joined).where(mine))).one_or_none()
    if row is None:
        return None
    return Actor(org_id, user_id, Role(row.role), row.settings, token_version=row.token_version)


async def create_key(
    conn: AsyncConnection, org_id: UUID, user_id: UUID, name: str, role: Role, expires_at: datetime | None = None
) -> NewKey:
    """Make an API key that acts for a user of the organisation."""
    key = NewKey(uuid7(), KEY_PREFIX + secrets.token_urlsafe(32))
    stored = {"id": key.id, "org_id": org_id, "user_id": user_id, "name": name, "role": role, "expires_at": expires_at}
    stored |= {"prefix": key.secret[:SHOWN_OF_KEY], "key_hash": key_hash(key.secret)}
    await conn.execute(insert(api_keys).values(stored))
    return key


async def revoke_key(conn: AsyncConnection, org_id: UUID, key_id: UUID) -> bool:
    """Make a key worthless at once, on every gateway; False where the organisation has no such live key."""
    mine = and_(api_keys.c.id == key_id, api_keys.c.org_id == org_id, api_keys.c.revoked_at.is_(None))
    done = await conn.execute(update(api_keys).where(mine).values(revoked_at=func.clock_timestamp()))
    await forget_keys(conn, org_id)
    return done.rowcount == 1


async def forget_keys(conn: AsyncConnection, org_id: UUID | None = None) -> None:
    """Have every gateway ask again who is who, as soon as this transaction is committed.

    `org_id` where it is about one organisation alone: others go on as they are known. A user may be in several.
    """
    named = "" if org_id is None else f", '{org_id}'"
    await conn.execute(text(f"NOTIFY {KEYS_CHANGED}{named}"))


async def holder_of(conn: AsyncConnection, hashed: bytes) -> Actor | None:
    """Whom a key acts for, never with more than its user's role; None where it is unknown, revoked or expired.

    A key whose user has left the organisation is worth nothing.
    """
    of_user = and_(memberships.c.org_id == api_keys.c.org_id, memberships.c.user_id == api_keys.c.user_id)
    joined = api_keys.join(memberships, of_user).join(organisations, organisations.c.id == api_keys.c.org_id)
    live = and_(
        memberships.c.removed_at.is_(None),
        api_keys.c.key_hash == hashed,
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.clock_timestamp()),
    )
    wanted = select(
        api_keys, memberships.c.role.label("member_role"), memberships.c.token_version, organisations.c.settings
    )
    row = (await conn.execute(wanted.select_from(joined).where(live))).one_or_none()
    if row is None:
        return None
    role = min(Role(row.role), Role(row.member_role), key=Role.rank)
    return Actor(row.org_id, row.user_id, role, row.settings, row.id, row.expires_at, row.token_version)


async def touch_keys(conn: AsyncConnection, used: Mapping[UUID, datetime]) -> None:
    """Write when keys were last used, in id order; a later time that is there already stays."""
    if not used:
        return
    later = func.greatest(api_keys.c.last_used_at, bindparam("used_at"))
    statement = update(api_keys).where(api_keys.c.id == bindparam("key_id")).values(last_used_at=later)
    await conn.execute(statement, [{"key_id": key_id, "used_at": used[key_id]} for key_id in sorted(used)])


async def users_by_id(conn: AsyncConnection, org_id: UUID, ids: Iterable[UUID | None]) -> dict[str, User]:
    """The organisation's users among `ids`, also those who have left it; ids that are nobody's are left out."""
    wanted = {user_id for user_id in ids if user_id is not None}
    if not wanted:
        return {}
    m = memberships.c
    columns = (m.user_id, m.first_name, m.last_name, m.profile_picture_url)
    rows = await conn.execute(select(*columns).where(m.org_id == org_id, m.user_id.in_(wanted)))
    return {str(row.user_id): User(row.user_id, row.first_name, row.last_name, row.profile_picture_url) for row in rows}

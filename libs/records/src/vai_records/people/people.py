"""Organisations, the people in them, and the API keys that act for them (decision 26)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Text, and_, cast, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_records.schema.tables import memberships, organisations, users

KEYS_CHANGED = "keys_changed"
"""The NOTIFY channel that says: forget the keys that you know."""


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

    A signed token for this user is good as long as `token_version` stays. `scopes` narrow what the key may do
    within its role; None: they do not.
    """

    org_id: UUID
    user_id: UUID
    role: Role
    settings: dict[str, Any]
    key_id: UUID | None = None
    expires_at: datetime | None = None
    token_version: int = 0
    scopes: frozenset[str] | None = None
    is_service: bool = False


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


async def forget_keys(conn: AsyncConnection, org_id: UUID | None = None) -> None:
    """Have every gateway ask again who is who, as soon as this transaction is committed.

    `org_id` where it is about one organisation alone: others go on as they are known. A user may be in several.
    """
    named = "" if org_id is None else f", '{org_id}'"
    await conn.execute(text(f"NOTIFY {KEYS_CHANGED}{named}"))


async def users_by_id(conn: AsyncConnection, org_id: UUID, ids: Iterable[UUID | None]) -> dict[str, User]:
    """The organisation's users among `ids`, also those who have left it; ids that are nobody's are left out."""
    wanted = {user_id for user_id in ids if user_id is not None}
    if not wanted:
        return {}
    m = memberships.c
    columns = (m.user_id, m.first_name, m.last_name, m.profile_picture_url)
    rows = await conn.execute(select(*columns).where(m.org_id == org_id, m.user_id.in_(wanted)))
    return {str(row.user_id): User(row.user_id, row.first_name, row.last_name, row.profile_picture_url) for row in rows}

"""The people of an organisation, as its administrators see and change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.ids import uuid7
from records.people import Role, forget_keys
from records.tables import api_keys, memberships, organisations, users


class AlreadyMember(Exception):
    """Somebody with this email is in the organisation."""


class LastAdmin(Exception):
    """The change would leave the organisation without an administrator."""


@dataclass(frozen=True)
class Member:
    """A person as their organisation knows them; the password is not part of it."""

    id: UUID
    email: str
    first_name: str | None
    last_name: str | None
    profile_picture_url: str | None
    role: Role
    has_password: bool
    created_at: datetime


_M = memberships.c


def _members(org_id: UUID) -> Select[Any]:
    columns = (
        users.c.id,
        users.c.email,
        _M.first_name,
        _M.last_name,
        _M.profile_picture_url,
        _M.role,
        _M.password_hash.is_not(None).label("has_password"),
        _M.created_at,
    )
    joined = memberships.join(users, users.c.id == _M.user_id)
    return select(*columns).select_from(joined).where(_M.org_id == org_id, _M.removed_at.is_(None))


def _member(row: Row[Any]) -> Member:
    return Member(**{**row._mapping, "role": Role(row.role)})


def _mine(org_id: UUID, user_id: UUID) -> ColumnElement[bool]:
    return and_(_M.org_id == org_id, _M.user_id == user_id, _M.removed_at.is_(None))


async def get(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> Member | None:
    row = (await conn.execute(_members(org_id).where(_M.user_id == user_id))).one_or_none()
    return None if row is None else _member(row)


async def list_page(
    conn: AsyncConnection, org_id: UUID, *, q: str | None, roles: Sequence[str], limit: int, offset: int
) -> tuple[list[Member], int]:
    """A page of the organisation's people by email, and how many there are; `q` searches emails and names."""
    wanted = _members(org_id)
    if q:
        fields = (users.c.email, _M.first_name, _M.last_name)
        wanted = wanted.where(or_(*(field.icontains(q, autoescape=True) for field in fields)))
    if roles:
        wanted = wanted.where(_M.role.in_(roles))
    total = (await conn.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
    rows = await conn.execute(wanted.order_by(users.c.email).limit(limit).offset(offset))
    return [_member(row) for row in rows], total


async def add(conn: AsyncConnection, org_id: UUID, email: str, values: dict[str, Any]) -> Member:
    """Make the person of this email a member with these columns of the membership. Raises `AlreadyMember`.

    Whether they are known to another organisation makes no difference that could be seen.
    """
    await conn.execute(insert(users).values(id=uuid7(), email=email).on_conflict_do_nothing(index_elements=["email"]))
    user_id = (await conn.execute(select(users.c.id).where(users.c.email == email))).scalar_one()
    fresh = {"first_name": None, "last_name": None, "password_hash": None, **values}
    again = {**fresh, "removed_at": None, "created_at": func.clock_timestamp(), "token_version": _M.token_version + 1}
    made = insert(memberships).values(org_id=org_id, user_id=user_id, **fresh)
    made = made.on_conflict_do_update(
        index_elements=["org_id", "user_id"], set_=again, where=_M.removed_at.is_not(None)
    )
    if (await conn.execute(made.returning(_M.user_id))).one_or_none() is None:
        raise AlreadyMember(email)
    member = await get(conn, org_id, user_id)
    assert member is not None
    return member


async def change(conn: AsyncConnection, org_id: UUID, user_id: UUID, values: dict[str, Any]) -> Member | None:
    """Set these columns of the membership; None where there is none. Raises `LastAdmin`.

    A new password ends the tokens that the old one gave.
    """
    if "role" in values and values["role"] != Role.ADMIN:
        await _keep_an_admin(conn, org_id, user_id)
    if "password_hash" in values:
        values = {**values, "token_version": _M.token_version + 1}
    if values:
        await conn.execute(update(memberships).where(_mine(org_id, user_id)).values(**values))
        await forget_keys(conn)
    return await get(conn, org_id, user_id)


async def remove(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> bool:
    """Take the person out: password, tokens and keys are worthless at once. False where there is no such member.

    What the person did keeps their name. Raises `LastAdmin`.
    """
    await _keep_an_admin(conn, org_id, user_id)
    gone = {"removed_at": func.clock_timestamp(), "password_hash": None, "token_version": _M.token_version + 1}
    done = await conn.execute(update(memberships).where(_mine(org_id, user_id)).values(**gone))
    if done.rowcount == 0:
        return False
    k = api_keys.c
    keys = and_(k.org_id == org_id, k.user_id == user_id, k.revoked_at.is_(None))
    await conn.execute(update(api_keys).where(keys).values(revoked_at=func.clock_timestamp()))
    await forget_keys(conn)
    return True


async def password_hash(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> str | None:
    """What is stored of a member's password."""
    found = await conn.execute(select(_M.password_hash).where(_mine(org_id, user_id)))
    hashed: str | None = found.scalar_one_or_none()
    return hashed


async def _keep_an_admin(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    """Two administrators who remove each other at once come one after the other."""
    await conn.execute(select(organisations.c.id).where(organisations.c.id == org_id).with_for_update())
    admins = select(_M.user_id).where(_M.org_id == org_id, _M.role == Role.ADMIN, _M.removed_at.is_(None))
    if (await conn.execute(admins)).scalars().all() == [user_id]:
        raise LastAdmin(user_id)

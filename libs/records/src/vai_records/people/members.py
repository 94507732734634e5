"""The people of an organisation, as its administrators see and change them."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common import clock
from vai_common.ids import uuid7
from vai_records.people.people import Role, forget_keys
from vai_records.schema.tables import api_keys, memberships, organisations, users


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
    accepted_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Invitation:
    """The word by which a person takes a membership: it is told once, and only its hash is stored."""

    secret: str
    ends_at: datetime

    @property
    def hashed(self) -> bytes:
        return invitation_hash(self.secret)


def new_invitation() -> Invitation:
    """Good for a week."""
    return Invitation(INVITATION_PREFIX + secrets.token_urlsafe(32), clock.now() + timedelta(days=INVITATION_DAYS))


def invitation_hash(secret: str) -> bytes:
    """What is stored of an invitation. The words are long and random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


INVITATION_DAYS = 7
INVITATION_PREFIX = "invite_"

_M = memberships.c


def _members(org_id: UUID) -> Select[Any]:
    columns = (
        _M.user_id.label("id"),
        _M.email,
        _M.first_name,
        _M.last_name,
        _M.profile_picture_url,
        _M.role,
        _M.password_hash.is_not(None).label("has_password"),
        _M.accepted_at,
        _M.created_at,
    )
    return select(*columns).where(_M.org_id == org_id, _M.removed_at.is_(None), ~_M.is_service)


def _member(row: Row[Any]) -> Member:
    return Member(**{**row._mapping, "role": Role(row.role)})


def _mine(org_id: UUID, user_id: UUID) -> ColumnElement[bool]:
    return and_(_M.org_id == org_id, _M.user_id == user_id, _M.removed_at.is_(None), ~_M.is_service)


async def get(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> Member | None:
    row = (await conn.execute(_members(org_id).where(_M.user_id == user_id))).one_or_none()
    return None if row is None else _member(row)


async def list_page(
    conn: AsyncConnection, org_id: UUID, *, q: str | None, roles: Sequence[str], limit: int, offset: int
) -> tuple[list[Member], int]:
    """A page of the organisation's people by email, and how many there are; `q` searches emails and names."""
    wanted = _members(org_id)
    if q:
        fields = (_M.email, _M.first_name, _M.last_name)
        wanted = wanted.where(or_(*(field.icontains(q, autoescape=True) for field in fields)))
    if roles:
        wanted = wanted.where(_M.role.in_(roles))
    total = (await conn.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
    rows = await conn.execute(wanted.order_by(_M.email).limit(limit).offset(offset))
    return [_member(row) for row in rows], total


async def add(
    conn: AsyncConnection, org_id: UUID, email: str, values: dict[str, Any], invitation: Invitation | None = None
) -> Member:
    """Make the person of this email a member with these columns of the membership. Raises `AlreadyMember`.

    The membership is an invitation until its person takes it. Whether they are known to another organisation makes no
    difference that could be seen: they have an id of their own here.
    """
    # Two who add the same person at once come one after the other.
    await conn.execute(select(organisations.c.id).where(organisations.c.id == org_id).with_for_update())
    known = select(_M.user_id, _M.removed_at).where(_M.org_id == org_id, _M.email == email)
    before = (await conn.execute(known.order_by(_M.removed_at.desc().nulls_first()).limit(1))).one_or_none()
    if before is not None and before.removed_at is None:
        raise AlreadyMember(email)
    fresh: dict[str, Any] = {
        "first_name": None,
        "last_name": None,
        "password_hash": None,
        "accepted_at": None,
        **values,
    }
    fresh |= {
        "invitation_hash": None if invitation is None else invitation.hashed,
        "invitation_ends_at": None if invitation is None else invitation.ends_at,
    }
    if before is None:
        user_id = await _new_user(conn, org_id, email)
        await conn.execute(insert(memberships).values(org_id=org_id, user_id=user_id, email=email, **fresh))
    else:
        user_id = before.user_id
        again = {**fresh, "removed_at": None, "created_at": func.clock_timestamp()}
        again["token_version"] = _M.token_version + 1
        mine = and_(_M.org_id == org_id, _M.user_id == user_id)
        await conn.execute(update(memberships).where(mine).values(**again))
    member = await get(conn, org_id, user_id)
    assert member is not None
    return member


async def _new_user(conn: AsyncConnection, org_id: UUID, email: str) -> UUID:
    """A user of this organisation's own. The column is unique from the time when people were shared."""
    made = insert(users).on_conflict_do_nothing(index_elements=["email"]).returning(users.c.id)
    for name in (email, f"{org_id}/{email}"):
        found = (await conn.execute(made.values(id=uuid7(), email=name))).scalar_one_or_none()
        if found is not None:
            return UUID(str(found))
    raise AlreadyMember(email)


async def accept(conn: AsyncConnection, secret: str, password_hash: str | None) -> tuple[UUID, UUID] | None:
    """Take an invitation, with a password of one's own where one is given: organisation and user; None for a bad one.

    It is good once. What an administrator had set as the password is gone.
    """
    mine = and_(
        _M.invitation_hash == invitation_hash(secret),
        _M.invitation_ends_at > func.clock_timestamp(),
        _M.removed_at.is_(None),
    )
    taken: dict[str, Any] = {"accepted_at": func.clock_timestamp(), "invitation_hash": None, "invitation_ends_at": None}
    if password_hash is not None:
        taken |= {"password_hash": password_hash, "token_version": _M.token_version + 1}
    done = update(memberships).where(mine).values(**taken).returning(_M.org_id, _M.user_id)
    row = (await conn.execute(done)).one_or_none()
    return None if row is None else (row.org_id, row.user_id)


async def invited(conn: AsyncConnection, secret: str) -> tuple[UUID, str] | None:
    """The organisation and the email that an invitation is for; None for a bad one."""
    mine = and_(
        _M.invitation_hash == invitation_hash(secret),
        _M.invitation_ends_at > func.clock_timestamp(),
        _M.removed_at.is_(None),
    )
    row = (await conn.execute(select(_M.org_id, _M.email).where(mine))).one_or_none()
    return None if row is None else (row.org_id, row.email)


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
    living = and_(_M.org_id == org_id, _M.removed_at.is_(None), ~_M.is_service)
    admins = select(_M.user_id).where(living, _M.role == Role.ADMIN)
    if (await conn.execute(admins)).scalars().all() == [user_id]:
        raise LastAdmin(user_id)

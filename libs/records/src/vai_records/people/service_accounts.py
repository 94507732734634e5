"""Service accounts: members of an organisation that are programs. They have a role and API keys, and nothing else.

Each is a membership like a person's, so that what it does names it; it has no email, no password and no invitation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_records.people.people import Role, forget_keys
from vai_records.schema.tables import api_keys, memberships, organisations, users

MOST: Final = 1_000
"""Of one organisation."""


class NameTaken(Exception):
    """Another service account of the organisation has the name."""


class TooMany(Exception):
    """The organisation has as many service accounts as it may have."""


@dataclass(frozen=True)
class ServiceAccount:
    """`active_keys` counts those that are neither revoked nor expired; `last_used_at` is of any of its keys."""

    id: UUID
    name: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime
    active_keys: int
    last_used_at: datetime | None


_M = memberships.c
_K = api_keys.c
_OF_IT = and_(_K.org_id == _M.org_id, _K.user_id == _M.user_id)
_ACTIVE = and_(_K.revoked_at.is_(None), func.coalesce(_K.expires_at > func.clock_timestamp(), True))


def _accounts(org_id: UUID) -> Select[Any]:
    keys = select(func.count()).select_from(api_keys).where(_OF_IT, _ACTIVE).scalar_subquery()
    used = select(func.max(_K.last_used_at)).where(_OF_IT).scalar_subquery()
    columns = (
        _M.user_id.label("id"),
        _M.first_name.label("name"),
        _M.role,
        _M.disabled_at,
        _M.created_at,
        keys.label("active_keys"),
        used.label("last_used_at"),
    )
    return select(*columns).where(_M.org_id == org_id, _M.is_service, _M.removed_at.is_(None))


def _account(row: Row[Any]) -> ServiceAccount:
    return ServiceAccount(**{**row._mapping, "role": Role(row.role)})


def _mine(org_id: UUID, account_id: UUID) -> ColumnElement[bool]:
    return and_(_M.org_id == org_id, _M.user_id == account_id, _M.is_service, _M.removed_at.is_(None))


async def get(conn: AsyncConnection, org_id: UUID, account_id: UUID) -> ServiceAccount | None:
    row = (await conn.execute(_accounts(org_id).where(_M.user_id == account_id))).one_or_none()
    return None if row is None else _account(row)


async def list_page(
    conn: AsyncConnection, org_id: UUID, *, q: str | None, roles: Sequence[str], limit: int, offset: int
) -> tuple[list[ServiceAccount], int]:
    """A page by name, and how many there are; `q` is a part of a name."""
    wanted = _accounts(org_id)
    if q:
        wanted = wanted.where(_M.first_name.icontains(q, autoescape=True))
    if roles:
        wanted = wanted.where(_M.role.in_(roles))
    total = (await conn.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
    ordered = wanted.order_by(func.lower(_M.first_name), _M.user_id)
    rows = await conn.execute(ordered.limit(limit).offset(offset))
    return [_account(row) for row in rows], total


async def create(conn: AsyncConnection, org_id: UUID, name: str, role: Role) -> ServiceAccount:
    """Make one without a key. Raises `NameTaken` and `TooMany`."""
    await _alone(conn, org_id)
    living = and_(_M.org_id == org_id, _M.is_service, _M.removed_at.is_(None))
    count = (await conn.execute(select(func.count()).select_from(memberships).where(living))).scalar_one()
    if count >= MOST:
        raise TooMany
    await _check_name(conn, org_id, name, None)
    account_id = uuid7()
    known_as = f"service-account:{account_id}"  # no email: nobody signs in with it
    await conn.execute(insert(users).values(id=account_id, email=known_as))
    of_it = {"org_id": org_id, "user_id": account_id, "email": known_as, "first_name": name, "is_service": True}
    await conn.execute(insert(memberships).values(**of_it, role=role))
    made = await get(conn, org_id, account_id)
    assert made is not None
    return made


async def change(
    conn: AsyncConnection, org_id: UUID, account_id: UUID, *, name: str | None, role: Role | None, enabled: bool | None
) -> ServiceAccount | None:
    """Change what is given; None where there is no such account. Raises `NameTaken`.

    While it is disabled, its keys and the tokens that they asked for are worthless; a key that is revoked stays so.
    """
    values: dict[str, Any] = {}
    if name is not None:
        await _alone(conn, org_id)
        await _check_name(conn, org_id, name, account_id)
        values["first_name"] = name
    if role is not None:
        values["role"] = role
    if enabled is not None:
        values["disabled_at"] = None if enabled else func.coalesce(_M.disabled_at, func.clock_timestamp())
    if values:
        await conn.execute(update(memberships).where(_mine(org_id, account_id)).values(**values))
        await forget_keys(conn, org_id)
    return await get(conn, org_id, account_id)


async def remove(conn: AsyncConnection, org_id: UUID, account_id: UUID) -> bool:
    """Delete it with its keys; False where there is none. What it did keeps its name."""
    gone = {"removed_at": func.clock_timestamp(), "token_version": _M.token_version + 1}
    done = await conn.execute(update(memberships).where(_mine(org_id, account_id)).values(**gone))
    if done.rowcount == 0:
        return False
    keys = and_(_K.org_id == org_id, _K.user_id == account_id, _K.revoked_at.is_(None))
    await conn.execute(update(api_keys).where(keys).values(revoked_at=func.clock_timestamp()))
    await forget_keys(conn, org_id)
    return True


async def _alone(conn: AsyncConnection, org_id: UUID) -> None:
    """Two that make or rename one at once come one after the other."""
    await conn.execute(select(organisations.c.id).where(organisations.c.id == org_id).with_for_update())


async def _check_name(conn: AsyncConnection, org_id: UUID, name: str, own: UUID | None) -> None:
    same = and_(_M.org_id == org_id, _M.is_service, _M.removed_at.is_(None), func.lower(_M.first_name) == name.lower())
    found = (await conn.execute(select(_M.user_id).where(same))).scalars().all()
    if [each for each in found if each != own]:
        raise NameTaken(name)

"""Slugs are unique in an organisation: asked before, so that a clash is no error in Postgres's log.

Two at the same moment still meet in the index; which one it was, `constraint_of` says.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def has_slug(conn: AsyncConnection, table: Table, org_id: UUID, slug: Any, but: UUID | None = None) -> bool:
    """Whether another row of the organisation, not deleted, has this slug."""
    c = table.c
    wanted = select(c.id).where(c.org_id == org_id, c.slug == slug, c.deleted_at.is_(None))
    if but is not None:
        wanted = wanted.where(c.id != but)
    return (await conn.execute(wanted.limit(1))).one_or_none() is not None


def constraint_of(error: BaseException) -> str:
    """The constraint or unique index that an error of the database names; empty where it names none."""
    found: BaseException | None = error
    while found is not None:
        name = getattr(found, "constraint_name", None)
        if name:
            return str(name)
        found = getattr(found, "orig", None) or found.__cause__
    return ""

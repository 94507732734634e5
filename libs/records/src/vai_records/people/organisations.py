"""Organisations, as whoever runs the installation sees and makes them."""

from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_records.people import people
from vai_records.people.people import Organisation
from vai_records.schema.tables import organisations

get = people.organisation
change = people.change_organisation

_COLUMNS = (organisations.c.id, organisations.c.slug, organisations.c.name, organisations.c.settings)


async def make(conn: AsyncConnection, slug: str, name: str, settings: dict[str, Any]) -> Organisation | None:
    """A new organisation; None where another one has the slug."""
    given = {key: value for key, value in settings.items() if value is not None}
    made = insert(organisations).values(id=uuid7(), slug=slug, name=name, settings=given)
    row = (await conn.execute(made.on_conflict_do_nothing(index_elements=["slug"]).returning(*_COLUMNS))).one_or_none()
    return None if row is None else Organisation(*row)


async def list_page(conn: AsyncConnection, *, q: str | None, limit: int, offset: int) -> tuple[list[Organisation], int]:
    """A page of all organisations by slug, and how many there are."""
    wanted = select(*_COLUMNS)
    if q:
        c = organisations.c
        wanted = wanted.where(or_(c.slug.icontains(q, autoescape=True), c.name.icontains(q, autoescape=True)))
    total = (await conn.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
    rows = await conn.execute(wanted.order_by(organisations.c.slug).limit(limit).offset(offset))
    return [Organisation(*row) for row in rows], total

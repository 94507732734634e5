"""What is kept of a flashboard beside its versions."""

from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from vai_common.queries import Connection, Queries, Row

Json = dict[str, Any]

_COLUMNS = """
b.id, b.org_id, b.slug, b.title, b.description, b.number, b.shown, b.last_run_id, b.created_by, b.created_at,
b.updated_at, v.created_at AS shown_at, v.run_id AS shown_run_id, v."values", v.seconds,
jsonb_array_length(v.definition -> 'tiles') AS tile_count,
r.status AS last_run_status, r.error AS last_run_error, r.completed_at AS last_run_at
"""
_JOINED = """
FROM flashboards b LEFT JOIN flashboard_versions v ON v.flashboard_id = b.id AND v.number = b.shown
LEFT JOIN runs r ON r.id = b.last_run_id
"""
_THERE = "b.org_id = $1 AND b.deleted_at IS NULL AND b.number > 0"
_FOUND = f"SELECT {_COLUMNS} {_JOINED} WHERE {_THERE}"
_MATCHES = r"(b.title ILIKE $2 OR b.slug ILIKE $2)"
_WORKED_ON = """
UPDATE flashboards SET last_run_id = $3 WHERE org_id = $1 AND slug = $2 AND deleted_at IS NULL
"""
_HIDE = """
UPDATE flashboards SET deleted_at = clock_timestamp(), shown = NULL
WHERE id = $2 AND org_id = $1 AND deleted_at IS NULL RETURNING id
"""
_SLUG_OF_RUN = """
SELECT b.slug FROM flashboards b JOIN flashboard_versions v ON v.flashboard_id = b.id
WHERE b.org_id = $1 AND b.deleted_at IS NULL AND v.run_id = $2
"""
_TAKEN = """
SELECT slug FROM flashboards
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = $2 OR slug ~ ('^' || $2 || '-[0-9]+$'))
"""
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('vai.flashboards'), hashtext($1::text))"
_LONGEST_STEM = 90  # characters of a slug before its number


@dataclass(frozen=True)
class Page:
    """Which flashboards a list shows: those whose title or slug has `q`."""

    q: str = ""
    limit: int = 100
    offset: int = 0


async def get(conn: Queries, org_id: UUID, name: str) -> Row | None:
    """By its id or its slug."""
    try:
        return await conn.fetchrow(f"{_FOUND} AND b.id = $2", org_id, UUID(name))
    except ValueError:
        return await conn.fetchrow(f"{_FOUND} AND b.slug = $2", org_id, name)


async def list_page(conn: Queries, org_id: UUID, page: Page) -> tuple[list[Row], int]:
    """A page, those refreshed last first, and how many there are."""
    pattern = "%" + page.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    order = f"ORDER BY b.updated_at DESC, b.id DESC LIMIT {page.limit:d} OFFSET {page.offset:d}"
    rows = list(await conn.fetch(f"{_FOUND} AND {_MATCHES} {order}", org_id, pattern))
    total = await conn.fetchval(f"SELECT count(*) FROM flashboards b WHERE {_THERE} AND {_MATCHES}", org_id, pattern)
    return rows, int(total)


async def worked_on(conn: Queries, org_id: UUID, slug: str, run_id: UUID) -> None:
    """Notes the newest run that makes a version of it, so that people see what became of it."""
    await conn.execute(_WORKED_ON, org_id, slug, run_id)


async def free_slug(conn: Queries, org_id: UUID, wanted: str, run_id: UUID) -> str:
    """The wanted slug, or the first with a number behind it that no flashboard has.

    A run that has made a flashboard gets its slug again. In a transaction of the caller: until its end nobody else is
    given the same.
    """
    await conn.execute(_ONE_BY_ONE, str(org_id))
    if (made := await conn.fetchval(_SLUG_OF_RUN, org_id, run_id)) is not None:
        return str(made)
    stem = wanted[:_LONGEST_STEM].strip("-")
    taken = {row["slug"] for row in await conn.fetch(_TAKEN, org_id, stem)}
    return next(slug for n in count(1) if (slug := stem if n == 1 else f"{stem}-{n}") not in taken)


async def delete(conn: Connection, org_id: UUID, board_id: UUID) -> bool:
    """Hides it and removes the data of its versions; its runs stay. Its links show nothing any more."""
    async with conn.transaction():
        if await conn.fetchval(_HIDE, org_id, board_id) is None:
            return False
        await conn.execute("DELETE FROM flashboard_versions WHERE flashboard_id = $1", board_id)
    return True

"""Connections: where an action works, and with which credentials (document 000, "Connection Resolution")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Row, and_, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.queries import Queries
from vai_records.catalogue.unique import constraint_of, has_slug
from vai_records.definitions.base import ConnectionReference
from vai_records.listing import bounded as listed
from vai_records.schema.tables import connections, runs


class SlugTaken(Exception):
    """Another connection of the organisation has this slug."""


class DefaultTaken(Exception):
    """Somebody made another connection of the provider the default at the same moment."""


class InUse(Exception):
    """A live run works on this connection; `run_id` is one of them."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class Unresolved(Exception):
    """A reference names no connection, or more than one; the message says what to do."""


@dataclass(frozen=True)
class Connection:
    """A connection as it may be shown: its credentials are not part of it."""

    id: UUID
    name: str
    slug: str
    provider: str
    is_default: bool
    config: dict[str, Any]
    has_credentials: bool
    status: str
    last_error: dict[str, Any] | None
    max_running: int | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    config_cut: bool = False
    last_error_cut: bool = False
    """Whether a list has left it out (`vai_records.listing.bounded`)."""


_SHOWN = (
    connections.c.id,
    connections.c.name,
    connections.c.slug,
    connections.c.provider,
    connections.c.is_default,
    connections.c.config,
    connections.c.credentials.is_not(None).label("has_credentials"),
    connections.c.status,
    connections.c.last_error,
    connections.c.max_running,
    connections.c.created_by,
    connections.c.created_at,
    connections.c.updated_at,
)


_BOUNDED = {"config": "'{}'::jsonb", "last_error": "NULL"}
_LISTED = (
    *(column for column in _SHOWN if column.name not in _BOUNDED),
    *(
        literal_column(listed.shown(f"connections.{name}", otherwise), JSONB).label(name)
        for name, otherwise in _BOUNDED.items()
    ),
    *(literal_column(listed.is_large(f"connections.{name}"), Boolean).label(f"{name}_cut") for name in _BOUNDED),
)


def _shown(row: Row[Any]) -> Connection:
    return Connection(**row._mapping)


def _mine(org_id: UUID, connection_id: UUID) -> ColumnElement[bool]:
    c = connections.c
    return and_(c.org_id == org_id, c.id == connection_id, c.deleted_at.is_(None))


def _conflict(error: IntegrityError) -> Exception:
    """What the error means; one that means neither stays what it is."""
    known = {"connections_default": DefaultTaken, "connections_slug": SlugTaken}.get(constraint_of(error))
    return error if known is None else known()


async def create(conn: AsyncConnection, org_id: UUID, values: dict[str, Any]) -> Connection:
    """Make a connection of these columns. Raises `SlugTaken`, `DefaultTaken`."""
    if await has_slug(conn, connections, org_id, values["slug"]):
        raise SlugTaken
    if values.get("is_default"):
        await _no_default(conn, org_id, values["provider"])
    try:
        made = await conn.execute(insert(connections).values(org_id=org_id, **values).returning(*_SHOWN))
    except IntegrityError as error:
        raise _conflict(error) from error
    return _shown(made.one())


async def get(conn: AsyncConnection, org_id: UUID, connection_id: UUID) -> Connection | None:
    row = (await conn.execute(select(*_SHOWN).where(_mine(org_id, connection_id)))).one_or_none()
    return None if row is None else _shown(row)


async def sealed_credentials(conn: AsyncConnection, org_id: UUID, connection_id: UUID) -> bytes | None:
    """The credentials as stored; `vai_records.secrets.keys` opens them."""
    found = await conn.execute(select(connections.c.credentials).where(_mine(org_id, connection_id)))
    sealed: bytes | None = found.scalar_one_or_none()
    return sealed


async def list_page(
    conn: AsyncConnection, org_id: UUID, *, q: str | None, providers: list[str], limit: int, offset: int
) -> tuple[list[Connection], int]:
    """A page of the organisation's connections, newest first, and how many there are in all; without what is large."""
    c = connections.c
    wanted = and_(c.org_id == org_id, c.deleted_at.is_(None))
    if q:
        wanted = and_(wanted, or_(c.name.icontains(q, autoescape=True), c.slug.icontains(q, autoescape=True)))
    if providers:
        wanted = and_(wanted, c.provider.in_(providers))
    rows = await conn.execute(select(*_LISTED).where(wanted).order_by(c.id.desc()).limit(limit).offset(offset))
    total = (await conn.execute(select(func.count()).select_from(connections).where(wanted))).scalar_one()
    return [_shown(row) for row in rows], total


async def change(conn: AsyncConnection, org_id: UUID, connection_id: UUID, values: dict[str, Any]) -> Connection | None:
    """Set these columns; None where there is no such connection. Raises `SlugTaken`, `DefaultTaken`."""
    if "slug" in values and await has_slug(conn, connections, org_id, values["slug"], connection_id):
        raise SlugTaken
    if values.get("is_default"):
        found = await get(conn, org_id, connection_id)
        await _no_default(conn, org_id, found.provider if found else "")
    changed = update(connections).where(_mine(org_id, connection_id))
    changed = changed.values(updated_at=func.clock_timestamp(), **values)
    try:
        row = (await conn.execute(changed.returning(*_SHOWN))).one_or_none()
    except IntegrityError as error:
        raise _conflict(error) from error
    return None if row is None else _shown(row)


async def delete(conn: AsyncConnection, org_id: UUID, connection_id: UUID) -> bool:
    """Hide a connection and forget its credentials; False where there is none. Raises `InUse`."""
    live = select(runs.c.id).where(
        runs.c.org_id == org_id, runs.c.connection_id == connection_id, runs.c.phase != "done"
    )
    run_id = (await conn.execute(live.limit(1))).scalar_one_or_none()
    if run_id is not None:
        raise InUse(run_id)
    hidden = update(connections).where(_mine(org_id, connection_id))
    hidden = hidden.values(deleted_at=func.clock_timestamp(), credentials=None, is_default=False)
    return (await conn.execute(hidden)).rowcount == 1


async def _no_default(conn: AsyncConnection, org_id: UUID, provider: str) -> None:
    c = connections.c
    defaults = and_(c.org_id == org_id, c.provider == provider, c.is_default, c.deleted_at.is_(None))
    await conn.execute(update(connections).where(defaults).values(is_default=False))


# In the run's path, hence asyncpg text (rule 17) ------------------------------------------------------------------


@dataclass(frozen=True)
class Resolved:
    """The connection that a run will work on; `max_running` is its limit of live runs, None without one."""

    id: UUID
    max_running: int | None


_RESOLVE = """
    SELECT id, slug, provider, is_default, status, max_running FROM connections
    WHERE org_id = $1 AND deleted_at IS NULL AND (id = $2 OR slug = $3 OR provider = $4)
    ORDER BY is_default DESC, id LIMIT 21
"""


async def resolve(conn: Queries, org_id: UUID, reference: UUID | str | ConnectionReference) -> Resolved:
    """The connection that a reference names (decision 9). Raises `Unresolved`.

    A plain text is an id or a slug. A provider means its default, or its only connection.
    """
    wanted = _parts(reference)
    rows = await conn.fetch(_RESOLVE, org_id, *wanted)
    if wanted[2] is not None and len(rows) > 1 and not rows[0]["is_default"]:
        slugs = ", ".join(sorted(row["slug"] for row in rows))
        raise Unresolved(f"provider {wanted[2]!r} has several connections and no default; name one by slug: {slugs}")
    if not rows:
        raise Unresolved(f"no connection {_words(reference)}; create it first, or name another")
    if rows[0]["status"] == "disabled":
        raise Unresolved(f"connection {rows[0]['slug']!r} is disabled; enable it or name another")
    return Resolved(rows[0]["id"], rows[0]["max_running"])


def _parts(reference: UUID | str | ConnectionReference) -> tuple[UUID | None, str | None, str | None]:
    if isinstance(reference, UUID):
        return reference, None, None
    if isinstance(reference, ConnectionReference):
        return reference.id, reference.slug, reference.provider
    try:
        return UUID(reference), None, None
    except ValueError:
        return None, reference, None


def _words(reference: UUID | str | ConnectionReference) -> str:
    found, slug, provider = _parts(reference)
    return f"with id {found}" if found else f"with slug {slug!r}" if slug is not None else f"of provider {provider!r}"

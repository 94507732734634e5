"""Actions: what to do on a connection, saved under a name (document 001)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    RowMapping,
    Select,
    Uuid,
    and_,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.queries import Queries
from vai_records.catalogue.naming import by_name, ids_in
from vai_records.catalogue.unique import constraint_of, has_slug
from vai_records.listing import bounded as listed
from vai_records.listing.totals import total_of
from vai_records.schema.tables import actions, runs

_PIECE = 3
"""Letters in a piece of the index over names and slugs (`search_pieces`)."""


class SlugTaken(Exception):
    """Another action of the organisation has this slug."""


class InUse(Exception):
    """The action has a live run; `run_id` is one of them."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


@dataclass(frozen=True)
class LatestRun:
    """The newest run of an action."""

    id: UUID
    status: str
    definition: dict[str, Any]
    progress: dict[str, Any] | None
    started_at: datetime | None
    completed_at: datetime | None
    cut: dict[str, bool] = field(default_factory=dict)
    """Which of its values a list has left out (`listing.bounded`)."""


@dataclass(frozen=True)
class Action:
    """An action as it is shown; `definition` holds markers where the secret values are."""

    id: UUID
    name: str
    slug: str
    kind: str
    status: str
    connection_id: UUID | None
    definition: dict[str, Any]
    template_id: str | None
    labels: dict[str, str]
    expose: bool
    created_by: UUID | None
    updated_by: UUID | None
    created_at: datetime
    updated_at: datetime
    latest_run: LatestRun | None = None
    cut: dict[str, bool] = field(default_factory=dict)
    """As that of its latest run."""


@dataclass(frozen=True)
class Filters:
    """Which actions a list shows; an empty list filters nothing."""

    q: str | None = None
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    expose: bool | None = None


_SHOWN = (
    actions.c.id,
    actions.c.name,
    actions.c.slug,
    actions.c.kind,
    actions.c.status,
    actions.c.connection_id,
    actions.c.definition,
    actions.c.template_id,
    actions.c.labels,
    actions.c.expose,
    actions.c.created_by,
    actions.c.updated_by,
    actions.c.created_at,
    actions.c.updated_at,
)

_OF_LATEST = ("id", "status", "definition", "progress", "started_at", "completed_at")


def _with_latest(columns: Sequence[ColumnElement[Any]], of_latest: Sequence[ColumnElement[Any]]) -> Select[Any]:
    latest = (
        select(*of_latest)
        .where(runs.c.action_id == actions.c.id, runs.c.org_id == actions.c.org_id, runs.c.deleted_at.is_(None))
        .order_by(runs.c.id.desc())
        .limit(1)
        .lateral("latest")
    )
    named = [column.label(f"run_{column.name}") for column in latest.c]
    return select(*columns, *named).select_from(actions.outerjoin(latest, true()))


def _bounded(column: Column[Any], otherwise: str) -> list[ColumnElement[Any]]:
    """A JSON column as a list reads it, and whether it was too large."""
    place = f"{column.table.name}.{column.name}"
    shown = literal_column(listed.shown(place, otherwise), JSONB).label(column.name)
    return [shown, literal_column(listed.is_large(place), Boolean).label(f"{column.name}_cut")]


_WITH_LATEST = _with_latest(_SHOWN, [runs.c[name] for name in _OF_LATEST])
_LISTED = _with_latest(
    [*(column for column in _SHOWN if column.name != "definition"), *_bounded(actions.c.definition, "'{}'::jsonb")],
    [
        *(runs.c[name] for name in _OF_LATEST if name not in ("definition", "progress")),
        *_bounded(runs.c.definition, "'{}'::jsonb"),
        *_bounded(runs.c.progress, "NULL"),
    ],
)


def _shown(row: SqlRow[Any]) -> Action:
    found, latest = row._mapping, None
    if row.run_id is not None:
        values = {name: found[f"run_{name}"] for name in _OF_LATEST}
        latest = LatestRun(**values, cut=_cut(found, "run_", ("definition", "progress")))
    values = {column.name: found[column.name] for column in _SHOWN}
    return Action(**values, latest_run=latest, cut=_cut(found, "", ("definition",)))


def _cut(found: RowMapping, prefix: str, names: tuple[str, ...]) -> dict[str, bool]:
    return {name: bool(found.get(f"{prefix}{name}_cut")) for name in names}


_SLUG = "actions_slug"


def _mine(org_id: UUID, action_id: UUID) -> ColumnElement[bool]:
    return and_(actions.c.org_id == org_id, actions.c.id == action_id, actions.c.deleted_at.is_(None))


async def create(conn: AsyncConnection, org_id: UUID, values: dict[str, Any]) -> Action:
    """Save an action of these columns. Raises `SlugTaken`."""
    if await has_slug(conn, actions, org_id, values["slug"]):
        raise SlugTaken(values["slug"])
    try:
        row = (await conn.execute(insert(actions).values(org_id=org_id, **values).returning(*_SHOWN))).one()
    except IntegrityError as error:
        if constraint_of(error) == _SLUG:
            raise SlugTaken(values["slug"]) from error
        raise
    return Action(**row._mapping)


async def get(conn: AsyncConnection, org_id: UUID, action_id: UUID) -> Action | None:
    return await _one(conn, _mine(org_id, action_id))


async def by_slug(conn: AsyncConnection, org_id: UUID, slug: str) -> Action | None:
    return await _one(conn, and_(actions.c.org_id == org_id, actions.c.slug == slug, actions.c.deleted_at.is_(None)))


async def _one(conn: AsyncConnection, which: ColumnElement[bool]) -> Action | None:
    row = (await conn.execute(_WITH_LATEST.where(which))).one_or_none()
    return None if row is None else _shown(row)


async def list_page(
    conn: AsyncConnection, org_id: UUID, filters: Filters, *, sort_by: str, order: str, limit: int, offset: int
) -> tuple[list[Action], int]:
    """A page of the organisation's actions and how many there are in all; equal ones newest first.

    Only for the actions of the page their latest runs are looked up. What is large is left out
    (`vai_records.listing.bounded`).
    """
    wanted = _wanted(org_id, filters)
    ids = _sorted(select(actions.c.id).where(wanted), sort_by, order).limit(limit).offset(offset).subquery()
    rows = await conn.execute(_sorted(_LISTED.where(actions.c.id.in_(select(ids.c.id))), sort_by, order))
    found = [_shown(row) for row in rows]
    if len(found) < limit and (found or not offset):
        return found, offset + len(found)
    counted = select(func.count()).select_from(actions).where(wanted)
    total = (await conn.execute(total_of(org_id, "actions") if filters == Filters() else counted)).scalar_one()
    return found, int(total)


def _wanted(org_id: UUID, filters: Filters) -> ColumnElement[bool]:
    c = actions.c
    wanted = and_(c.org_id == org_id, c.deleted_at.is_(None))
    if filters.q:
        wanted = and_(wanted, _matches(org_id, filters.q))
    if filters.kinds:
        wanted = and_(wanted, c.kind.in_(filters.kinds))
    if filters.statuses:
        wanted = and_(wanted, c.status.in_(filters.statuses))
    if filters.expose is not None:
        wanted = and_(wanted, c.expose if filters.expose else ~c.expose)
    for label in filters.labels:
        key, is_pair, value = label.partition("=")
        wanted = and_(wanted, c.labels.contains({key: value}) if is_pair else c.labels.has_key(key))
    return wanted


def _matches(org_id: UUID, q: str) -> ColumnElement[bool]:
    """Name or slug contain it; the index knows pieces of three letters, so that a shorter one is searched for."""
    c = actions.c
    contains = or_(c.name.icontains(q, autoescape=True), c.slug.icontains(q, autoescape=True))
    if len(q) < _PIECE:
        return contains
    pieces = func.search_pieces(literal(org_id, Uuid), q, type_=ARRAY(BigInteger))
    return and_(func.search_pieces(c.org_id, c.name, c.slug, type_=ARRAY(BigInteger)).contains(pieces), contains)


def _sorted(query: Select[Any], sort_by: str, order: str) -> Select[Any]:
    # The id is a UUIDv7: it sorts by creation, and its index serves the usual list.
    columns = (actions.c.id,) if sort_by == "created_at" else (actions.c[sort_by], actions.c.id)
    return query.order_by(*(column.asc() if order == "asc" else column.desc() for column in columns))


async def change(
    conn: AsyncConnection, org_id: UUID, action_id: UUID, values: dict[str, Any], expected: datetime | None = None
) -> bool:
    """Set these columns; False where there is none, or it was changed after `expected`. Raises `SlugTaken`."""
    if "slug" in values and await has_slug(conn, actions, org_id, values["slug"], action_id):
        raise SlugTaken(values["slug"])
    changed = update(actions).where(_mine(org_id, action_id)).values(updated_at=func.clock_timestamp(), **values)
    if expected is not None:
        changed = changed.where(actions.c.updated_at == expected)
    try:
        return (await conn.execute(changed)).rowcount == 1
    except IntegrityError as error:
        if constraint_of(error) == _SLUG:
            raise SlugTaken(values.get("slug")) from error
        raise


async def delete(conn: AsyncConnection, org_id: UUID, action_id: UUID) -> bool:
    """Hide an action; its runs stay readable (document 000). False where there is none. Raises `InUse`."""
    live = select(runs.c.id).where(runs.c.org_id == org_id, runs.c.action_id == action_id, runs.c.phase != "done")
    run_id = (await conn.execute(live.limit(1))).scalar_one_or_none()
    if run_id is not None:
        raise InUse(run_id)
    hidden = update(actions).where(_mine(org_id, action_id)).values(deleted_at=func.clock_timestamp())
    return (await conn.execute(hidden)).rowcount == 1


# In the run's path, hence asyncpg text (rule 17) ------------------------------------------------------------------


@dataclass(frozen=True)
class ToRun:
    """What a run takes from its action; `secrets` are still sealed."""

    id: UUID
    kind: str
    status: str
    slug: str
    connection_id: UUID | None
    definition: dict[str, Any]
    secrets: bytes | None
    template_id: str | None
    labels: dict[str, str]


async def to_run(conn: Queries, org_id: UUID, action_id: UUID) -> ToRun | None:
    row = await conn.fetchrow(
        "SELECT id, kind, status, slug, connection_id, definition, secrets, template_id, labels FROM actions"
        " WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL",
        action_id,
        org_id,
    )
    return None if row is None else ToRun(**row)


async def named(conn: Queries, org_id: UUID, names: list[str]) -> dict[str, ToRun]:
    """Actions by the ids or slugs that somebody names them by; what is not there is left out."""
    rows = await conn.fetch(
        "SELECT id, kind, status, slug, connection_id, definition, secrets, template_id, labels FROM actions"
        " WHERE org_id = $1 AND deleted_at IS NULL AND (slug = ANY($2::text[]) OR id = ANY($3::uuid[]))",
        org_id,
        names,
        ids_in(names),
    )
    return {name: ToRun(**row) for name, row in by_name(names, rows).items()}

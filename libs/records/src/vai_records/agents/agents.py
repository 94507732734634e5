"""Agents: saved under a name (docs/agents.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from vai_common.queries import Queries, Row
from vai_records.agents.definition import AgentDefinition
from vai_records.catalogue.naming import by_name, ids_in
from vai_records.catalogue.unique import constraint_of

Json = dict[str, Any]

SORTS = ("name", "created_at", "updated_at")

_COLUMNS = "id, org_id, name, slug, description, labels, definition, created_by, updated_by, created_at, updated_at"
_ALIVE = "org_id = $1 AND deleted_at IS NULL"
_THERE = f"{_ALIVE} AND thread_id IS NULL"
"""The agents of threads are changed by their threads alone."""
_SHOWN = f"SELECT {_COLUMNS} FROM agents WHERE {_THERE}"
_CREATE = f"""
INSERT INTO agents (id, org_id, name, slug, description, labels, definition, created_by, updated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING {_COLUMNS}
"""
_CREATE_OWN = """
INSERT INTO agents (id, org_id, name, slug, labels, definition, created_by, updated_by, thread_id)
VALUES ($1, $2, $3, $4, '{}', $5, $6, $6, $7)
"""
_CHANGE_OWN = """
UPDATE agents SET definition = $3, updated_by = $4, updated_at = clock_timestamp() WHERE org_id = $1 AND thread_id = $2
"""
_HIDE = f"UPDATE agents SET deleted_at = clock_timestamp() WHERE {_THERE} AND id = $2 RETURNING id"
_MET = f"SELECT id FROM agents WHERE {_THERE} AND id <> $2 AND slug = $3"
_NAMED = f"""
SELECT id, slug, name, description, definition FROM agents
WHERE {_ALIVE} AND (slug = ANY($2::text[]) OR id = ANY($3::uuid[]))
"""
_USERS = f"""
SELECT slug FROM agents WHERE {_THERE} AND id <> $2 AND EXISTS (
    SELECT FROM jsonb_array_elements(definition -> 'tools') tool WHERE tool ->> 'agent' = ANY($3::text[]))
ORDER BY slug LIMIT 10
"""


class SlugTaken(Exception):
    """Another agent of the organisation has this slug."""


class InUse(Exception):
    """Other agents have it as a tool; `users` are their slugs, ten at most."""

    def __init__(self, users: list[str]) -> None:
        super().__init__(users)
        self.users = users


@dataclass(frozen=True)
class Saved:
    """The columns that people set."""

    name: str
    slug: str
    description: str | None
    labels: dict[str, str]
    definition: AgentDefinition


@dataclass(frozen=True)
class Filters:
    """Which agents a list shows; what is empty filters nothing."""

    q: str = ""
    labels: tuple[str, ...] = ()

    def where(self) -> tuple[str, list[Any]]:
        """Conditions beside the organisation's, from $2 on."""
        texts, values = [""], list[Any]()
        if self.q:
            pattern = "%" + self.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            values.append(pattern)
            texts.append(f"(name ILIKE ${len(values) + 1} OR slug ILIKE ${len(values) + 1})")
        for label in self.labels:
            key, is_pair, value = label.partition("=")
            values.append({key: value} if is_pair else key)
            texts.append(f"labels {'@>' if is_pair else '?'} ${len(values) + 1}")
        return " AND ".join(texts), values


@dataclass(frozen=True)
class Known:
    """An agent as its runs and other agents take it."""

    id: UUID
    slug: str
    name: str
    description: str | None
    definition: Json


async def create(conn: Queries, org_id: UUID, agent_id: UUID, saved: Saved, who: UUID | None) -> Row:
    """Raises `SlugTaken`."""
    await _refuse_taken(conn, org_id, agent_id, saved.slug)
    values = (saved.name, saved.slug, saved.description, saved.labels, saved.definition.stored(), who)
    try:
        row = await conn.fetchrow(_CREATE, agent_id, org_id, *values)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, saved.slug) from error
    assert row is not None
    return row


async def create_own(
    conn: Queries, org_id: UUID, thread_id: UUID, named: tuple[UUID, str], definition: AgentDefinition, who: UUID | None
) -> None:
    """The agent that a thread has of its own; `named`: its id and name. Runs and steps call it as any other one."""
    agent_id, name = named
    await conn.execute(_CREATE_OWN, agent_id, org_id, name, f"chat-{thread_id}", definition.stored(), who, thread_id)


async def change_own(
    conn: Queries, org_id: UUID, thread_id: UUID, definition: AgentDefinition, who: UUID | None
) -> None:
    await conn.execute(_CHANGE_OWN, org_id, thread_id, definition.stored(), who)


async def change(
    conn: Queries, org_id: UUID, agent_id: UUID, columns: Json, expected: datetime | None = None
) -> Row | None:
    """Sets these columns. None: there is no such agent, or it was changed after `expected`. Raises `SlugTaken`."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, 3))
    unchanged = "" if expected is None else f" AND updated_at = ${len(columns) + 3}"
    text = f"UPDATE agents SET updated_at = clock_timestamp(), {sets} WHERE {_THERE} AND id = $2{unchanged}"
    values = [*columns.values(), *([] if expected is None else [expected])]
    if "slug" in columns:
        await _refuse_taken(conn, org_id, agent_id, columns["slug"])
    try:
        return await conn.fetchrow(f"{text} RETURNING {_COLUMNS}", org_id, agent_id, *values)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, columns.get("slug")) from error


async def get(conn: Queries, org_id: UUID, agent_id: UUID) -> Row | None:
    return await conn.fetchrow(f"{_SHOWN} AND id = $2", org_id, agent_id)


async def list_page(
    conn: Queries, org_id: UUID, filters: Filters, sort: tuple[str, str], bounds: tuple[int, int]
) -> tuple[list[Row], int]:
    """A page, and how many there are; `sort` is one of SORTS with asc or desc, `bounds` limit and offset."""
    where, values = filters.where()
    column, direction = ("id" if sort[0] == "created_at" else sort[0]), sort[1]
    order = f"ORDER BY {column} {direction}, id {direction} LIMIT {bounds[0]:d} OFFSET {bounds[1]:d}"
    rows = list(await conn.fetch(f"{_SHOWN}{where} {order}", org_id, *values))
    total = await conn.fetchval(f"SELECT count(*) FROM agents WHERE {_THERE}{where}", org_id, *values)
    return rows, int(total)


async def delete(conn: Queries, org_id: UUID, agent_id: UUID, slug: str) -> bool:
    """Hides an agent; its runs stay readable, and those that go on end as they would. Raises `InUse`."""
    users = await conn.fetch(_USERS, org_id, agent_id, [slug, str(agent_id)])
    if users:
        raise InUse([row["slug"] for row in users])
    return await conn.fetchval(_HIDE, org_id, agent_id) is not None


async def named(conn: Queries, org_id: UUID, names: list[str]) -> Mapping[str, Known]:
    """By the ids or slugs that somebody names them by; what is not there is left out."""
    rows = await conn.fetch(_NAMED, org_id, names, ids_in(names))
    return {name: Known(**row) for name, row in by_name(names, rows).items()}


async def _refuse_taken(conn: Queries, org_id: UUID, agent_id: UUID, slug: str) -> None:
    """Asked before, so that a clash is no error in Postgres's log; two at the same moment meet in the index."""
    if await conn.fetchval(_MET, org_id, agent_id, slug) is not None:
        raise SlugTaken(slug)


def _taken(error: asyncpg.UniqueViolationError, slug: str | None) -> Exception:
    return SlugTaken(slug) if constraint_of(error) == "agents_slug" else error

"""The tables of variables and secrets: both have a name that is theirs alone, a value, and who set it when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from vai_common.queries import Connection, Queries, Row

MOST: Final = 1_000
"""Variables of an organisation, and as many secrets."""
MOST_BYTES: Final = 16_384
"""Of a value: a variable's as JSON, a secret's as text."""
NAME_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$"


@dataclass(frozen=True)
class Table:
    """`column` holds the value; what is `shown` of a row leaves a secret's out."""

    name: str
    noun: str
    root: str
    column: str
    shown: str


_SHOWN = "id, name, description, updated_by, created_at, updated_at"

VARIABLES: Final = Table("variables", "variable", "vars", "value", f"{_SHOWN}, value")
SECRETS: Final = Table("secrets", "secret", "secrets", "sealed", _SHOWN)

_LOCK = "SELECT id FROM organisations WHERE id = $1 FOR NO KEY UPDATE"
# A definition is searched as text: what is in it is written by its author, and is not cast.
_USES = """
SELECT * FROM (
    SELECT 'action' AS type, id, slug, name FROM actions
    WHERE org_id = $1 AND deleted_at IS NULL AND definition::text ~ $2
    UNION ALL
    SELECT 'automation', a.id, a.slug, a.name FROM automations a JOIN automation_versions v ON v.id = a.version_id
    WHERE a.org_id = $1 AND a.deleted_at IS NULL AND v.definition::text ~ $2
    UNION ALL
    SELECT 'agent', id, slug, name FROM agents
    WHERE org_id = $1 AND deleted_at IS NULL AND definition::text ~ $2
) found ORDER BY type, slug LIMIT $3
"""


async def get(conn: Queries, table: Table, org_id: UUID, name: str) -> Row | None:
    return await conn.fetchrow(f"SELECT {table.shown} FROM {table.name} WHERE org_id = $1 AND name = $2", org_id, name)


async def page(
    conn: Queries, table: Table, org_id: UUID, q: str | None, bounds: tuple[int, int]
) -> tuple[list[Row], int]:
    """A page in the order of names, `bounds` are limit and offset; and how many there are in all."""
    wanted = "org_id = $1 AND ($2::text IS NULL OR strpos(lower(name), lower($2)) > 0)"
    total: int = await conn.fetchval(f"SELECT count(*) FROM {table.name} WHERE {wanted}", org_id, q)
    text = f'SELECT {table.shown} FROM {table.name} WHERE {wanted} ORDER BY name COLLATE "C" LIMIT $3 OFFSET $4'
    return list(await conn.fetch(text, org_id, q, *bounds)), total


async def names(conn: Queries, table: Table, org_id: UUID) -> frozenset[str]:
    """All of them: at most `MOST`."""
    return frozenset(
        row["name"] for row in await conn.fetch(f"SELECT name FROM {table.name} WHERE org_id = $1", org_id)
    )


async def values(conn: Queries, table: Table, org_id: UUID, wanted: Sequence[str]) -> list[Row]:
    """Id, name and value, a secret's encrypted, of those that are there."""
    text = f"SELECT id, name, {table.column} AS value FROM {table.name} WHERE org_id = $1 AND name = ANY($2)"
    return list(await conn.fetch(text, org_id, list(wanted)))


@dataclass(frozen=True)
class New:
    """What is set. `id` is that of the row that is there, or a new one: a secret is encrypted for it."""

    id: UUID
    org_id: UUID
    name: str
    value: Any
    description: str | None
    by: UUID | None


async def lock(conn: Connection, org_id: UUID) -> None:
    """In a transaction of the caller: nobody else sets or deletes one until its end."""
    await conn.execute(_LOCK, org_id)


async def put(conn: Connection, table: Table, new: New) -> Row | None:
    """Under `lock`. None: there are `MOST` already, and this would be one more."""
    text = f"""
    INSERT INTO {table.name} (id, org_id, name, {table.column}, description, updated_by)
    SELECT $1, $2, $3, $4, $5, $6 WHERE {MOST} > (SELECT count(*) FROM {table.name} WHERE org_id = $2)
        OR EXISTS (SELECT FROM {table.name} WHERE org_id = $2 AND name = $3)
    ON CONFLICT (org_id, name) DO UPDATE SET {table.column} = excluded.{table.column},
        description = excluded.description, updated_by = excluded.updated_by, updated_at = clock_timestamp()
    RETURNING {table.shown}
    """
    return await conn.fetchrow(text, new.id, new.org_id, new.name, new.value, new.description, new.by)


async def delete(conn: Queries, table: Table, org_id: UUID, name: str) -> bool:
    text = f"DELETE FROM {table.name} WHERE org_id = $1 AND name = $2 RETURNING id"
    return await conn.fetchval(text, org_id, name) is not None


async def uses(conn: Queries, table: Table, org_id: UUID, name: str, most: int) -> list[Row]:
    """Saved actions, automations and agents whose definition names it; what they keep encrypted is not searched."""
    return list(await conn.fetch(_USES, org_id, rf"\$\{{?/{table.root}/{name}($|[^A-Za-z0-9_-])", most))

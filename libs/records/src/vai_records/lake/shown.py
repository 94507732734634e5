"""The tables of the lake as people see them: lists, one table, its history. Text for asyncpg (decision 66)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row

LAYERS = ("bronze", "silver", "gold")

_NAME = "d.layer || '.' || d.name"

WRITER = """
w.run_id, w.resource, w.rows, w.bytes, w.delta_version, w.table_rows, w.changes, w.checks, w.written_at,
w.action_id, a.name AS action_name, a.slug AS action_slug,
w.automation_run_id, m.id AS automation_id, m.name AS automation_name,
w.connection_id, c.slug AS connection_slug
"""
WHO = """
LEFT JOIN actions a ON a.id = w.action_id AND a.org_id = d.org_id
LEFT JOIN automation_runs ar ON ar.id = w.automation_run_id AND ar.org_id = d.org_id
LEFT JOIN automations m ON m.id = ar.automation_id
LEFT JOIN connections c ON c.id = w.connection_id AND c.org_id = d.org_id
"""
"""SQL for the writer's names, as far as they still exist. `d` is the dataset and `w` the write."""

_SHOWN = f"""
d.id, d.layer, {_NAME} AS name, d.columns, d.row_count, d.delta_version, d.created_at, d.updated_at,
extract(epoch FROM clock_timestamp() - d.updated_at)::float8 AS age, {WRITER}
"""
_NEWEST = f"""
LEFT JOIN LATERAL (SELECT * FROM dataset_writes n WHERE n.dataset_id = d.id ORDER BY written_at DESC LIMIT 1) w ON true
{WHO}
"""


@dataclass(frozen=True)
class DatasetFilters:
    """Which tables a list shows. An empty field does not filter; `connection` is an id or a slug."""

    q: str | None = None
    layers: tuple[str, ...] = ()
    connection: str | None = None

    def where(self, org_id: UUID) -> tuple[str, list[Any]]:
        """The condition and its values. A table without a write is not shown."""
        of_connection = """EXISTS (SELECT FROM connections k WHERE k.org_id = d.org_id
            AND ${0} IN (k.id::text, k.slug) AND d.filled_by ? k.id::text)"""
        given = [
            ("d.org_id = ${0}", org_id),
            (f"position(lower(${{0}}) IN lower({_NAME})) > 0", self.q or None),
            ("d.layer = ANY(${0}::text[])", list(self.layers) or None),
            (of_connection, self.connection),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [text.format(place) for place, (text, _) in enumerate(asked, 1)]
        return " AND ".join(["d.row_count IS NOT NULL", *texts]), [value for _, value in asked]


async def list_page(
    conn: Queries, org_id: UUID, filters: DatasetFilters, limit: int, offset: int
) -> tuple[list[Row], int]:
    """A page of tables, those written last first, and the number of all."""
    where, values = filters.where(org_id)
    page = f"SELECT * FROM datasets d WHERE {where} ORDER BY updated_at DESC, id DESC LIMIT {limit:d} OFFSET {offset:d}"
    rows = await conn.fetch(f"SELECT {_SHOWN} FROM ({page}) d {_NEWEST} ORDER BY d.updated_at DESC, d.id DESC", *values)
    total: int = await conn.fetchval(f"SELECT count(*) FROM datasets d WHERE {where}", *values)
    return list(rows), total


async def get(conn: Queries, org_id: UUID, dataset: str) -> Row | None:
    """A table by its id, or by `<layer>.<name>`, with its place and its size."""
    return await conn.fetchrow(
        f"""SELECT {_SHOWN}, d.location, d.upkeep, f.files, coalesce(f.bytes, w.bytes) AS size
            FROM datasets d {_NEWEST}
            LEFT JOIN LATERAL (
                SELECT count(*) AS files, coalesce(sum(byte_count), 0)::bigint AS bytes FROM lake_files
                WHERE dataset_id = d.id AND visible AND removed_at IS NULL) f ON d.layer = 'bronze'
            WHERE d.org_id = $1 AND d.row_count IS NOT NULL AND $2 IN (d.id::text, {_NAME})""",
        *(org_id, dataset),
    )


async def history(conn: Queries, dataset_id: UUID, limit: int, offset: int) -> tuple[list[Row], int]:
    """What runs wrote into a table, newest first."""
    rows = await conn.fetch(
        f"""SELECT {WRITER} FROM datasets d JOIN dataset_writes w ON w.dataset_id = d.id {WHO}
            WHERE d.id = $1 ORDER BY w.written_at DESC, w.run_id DESC LIMIT {limit:d} OFFSET {offset:d}""",
        dataset_id,
    )
    total: int = await conn.fetchval("SELECT count(*) FROM dataset_writes WHERE dataset_id = $1", dataset_id)
    return list(rows), total

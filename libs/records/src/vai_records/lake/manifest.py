"""The lake: its tables, and the manifest that says which files are in it (rule 14).

Paths are relative to the lake. Every function takes a connection that has a transaction open where it writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries, Row
from vai_records.lake import bronze_types, writes
from vai_records.runs.chain import CHAIN

Column = dict[str, str]
Columns = list[Column]
"""[{name, type}], the types by DuckDB's names; `NULL` while a column has held nothing else."""

WIDE = "wide"
"""A key of BIGINT columns with values beyond 2^53, which no double holds exactly."""

ADDED: Columns = [
    {"name": "_connection_id", "type": "VARCHAR"},
    {"name": "_extracted_at", "type": "TIMESTAMP WITH TIME ZONE"},
]
"""What every bronze table has beside its source's columns; all that an empty one has where no others are known."""


@dataclass(frozen=True)
class Dataset:
    """One table of the lake. `row_count` is None until the rows were counted."""

    id: UUID
    layer: str
    name: str
    location: str
    columns: Columns
    row_count: int | None
    write_epoch: int


@dataclass(frozen=True)
class LakeFile:
    """One bronze file that readers may see."""

    path: str
    row_count: int
    connection_id: UUID | None


@dataclass(frozen=True)
class Load:
    """Whose files are added: one resource of one run, into one dataset."""

    org_id: UUID
    dataset_id: UUID
    connection_id: UUID | None
    run_id: UUID
    epoch: int
    resource: str


@dataclass(frozen=True)
class NewFile:
    path: str
    slice: str
    row_count: int
    byte_count: int


_DATASET = "SELECT id, layer, name, location, columns, row_count, write_epoch FROM datasets"


def _dataset(row: Row) -> Dataset:
    return Dataset(**dict(row))


async def dataset(conn: Queries, org_id: UUID, layer: str, name: str) -> Dataset | None:
    """A table by its name (bronze: `<source>.<table>`)."""
    row = await conn.fetchrow(f"{_DATASET} WHERE org_id = $1 AND layer = $2 AND name = $3", org_id, layer, name)
    return _dataset(row) if row else None


async def spelled(conn: Queries, org_id: UUID, layer: str, name: str) -> list[str]:
    """The names of tables that differ from this one in nothing but upper and lower case."""
    rows = await conn.fetch(
        """SELECT name FROM datasets
           WHERE org_id = $1 AND layer = $2 AND lower(name) = lower($3) AND name <> $3 ORDER BY name""",
        *(org_id, layer, name),
    )
    return [row["name"] for row in rows]


async def datasets(conn: Queries, org_id: UUID) -> list[Dataset]:
    """All tables of an organisation, by layer and name."""
    return [_dataset(row) for row in await conn.fetch(f"{_DATASET} WHERE org_id = $1 ORDER BY layer, name", org_id)]


async def ensure_dataset(conn: Queries, org_id: UUID, layer: str, name: str, location: str) -> Dataset:
    """The table of that name, made where it was not there. Each slice asks for it: looking comes first."""
    if (there := await dataset(conn, org_id, layer, name)) is not None:
        return there
    await conn.execute(
        """INSERT INTO datasets (id, org_id, layer, name, location) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (org_id, layer, name) DO NOTHING""",
        *(uuid7(), org_id, layer, name, location),
    )
    found = await dataset(conn, org_id, layer, name)
    if found is None:
        raise LookupError(f"{layer}.{name} was removed while it was made")
    return found


async def visible_files(conn: Queries, dataset_id: UUID) -> list[LakeFile]:
    """What a reader of a bronze table reads: this list, never a glob."""
    rows = await conn.fetch(
        """SELECT path, row_count, connection_id FROM lake_files
           WHERE dataset_id = $1 AND visible AND removed_at IS NULL ORDER BY path""",
        dataset_id,
    )
    return [LakeFile(**dict(row)) for row in rows]


async def add_files(conn: Queries, load: Load, files: Sequence[NewFile], visible: bool) -> None:
    """Commit files: from here on they are no garbage, and part of the table where `visible`."""
    columns = ([getattr(file, name) for file in files] for name in ("path", "slice", "row_count", "byte_count"))
    await conn.execute(
        """INSERT INTO lake_files (org_id, dataset_id, connection_id, run_id, epoch, resource, visible,
                                   path, slice, row_count, byte_count)
           SELECT $1, $2, $3, $4, $5, $6, $7, f.*
           FROM unnest($8::text[], $9::text[], $10::bigint[], $11::bigint[]) f""",
        *(load.org_id, load.dataset_id, load.connection_id, load.run_id, load.epoch, load.resource, visible),
        *columns,
    )
    if visible:
        rows = sum(file.row_count for file in files)
        await _count(conn, load.dataset_id, rows)
        await _note(conn, load, rows, sum(file.byte_count for file in files))


async def publish_resource(conn: Queries, load: Load, replace: bool, sharing: Sequence[str] = ()) -> int:
    """Make a finished resource's files visible, those of the runs that this run retries too, and answer their rows.

    With `replace`, what that connection had in the table before is removed in the same moment; but not what the other
    resources of `sharing` had there, which replace their own.
    """
    await conn.execute("SELECT 1 FROM datasets WHERE id = $1 FOR NO KEY UPDATE", load.dataset_id)
    [shown] = await conn.fetch(
        f"""{CHAIN}, shown AS (
            UPDATE lake_files SET visible = true
            WHERE dataset_id = $2 AND resource = $3 AND run_id IN (SELECT id FROM chain)
              AND NOT visible AND removed_at IS NULL RETURNING row_count, byte_count)
        SELECT coalesce(sum(row_count), 0)::bigint AS rows, coalesce(sum(byte_count), 0)::bigint AS bytes FROM shown""",
        *(load.run_id, load.dataset_id, load.resource),
    )
    added = int(shown["rows"])
    removed = await _remove_older(conn, load, sharing) if replace else 0
    await _count(conn, load.dataset_id, added - removed)
    await _note(conn, load, added, shown["bytes"])
    return added


async def abandon_slices(conn: Queries, load: Load, slices: Sequence[str]) -> None:
    """What was committed of slices that nobody has seen is garbage: the source changed before they were whole."""
    await conn.execute(
        f"""{CHAIN}
        UPDATE lake_files SET removed_at = clock_timestamp()
        WHERE dataset_id = $2 AND resource = $3 AND slice = ANY($4) AND run_id IN (SELECT id FROM chain)
          AND NOT visible AND removed_at IS NULL""",
        *(load.run_id, load.dataset_id, load.resource, list(slices)),
    )


async def _remove_older(conn: Queries, load: Load, sharing: Sequence[str]) -> int:
    removed: int = await conn.fetchval(
        f"""{CHAIN}, gone AS (
            UPDATE lake_files SET visible = false, removed_at = clock_timestamp()
            WHERE dataset_id = $2 AND connection_id IS NOT DISTINCT FROM $3 AND visible AND removed_at IS NULL
              AND run_id NOT IN (SELECT id FROM chain) AND (resource = $4 OR resource <> ALL($5)) RETURNING row_count)
        SELECT coalesce(sum(row_count), 0)::bigint FROM gone""",
        *(load.run_id, load.dataset_id, load.connection_id, load.resource, list(sharing)),
    )
    return removed


async def _count(conn: Queries, dataset_id: UUID, more: int) -> None:
    await conn.execute(
        """UPDATE datasets SET row_count = coalesce(row_count, 0) + $2, updated_at = clock_timestamp()
           WHERE id = $1""",
        *(dataset_id, more),
    )


async def _note(conn: Queries, load: Load, rows: int, size: int) -> None:
    write = writes.Write(load.dataset_id, load.run_id, rows, int(size), load.resource, load.connection_id)
    await writes.note(conn, write)


async def bronze_columns(
    conn: Queries, org_id: UUID, source: str, connection_id: UUID | None
) -> dict[str, dict[str, Any]]:
    """The columns of a source's tables: {table: {all, of_others, filled_by}}, of_others where other connections have
    files; `filled_by` are the resources of this connection: {resource: {of, action}}."""
    rows = await conn.fetch(
        """SELECT name, columns, coalesce(filled_by -> coalesce($3::uuid::text, 'none'), '{}') AS filled_by, EXISTS (
               SELECT FROM lake_files f WHERE f.dataset_id = d.id AND visible AND removed_at IS NULL
               AND connection_id IS DISTINCT FROM $3::uuid) AS shared
           FROM datasets d WHERE org_id = $1 AND layer = 'bronze' AND starts_with(name, $2 || '.')""",
        *(org_id, source, connection_id),
    )
    return {
        row["name"].removeprefix(f"{source}."): {
            "all": row["columns"],
            "of_others": row["columns"] if row["shared"] else [],
            "filled_by": row["filled_by"],
        }
        for row in rows
    }


async def note_filling(conn: Queries, load: Load, who: dict[str, Any], alone: bool) -> None:
    """Remember what fills a table for a connection: `who` is {of, action}; `alone`: the others' rows are gone."""
    await conn.execute(
        """UPDATE datasets d SET filled_by = filled_by || jsonb_build_object($2::text, n.new)
           FROM (SELECT CASE WHEN $5 THEN '{}'::jsonb ELSE coalesce(filled_by -> $2::text, '{}') END
                     || jsonb_build_object($3::text, $4::jsonb) AS new FROM datasets WHERE id = $1) n
           WHERE d.id = $1 AND d.filled_by -> $2::text IS DISTINCT FROM n.new""",
        *(load.dataset_id, str(load.connection_id) if load.connection_id else "none", load.resource, who, alone),
    )


def merge_columns(known: Columns, found: Columns) -> Columns:
    """The columns of files read together (`union_by_name`), each with the type that its reader gets.

    Names know no case, as in DuckDB: `ID` after `id` is the same column.
    """
    columns = {column["name"].lower(): column for column in known}
    for column in found:
        name = column["name"].lower()
        columns[name] = _merged(columns[name], column) if name in columns else column
    return list(columns.values())


def _merged(known: Column, found: Column) -> Column:
    wide = WIDE in known or WIDE in found
    kind = bronze_types.met(known["type"], found["type"], wide)
    return {"name": known["name"], "type": kind} | ({WIDE: "true"} if wide and kind == bronze_types.BIGINT else {})


async def save_columns(conn: Queries, load: Load, found: Columns, replaced: bool) -> None:
    """Record a bronze table's columns.

    `replaced` forgets the old ones where this connection alone has files in it; a table without any row keeps them.
    """
    known = await conn.fetchval("SELECT columns FROM datasets WHERE id = $1 FOR NO KEY UPDATE", load.dataset_id)
    forgets = replaced and await conn.fetchval(
        """SELECT bool_and(connection_id IS NOT DISTINCT FROM $2) FROM lake_files
           WHERE dataset_id = $1 AND visible AND removed_at IS NULL""",
        *(load.dataset_id, load.connection_id),
    )
    columns = merge_columns([] if forgets else known, found)
    if columns != known:
        await conn.execute("UPDATE datasets SET columns = $2 WHERE id = $1", load.dataset_id, columns)


async def wrote(conn: Queries, dataset_id: UUID, row_count: int, columns: Columns, version: int) -> None:
    """Record what a Delta table holds after a write, and as which version; -1 where there is no table yet."""
    await conn.execute(
        """UPDATE datasets SET row_count = $2, columns = $3, delta_version = nullif($4::bigint, -1),
               updated_at = clock_timestamp() WHERE id = $1""",
        *(dataset_id, row_count, columns, version),
    )

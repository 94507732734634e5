"""The writes of runs into the tables of the lake, and the tables that they read: history and lineage."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.queries import Queries

KEPT = 1_000
"""How many writes of one table are kept."""

_NOTE = """
INSERT INTO dataset_writes AS w (dataset_id, run_id, resource, org_id, connection_id, action_id, automation_run_id,
                                 rows, bytes, delta_version, table_rows, changes, checks,
                                 inputs, columns_digest)
SELECT d.id, $2, $3, d.org_id, $4, r.action_id,
       CASE WHEN r.trigger_source_type = 'automation_run' THEN r.trigger_source_id::uuid END, $5, $6, $7, $8, $9, $10,
       $11, $12
FROM datasets d LEFT JOIN runs r ON r.id = $2 WHERE d.id = $1
ON CONFLICT (dataset_id, run_id, resource) DO UPDATE
    SET rows = w.rows + excluded.rows, bytes = w.bytes + excluded.bytes, written_at = excluded.written_at
"""
_FORGET = """
DELETE FROM dataset_writes w USING (
    SELECT dataset_id, run_id, resource, row_number() OVER (PARTITION BY dataset_id ORDER BY written_at DESC) AS place
    FROM dataset_writes
) old WHERE old.place > $1 AND (w.dataset_id, w.run_id, w.resource) = (old.dataset_id, old.run_id, old.resource)
"""


@dataclass(frozen=True)
class Write:
    """A write of a run: its rows and bytes. For a Delta table `size` is that of the whole table."""

    dataset_id: UUID
    run_id: UUID
    rows: int
    size: int
    resource: str = ""
    connection_id: UUID | None = None
    version: int | None = None
    table_rows: int | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[UUID] | None = None
    """The tables that it read."""
    columns_digest: bytes | None = None
    """What its query says of the columns (`columns.note`)."""


async def note(conn: Queries, write: Write) -> None:
    """Record a write. If a run writes one resource in several parts, they are added up."""
    await conn.execute(
        _NOTE,
        *(write.dataset_id, write.run_id, write.resource, write.connection_id, write.rows, write.size),
        *(write.version, write.table_rows, write.changes, write.checks, write.inputs, write.columns_digest),
    )


async def note_reads(conn: Queries, output_id: UUID, inputs: Collection[UUID], run_id: UUID, replaces: bool) -> None:
    """Record the tables from which a table's rows come. `replaces`: all rows of the table are from this run."""
    if replaces:
        await conn.execute(
            "DELETE FROM dataset_reads WHERE output_id = $1 AND input_id <> ALL($2::uuid[])", output_id, list(inputs)
        )
    await conn.execute(
        """INSERT INTO dataset_reads (output_id, input_id, run_id)
           SELECT $1, i, $3 FROM unnest($2::uuid[]) i WHERE i <> $1
           ON CONFLICT (output_id, input_id) DO UPDATE SET run_id = excluded.run_id, read_at = clock_timestamp()""",
        *(output_id, sorted(set(inputs)), run_id),
    )


async def version_at(conn: Queries, dataset_id: UUID, at: datetime) -> int | None:
    """The version that a Delta table had at a time. None if no earlier write is recorded."""
    found: int | None = await conn.fetchval(
        """SELECT delta_version FROM dataset_writes WHERE dataset_id = $1 AND written_at <= $2
           ORDER BY written_at DESC LIMIT 1""",
        *(dataset_id, at),
    )
    return found


async def newest_version(conn: Queries, dataset_id: UUID) -> int | None:
    """The version that a Delta table had when its last run ended."""
    found: int | None = await conn.fetchval("SELECT delta_version FROM datasets WHERE id = $1", dataset_id)
    return found


async def forget_old(conn: Queries) -> None:
    """Delete old records of a table that is written often, and keep the newest writes."""
    await conn.execute(_FORGET, KEPT)

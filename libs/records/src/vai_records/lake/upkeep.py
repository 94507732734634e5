"""Upkeep of tables: which one is due, whose turn it is, what was done. The transform-worker does it, and nobody else.

A turn is a lease: whoever has it renews it, and a table whose keeper died is free within a minute. While it lasts, no
run gets the lock of the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Pool, Queries
from vai_records.lake.garbage import RETRIABLE
from vai_records.lake.upkeep_rules import Rule, rule_of

LEASE_SECONDS = 60.0
AGAIN_SECONDS = 3_600.0
"""After a turn, until the next one of a table that was written since."""

DAILY_SECONDS = 86_400.0
"""The same, of a Delta table that nobody writes: its old files go."""

SMALL_BYTES = 16 << 20
"""Smaller files of bronze are put together."""

_MOST_FILES = 2_000

_IS_LIVE = "SELECT FROM runs r WHERE r.phase = 'leased'"
_TAKE = f"""
WITH due AS (
    SELECT d.id FROM datasets d
    WHERE d.row_count IS NOT NULL AND (
            d.upkept_at IS NULL
            OR (d.updated_at > d.upkept_at AND d.upkept_at < clock_timestamp() - make_interval(secs => $3))
            OR (d.upkeep ? 'error' AND d.upkept_at < clock_timestamp() - make_interval(secs => $3))
            OR (d.layer <> 'bronze' AND d.upkept_at < clock_timestamp() - make_interval(secs => $4)))
        AND (d.upkeep_until IS NULL OR d.upkeep_until < clock_timestamp())
        AND NOT EXISTS ({_IS_LIVE} AND r.id = d.lock_run AND r.epoch = d.lock_epoch)
        AND NOT EXISTS ({_IS_LIVE} AND r.id = ANY(d.lock_queue))
    ORDER BY d.upkept_at NULLS FIRST, d.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE datasets d SET upkeep_by = $1, upkeep_until = clock_timestamp() + make_interval(secs => $2)
FROM due WHERE d.id = due.id
RETURNING d.id, d.org_id, d.layer, d.name, d.location, clock_timestamp() AS began,
          (SELECT settings FROM organisations o WHERE o.id = d.org_id) AS settings
"""
_IS_MINE = "id = $1 AND upkeep_by = $2 AND upkeep_until > clock_timestamp()"
_FILES = f"""
SELECT f.path, f.row_count, f.byte_count, f.connection_id, f.resource
FROM lake_files f LEFT JOIN runs r ON r.id = f.run_id
WHERE f.dataset_id = $1 AND f.visible AND f.removed_at IS NULL AND f.byte_count < $2
    AND (r.id IS NULL OR (r.phase = 'done' AND (
        (r.status = 'completed' AND NOT coalesce(r.result ? 'resource_errors', false))
        OR r.completed_at < clock_timestamp() - $3::interval)))
    AND NOT EXISTS (SELECT FROM runs n WHERE n.retry_of = f.run_id AND n.phase <> 'done')
ORDER BY f.path LIMIT {_MOST_FILES}
"""


@dataclass(frozen=True)
class Turn:
    """A table that is ours to look after until the lease is over."""

    dataset_id: UUID
    org_id: UUID
    layer: str
    name: str
    location: str
    rule: Rule
    began: datetime

    @property
    def table(self) -> str:
        return f"{self.layer}.{self.name}"


@dataclass(frozen=True)
class SmallFile:
    """A file of bronze that may be put together with others of the same connection and resource."""

    path: str
    row_count: int
    byte_count: int
    connection_id: UUID | None
    resource: str


@dataclass(frozen=True)
class Together:
    """A file that holds the rows of others."""

    path: str
    of: Sequence[SmallFile]
    byte_count: int


class Overtaken(Exception):
    """The table is no longer what, or whose, it was when the turn began."""


async def take(pool: Pool, keeper: UUID, again: float = AGAIN_SECONDS, daily: float = DAILY_SECONDS) -> Turn | None:
    """The table that waits longest, for a minute; None where none is due."""
    row = await pool.fetchrow(_TAKE, keeper, LEASE_SECONDS, again, daily)
    if row is None:
        return None
    rule = rule_of(row["settings"] or {}, f"{row['layer']}.{row['name']}")
    return Turn(row["id"], row["org_id"], row["layer"], row["name"], row["location"], rule, row["began"])


async def renew(pool: Pool, turn: Turn, keeper: UUID) -> bool:
    """Whether the table is still ours; then for another minute."""
    return await _mine(
        pool,
        f"""UPDATE datasets SET upkeep_until = clock_timestamp() + make_interval(secs => $3)
            WHERE {_IS_MINE} RETURNING id""",
        *(turn.dataset_id, keeper, LEASE_SECONDS),
    )


async def finish(pool: Pool, turn: Turn, keeper: UUID, done: dict[str, Any]) -> None:
    """Give the table back, and remember what was done; nothing where it is somebody else's."""
    await pool.execute(
        """UPDATE datasets SET upkeep_by = NULL, upkeep_until = NULL, upkept_at = $3, upkeep = $4
           WHERE id = $1 AND upkeep_by = $2""",
        *(turn.dataset_id, keeper, turn.began, done),
    )


async def release(pool: Pool, turn: Turn, keeper: UUID) -> None:
    """Give the table back as if nobody had looked at it."""
    await pool.execute(
        "UPDATE datasets SET upkeep_by = NULL, upkeep_until = NULL WHERE id = $1 AND upkeep_by = $2",
        *(turn.dataset_id, keeper),
    )


async def small_files(pool: Pool, turn: Turn) -> list[SmallFile]:
    """Of a table of bronze: those of runs that are over for good, as no retry can replace them any more."""
    return [SmallFile(**dict(row)) for row in await pool.fetch(_FILES, turn.dataset_id, SMALL_BYTES, RETRIABLE)]


async def put_together(conn: Queries, turn: Turn, keeper: UUID, file: Together) -> None:
    """Let readers see the one file instead of the others, in the caller's transaction.

    Raises Overtaken where another keeper has the table, or one of the files is no longer part of it. The new file is of
    no run: whatever replaces the table's rows of that connection later replaces it too.
    """
    await conn.execute("SELECT 1 FROM datasets WHERE id = $1 FOR NO KEY UPDATE", turn.dataset_id)
    if not await _mine(conn, f"SELECT id FROM datasets WHERE {_IS_MINE}", turn.dataset_id, keeper):
        raise Overtaken(f"{turn.table} is looked after by somebody else")
    gone = await conn.fetch(
        """UPDATE lake_files SET visible = false, removed_at = clock_timestamp()
           WHERE dataset_id = $1 AND path = ANY($2::text[]) AND visible AND removed_at IS NULL RETURNING row_count""",
        *(turn.dataset_id, [each.path for each in file.of]),
    )
    if len(gone) != len(file.of):
        raise Overtaken(f"{len(file.of) - len(gone)} files of {turn.table} were replaced meanwhile")
    await conn.execute(
        """INSERT INTO lake_files (org_id, dataset_id, connection_id, run_id, epoch, resource, visible, path, slice,
                                   row_count, byte_count)
           VALUES ($1, $2, $3, $4, 0, $5, true, $6, 'together', $7, $8)""",
        *(turn.org_id, turn.dataset_id, file.of[0].connection_id, uuid7(), file.of[0].resource, file.path),
        *(sum(row["row_count"] for row in gone), file.byte_count),
    )


async def note_version(pool: Pool, turn: Turn, version: int) -> None:
    """Remember the newest version of a Delta table: what is read by it must not be one whose files go next."""
    await pool.execute(
        "UPDATE datasets SET delta_version = $2 WHERE id = $1 AND delta_version < $2", turn.dataset_id, version
    )


async def _mine(conn: Queries, statement: str, *values: Any) -> bool:
    return await conn.fetchval(statement, *values) is not None

"""The files that `file_sync` has brought into the lake or out of it: one row for each, which is its commit (rule 14).

A place is a folder of the lake (`folder_place`), a target outside (`target_place`) or a run's artifacts (`run_place`).
Every function that writes takes a connection that has a transaction open.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries
from vai_records.runs.chain import CHAIN

Json = dict[str, Any]


@dataclass(frozen=True)
class SyncedFile:
    """A file that is there; `location` is its path in the lake, None where it was pushed."""

    id: UUID
    path: str
    location: str | None
    byte_count: int
    sha256: str
    mark: Json


@dataclass(frozen=True)
class NewSynced:
    """A file that was transferred. `change`: `added`, `changed`, `kept` (a target had it already, and it is now known),
    or `same` (only its mark is another).
    """

    path: str
    location: str | None
    byte_count: int
    sha256: str
    mark: Json
    change: str


@dataclass(frozen=True)
class Change:
    """What became of one file: `added`, `changed` or `removed`."""

    path: str
    change: str
    byte_count: int
    sha256: str
    id: UUID


def folder_place(folder: str) -> str:
    """A folder of the lake."""
    return f"lake/{folder}"


def target_place(connection_id: UUID | None, path: str) -> str:
    """A target outside, as a connection and a path name it."""
    return f"target/{connection_id or 'none'}/{path}"


def run_place(run_id: UUID) -> str:
    """A run's own artifacts."""
    return f"run/{run_id}"


_COLUMNS = ("path", "location", "byte_count", "sha256", "mark")

_THERE = "SELECT id, path, location, byte_count, sha256, mark FROM synced_files"


async def there(conn: Queries, org_id: UUID, place: str, after: str, most: int) -> list[SyncedFile]:
    """The files of a place in the order of their paths, those after `after`."""
    rows = await conn.fetch(
        f"{_THERE} WHERE org_id = $1 AND place = $2 AND removed_at IS NULL AND path > $3 ORDER BY path LIMIT $4",
        *(org_id, place, after, most),
    )
    return [SyncedFile(**dict(row)) for row in rows]


async def commit(conn: Queries, org_id: UUID, run_id: UUID, place: str, files: Sequence[NewSynced]) -> None:
    """Put files into a place. What had their paths there is replaced in the same moment."""
    if not files:
        return
    await _lock(conn, org_id, place)
    same = [file for file in files if file.change == "same"]
    await conn.execute(
        """UPDATE synced_files s SET mark = n.mark FROM unnest($3::text[], $4::jsonb[]) n(path, mark)
           WHERE s.org_id = $1 AND s.place = $2 AND s.path = n.path AND s.removed_at IS NULL""",
        *(org_id, place, [file.path for file in same], [file.mark for file in same]),
    )
    new = [file for file in files if file.change != "same"]
    await conn.execute(
        """UPDATE synced_files SET removed_at = clock_timestamp(), removed_by = $3, is_replaced = true
           WHERE org_id = $1 AND place = $2 AND path = ANY($4::text[]) AND removed_at IS NULL""",
        *(org_id, place, run_id, [file.path for file in new]),
    )
    await conn.execute(
        """INSERT INTO synced_files (org_id, place, run_id, id, path, location, byte_count, sha256, mark, change)
           SELECT $1, $2, $3, f.* FROM unnest($4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                                              $9::jsonb[], $10::text[]) f""",
        *(org_id, place, run_id, [uuid7() for _ in new]),
        *([getattr(file, name) for file in new] for name in (*_COLUMNS, "change")),
    )


async def remove(conn: Queries, org_id: UUID, run_id: UUID, place: str, files: Sequence[tuple[str, int]]) -> None:
    """Take files (path and size) out of a place; what a target had that nobody knew of is noted as removed, too."""
    if not files:
        return
    await _lock(conn, org_id, place)
    await conn.execute(
        """WITH gone AS (SELECT * FROM unnest($4::text[], $5::bigint[]) g(path, size)), known AS (
               UPDATE synced_files s SET removed_at = clock_timestamp(), removed_by = $3 FROM gone
               WHERE s.org_id = $1 AND s.place = $2 AND s.path = gone.path AND s.removed_at IS NULL RETURNING s.path)
           INSERT INTO synced_files (org_id, place, run_id, removed_by, removed_at, id, path, byte_count, sha256, mark,
                                     change)
           SELECT $1, $2, $3, $3, clock_timestamp(), n.id, gone.path, gone.size, '', '{}', 'kept'
           FROM gone JOIN unnest($4::text[], $6::uuid[]) n(path, id) ON n.path = gone.path
           WHERE gone.path NOT IN (SELECT path FROM known)""",
        *(org_id, place, run_id, [path for path, _ in files], [size for _, size in files], [uuid7() for _ in files]),
    )


async def _lock(conn: Queries, org_id: UUID, place: str) -> None:
    """Two runs that fill one place take turns."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{org_id}/{place}")


_CHANGES = f"""{CHAIN}, told AS (
    SELECT DISTINCT ON (path) path, CASE WHEN kept THEN change ELSE 'removed' END AS change, byte_count, sha256, id
    FROM (SELECT path, change, byte_count, sha256, id, true AS kept FROM synced_files
          WHERE run_id IN (SELECT id FROM chain) AND org_id = $2 AND place = $3 AND removed_at IS NULL
            AND change <> 'kept'
          UNION ALL
          SELECT path, change, byte_count, sha256, id, false FROM synced_files
          WHERE removed_by IN (SELECT id FROM chain) AND org_id = $2 AND place = $3 AND NOT is_replaced) s
    ORDER BY path, kept DESC
)"""


async def changes(conn: Queries, org_id: UUID, run_id: UUID, place: str, after: str, most: int) -> list[Change]:
    """What a run, and those that it retries, changed in a place, in the order of the paths, those after `after`."""
    rows = await conn.fetch(
        f"{_CHANGES} SELECT * FROM told WHERE path > $4 ORDER BY path LIMIT $5", run_id, org_id, place, after, most
    )
    return [Change(**dict(row)) for row in rows]


# Garbage -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gone:
    """A file that may be deleted; None where there is nothing in the lake."""

    id: UUID
    location: str | None


async def gone(conn: Queries, older: timedelta, most: int) -> list[Gone]:
    """Files that were replaced or removed so long ago that nobody downloads them any more."""
    rows = await conn.fetch(
        """SELECT id, location FROM synced_files WHERE removed_at < clock_timestamp() - $1::interval
           ORDER BY removed_at LIMIT $2""",
        *(older, most),
    )
    return [Gone(**dict(row)) for row in rows]


async def forget(conn: Queries, ids: Sequence[UUID]) -> None:
    """Drop the rows of files that have been deleted."""
    await conn.execute("DELETE FROM synced_files WHERE id = ANY($1::uuid[]) AND removed_at IS NOT NULL", list(ids))


_OF_RUN = re.compile(r"/files/run=([0-9a-f-]{36})/e(\d+)-[^/]*$")


async def unknown(conn: Queries, paths: Sequence[str]) -> list[str]:
    """Those of the lake's paths that no row names, and that no living run can still commit."""
    runs = [_OF_RUN.search(path) for path in paths]
    rows = await conn.fetch(
        """SELECT g.path FROM unnest($1::text[], $2::uuid[], $3::bigint[]) g(path, run_id, epoch)
           WHERE NOT EXISTS (SELECT FROM synced_files s WHERE s.location = g.path)
             AND NOT EXISTS (SELECT FROM runs r WHERE r.id = g.run_id AND r.phase = 'leased' AND r.epoch = g.epoch)""",
        *(list(paths), [found and UUID(found[1]) for found in runs], [found and int(found[2]) for found in runs]),
    )
    return [row["path"] for row in rows]

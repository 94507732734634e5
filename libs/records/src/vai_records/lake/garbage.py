"""Files that may be deleted: replaced by a newer extraction, or never published by their run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from vai_common.queries import Queries

KEPT = timedelta(days=1)
"""How long readers that began before may still read a removed file."""

RETRIABLE = timedelta(days=7)
"""How long an ended run can be retried from its checkpoint; then its unpublished files go, and the checkpoint too."""


@dataclass(frozen=True)
class Gone:
    """A file that may be deleted."""

    dataset_id: UUID
    path: str


async def abandon(conn: Queries, older: timedelta = RETRIABLE) -> int:
    """Remove the unpublished files of runs that ended long ago and that nothing live retries; answers how many."""
    ended = """SELECT DISTINCT f.run_id FROM lake_files f LEFT JOIN runs r ON r.id = f.run_id
        WHERE NOT f.visible AND f.removed_at IS NULL
          AND (r.id IS NULL OR (r.phase = 'done' AND r.completed_at < clock_timestamp() - $1::interval))
          AND NOT EXISTS (SELECT FROM runs n WHERE n.retry_of = f.run_id AND (n.phase <> 'done'
                          OR n.completed_at >= clock_timestamp() - $1::interval))"""
    removed: int = await conn.fetchval(
        f"""WITH ended AS ({ended}),
        forgotten AS (DELETE FROM checkpoints WHERE run_id IN (SELECT run_id FROM ended)),
        gone AS (UPDATE lake_files SET removed_at = clock_timestamp()
                 WHERE run_id IN (SELECT run_id FROM ended) AND NOT visible AND removed_at IS NULL RETURNING 1)
        SELECT count(*) FROM gone""",
        older,
    )
    return removed


async def removed(conn: Queries, older: timedelta = KEPT, limit: int = 1000) -> list[Gone]:
    """Files that were removed so long ago that nobody reads them any more."""
    rows = await conn.fetch(
        """SELECT dataset_id, path FROM lake_files WHERE removed_at < clock_timestamp() - $1::interval
           ORDER BY removed_at LIMIT $2""",
        *(older, limit),
    )
    return [Gone(row["dataset_id"], row["path"]) for row in rows]


async def forget(conn: Queries, files: Sequence[Gone]) -> None:
    """Drop the rows of files that have been deleted."""
    await conn.execute(
        """DELETE FROM lake_files f USING unnest($1::uuid[], $2::text[]) g(dataset_id, path)
           WHERE f.dataset_id = g.dataset_id AND f.path = g.path AND f.removed_at IS NOT NULL""",
        *([file.dataset_id for file in files], [file.path for file in files]),
    )


_OF_RUN = re.compile(r"/run=([0-9a-f-]{36})/.*/e(\d+)-[^/]*$")


async def unknown(conn: Queries, paths: Sequence[str]) -> list[str]:
    """Those of the bronze paths that are not in the manifest, and that no living run can still put there."""
    parts = [path.split("/", 4) for path in paths]
    runs = [_OF_RUN.search(path) for path in paths]
    rows = await conn.fetch(
        """SELECT g.path FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[])
               g(path, org, name, run_id, epoch)
           WHERE NOT EXISTS (
             SELECT FROM datasets d JOIN lake_files f ON f.dataset_id = d.id AND f.path = g.path
             WHERE d.org_id::text = g.org AND d.layer = 'bronze' AND d.name = g.name)
           AND NOT EXISTS (
             SELECT FROM runs r WHERE r.id = g.run_id AND r.phase = 'leased' AND r.epoch = g.epoch)""",
        *(list(paths), [part[0] for part in parts], [".".join(part[2:4]) for part in parts]),
        *([found and UUID(found[1]) for found in runs], [found and int(found[2]) for found in runs]),
    )
    return [row["path"] for row in rows]

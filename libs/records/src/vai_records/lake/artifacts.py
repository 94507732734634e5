"""The files that syncs keep in the lake, as people see them: each is an artifact of the run that brought it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.lake.synced_files import folder_place

_SHOWN = """SELECT id, path, CASE WHEN place LIKE 'lake/%' THEN substr(place, 6) END AS folder, location, byte_count,
sha256, run_id, created_at, removed_at FROM synced_files"""


@dataclass(frozen=True)
class ArtifactFilters:
    """Which artifacts a list shows. An empty field does not filter; `q` is a part of the path below the folder."""

    q: str | None = None
    folder: str | None = None
    run_id: UUID | None = None

    def where(self, org_id: UUID) -> tuple[str, list[Any]]:
        """The condition and its values. What was pushed, replaced or removed is not shown."""
        given = [
            ("org_id = ${0}", org_id),
            ("position(lower(${0}) IN lower(path)) > 0", self.q or None),
            ("place = ${0}", folder_place(self.folder) if self.folder else None),
            ("run_id = ${0}", self.run_id),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [text.format(place) for place, (text, _) in enumerate(asked, 1)]
        return " AND ".join(["location IS NOT NULL AND removed_at IS NULL", *texts]), [value for _, value in asked]


async def list_page(
    conn: Queries, org_id: UUID, filters: ArtifactFilters, limit: int, offset: int
) -> tuple[list[Row], int]:
    """Some artifacts in the order of folders and paths, and how many there are."""
    where, values = filters.where(org_id)
    total = await conn.fetchval(f"SELECT count(*) FROM synced_files WHERE {where}", *values)
    rows = await conn.fetch(
        f"{_SHOWN} WHERE {where} ORDER BY place, path LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}",
        *(*values, limit, offset),
    )
    return list(rows), total


async def get(conn: Queries, org_id: UUID, artifact_id: UUID) -> Row | None:
    """One, also for as long as it is kept after it was replaced or removed."""
    return await conn.fetchrow(f"{_SHOWN} WHERE org_id = $1 AND id = $2 AND location IS NOT NULL", org_id, artifact_id)


async def linked(conn: Queries, artifact_id: UUID) -> Row | None:
    """The one that a signed link names; the link stands for the organisation."""
    return await conn.fetchrow(f"{_SHOWN} WHERE id = $1 AND location IS NOT NULL", artifact_id)

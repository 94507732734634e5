"""The lake's content according to the database, for tools that copy the lake or compare the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vai_common.queries import Queries
from vai_records.lake.manifest import Columns

_FILES = """
SELECT path, byte_count, is_needed FROM (
    SELECT path, byte_count, removed_at IS NULL AS is_needed, created_at FROM lake_files
    UNION ALL SELECT location, byte_count, removed_at IS NULL, created_at FROM synced_files WHERE location IS NOT NULL
) f ORDER BY created_at DESC LIMIT $1
"""
_TABLES = """
SELECT id, layer, name, location, row_count, columns, write_epoch, delta_version FROM datasets
WHERE layer <> 'bronze' ORDER BY updated_at DESC LIMIT $1
"""


@dataclass(frozen=True)
class NamedFile:
    """A file of bronze, or of `file_sync`. If it is not `is_needed`, it was replaced or removed and may be deleted."""

    path: str
    byte_count: int
    is_needed: bool


@dataclass(frozen=True)
class NamedTable:
    """A Delta table.

    No writer has a higher `write_epoch`. Its version is `delta_version` or a later one (a writer may not have told
    yet); None where no version is known.
    """

    id: UUID
    layer: str
    name: str
    location: str
    row_count: int | None
    columns: Columns
    write_epoch: int
    delta_version: int | None

    @property
    def has_files(self) -> bool:
        """Whether the table has files. A write without rows and without a column that has a type makes none."""
        return bool(self.row_count) or (
            self.row_count is not None and any(each["type"] != "NULL" for each in self.columns)
        )


async def files(conn: Queries, most: int | None = None) -> list[NamedFile]:
    """Every file that a row names, published or not; the newest, where `most` bounds them."""
    return [NamedFile(**dict(row)) for row in await conn.fetch(_FILES, most)]


async def tables(conn: Queries, most: int | None = None) -> list[NamedTable]:
    """Every table of silver and gold; those written last, where `most` bounds them."""
    return [NamedTable(**dict(row)) for row in await conn.fetch(_TABLES, most)]


async def write_epochs(conn: Queries, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The write epochs of these tables as they are now."""
    rows = await conn.fetch("SELECT id, write_epoch FROM datasets WHERE id = ANY($1::uuid[])", list(ids))
    return {row["id"]: row["write_epoch"] for row in rows}

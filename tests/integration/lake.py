"""What a reader of the lake sees: the manifest, the files that it names, and a Delta table's versions."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
from deltalake import DeltaTable

from vai_devstack.stack import Stack

_VISIBLE = """
SELECT path, slice, row_count, epoch FROM lake_files WHERE run_id = $1 AND visible AND removed_at IS NULL ORDER BY path
"""


async def manifest(database: Any, run_id: str) -> list[Any]:
    """The files of a run that readers see."""
    return list(await database.fetch(_VISIBLE, UUID(run_id)))


async def ids_extracted(stack: Stack, database: Any, run_id: str) -> list[int]:
    """The ids of a sample's rows as the files of the manifest hold them, in order."""
    found: list[int] = []
    for row in await manifest(database, run_id):
        found += pq.read_table(stack.home.lake / row["path"], columns=["id"])["id"].to_pylist()
    return sorted(found)


async def assert_extracted_once(stack: Stack, database: Any, run_id: str, rows: int, slices: int) -> None:
    """Every row and every slice is in the lake, and none is there twice."""
    files = await manifest(database, run_id)
    assert Counter(row["slice"] for row in files) == {f"{number + 1:06d}": 1 for number in range(slices)}
    assert sum(row["row_count"] for row in files) == rows
    assert await ids_extracted(stack, database, run_id) == list(range(1, rows + 1))


def delta_table(stack: Stack, name: str, layer: str = "silver") -> DeltaTable:
    folder: Path = stack.home.lake / stack.org_id / layer / name
    return DeltaTable(str(folder))

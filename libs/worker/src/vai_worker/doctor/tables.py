"""Whether the lake holds what the database says: after a restore the two may be of different moments."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from vai_common.queries import Pool, Row
from vai_worker.doctor.finding import Finding
from vai_worker.lake import Lake

_MOST = 100_000
"""The newest files and tables that are looked for."""

_FILES = """
SELECT path, byte_count FROM lake_files WHERE visible AND removed_at IS NULL ORDER BY created_at DESC LIMIT $1
"""
_TABLES = """
SELECT layer, name, location FROM datasets WHERE layer <> 'bronze' AND row_count IS NOT NULL
ORDER BY updated_at DESC LIMIT $1
"""
_ADVICE = (
    "The lake lost files, or is older than the database: restore a later copy of it, or extract and build these again"
)


async def tables(pool: Pool, lake_url: str) -> Finding:
    """Every file of the manifest is there in its size, every Delta table has its log. For a lake that is a folder."""
    lake = Lake(lake_url)
    if lake.is_remote:
        return Finding("tables", seen="a lake in S3 is not looked at")
    files, deltas = await pool.fetch(_FILES, _MOST), await pool.fetch(_TABLES, _MOST)
    lost = await asyncio.to_thread(_lost, Path(lake.root), files, deltas)
    if not lost:
        return Finding("tables", seen=f"{len(files)} files and {len(deltas)} Delta tables are as the database says")
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return Finding("tables", f"{', '.join(lost[:3])}{more}", _ADVICE)


def _lost(root: Path, files: Sequence[Row], deltas: Sequence[Row]) -> list[str]:
    found = []
    for row in files:
        file = root / row["path"]
        if not file.is_file():
            found.append(f"{row['path']} is missing")
        elif file.stat().st_size != row["byte_count"]:
            found.append(f"{row['path']} has {file.stat().st_size} bytes instead of {row['byte_count']}")
    bare = [row for row in deltas if not any((root / row["location"] / "_delta_log").glob("*.*"))]
    return found + [f"{row['layer']}.{row['name']} has no Delta log at {row['location']}" for row in bare]

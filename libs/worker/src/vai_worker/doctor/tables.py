"""Whether the lake holds what the database says: after a restore they may be of different times."""

import asyncio

from vai_common.queries import Pool
from vai_records.lake import named
from vai_worker.backup.comparison import UNCOLLECTED, Compared, Newer, compare, in_short
from vai_worker.doctor.finding import Finding
from vai_worker.lake.storage import Unread

_MOST = 100_000
"""The newest files and tables that are looked for."""

_LOST = (
    "The lake lost files, or is older than the database: restore a later copy of it, or extract and build these again"
)
_NEWER = (
    "The database is older than the lake, and runs that write these tables fail: restore both from one backup "
    "(docs/operations/backup.md)"
)


async def tables(pool: Pool, lake_url: str) -> Finding:
    """Every file of the manifest is there in its size, every Delta table whole and of the database's version."""
    files, deltas = await named.files(pool, _MOST), await named.tables(pool, _MOST)
    try:
        found = await asyncio.to_thread(compare, files, deltas, lake_url)
    except Unread as error:
        return Finding.of("tables", str(error))
    if found.lost:
        return Finding("tables", in_short(found.lost), _LOST)
    if newer := await _still_newer(pool, found):
        return Finding("tables", in_short(newer), _NEWER)
    if found.uncollected and len(files) < _MOST:
        what = f"{found.uncollected} files that no table names are older than {UNCOLLECTED.days} days"
        return Finding("tables", what, "Extract-workers delete them once an hour: see that one runs, and its rights")
    there = sum(table.has_files for table in deltas)
    garbage = f"; {found.unnamed} files are not named (they go after a day)" if found.unnamed else ""
    return Finding("tables", seen=f"{len(files)} files and {there} Delta tables are as the database says{garbage}")


async def _still_newer(pool: Pool, found: Compared) -> list[Newer]:
    """Not those whose writers had their turn while we looked."""
    given = await named.write_epochs(pool, [one.id for one in found.newer]) if found.newer else {}
    return [one for one in found.newer if one.epoch > given.get(one.id, 0)]

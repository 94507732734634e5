"""Makes a backup while everything runs."""

import asyncio
from datetime import timedelta

from vai_common.clock import now
from vai_common.db import UNBOUND, connect
from vai_records.lake import named
from vai_records.lake.garbage import KEPT
from vai_worker.backup import postgres, record
from vai_worker.backup.comparison import compare, in_short
from vai_worker.backup.copying import Copied, copy_named
from vai_worker.backup.errors import BackupError
from vai_worker.backup.place import check_apart, told
from vai_worker.backup.record import LAKE, Record
from vai_worker.lake.storage import open_lake

_SPARE = timedelta(hours=1)
_SCHEMA = "SELECT max(version_num) FROM alembic_version"


async def save(database_url: str, lake_url: str, to: str, lake_only: bool) -> tuple[Record, Copied]:
    """Dump the database, copy what it named at that moment, compare. Raises BackupError.

    The session's snapshot is the dump's, so the list of files is exactly the one that the dump holds.
    """
    check_apart(to, lake_url)
    storage, began = open_lake(to), now()
    name = record.name_of(began)
    session = await connect(database_url, "backup", UNBOUND)
    try:
        await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        database, schema = await record.identity(session), await session.fetchval(_SCHEMA)
        await asyncio.to_thread(record.check_same, storage, database)
        files, tables = await named.files(session), await named.tables(session)
        if not lake_only:
            snapshot = await session.fetchval("SELECT pg_export_snapshot()")
            dumped = postgres.dump(database_url, snapshot)
            with told(to):
                await asyncio.to_thread(storage.put_parts, f"{name}.dump", dumped)
    finally:
        await session.close()
    copy = f"{to.rstrip('/')}/{LAKE}"
    with told(to):
        copied = await copy_named(files, tables, open_lake(lake_url), open_lake(copy))
    if now() - began > KEPT - _SPARE:
        raise BackupError(
            "the copy took about a day, so files may have been deleted meanwhile",
            "Run it again into the same folder: it copies only what is not there yet",
        )
    found = await asyncio.to_thread(compare, files, tables, copy)
    if found.lost:
        raise BackupError(f"the lake lacks what the database names: {in_short(found.lost)}", "See `make doctor`")
    there = [table for table in tables if table.has_files]
    made = Record(name, began.isoformat(), database, schema, lake_url, len(files), len(there), not lake_only)
    with told(to):
        await asyncio.to_thread(record.save, storage, made)
    return made, copied

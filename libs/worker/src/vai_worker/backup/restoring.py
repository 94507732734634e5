"""Fills an empty database and an empty lake from a backup."""

import asyncio

from vai_common.db import UNBOUND, connect
from vai_common.queries import Queries
from vai_records.lake import named
from vai_records.schema.migrate import migrate
from vai_records.schema.needed import NEEDED
from vai_worker.backup import postgres, record
from vai_worker.backup.comparison import compare, in_short
from vai_worker.backup.copying import Copied, copy_named
from vai_worker.backup.errors import BackupError
from vai_worker.backup.place import check_apart, told
from vai_worker.backup.record import LAKE, Record
from vai_worker.lake.storage import open_lake

_TABLES = """
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
"""
_LIVE = "SELECT count(*) FROM processes WHERE beat_at > now() - interval '30 s'"


async def restore(
    database_url: str, lake_url: str, source: str, name: str, lake_only: bool
) -> tuple[Record | None, Copied]:
    """Restore the newest backup, or the one of that name; with `lake_only`, what the restored database names.

    Raises BackupError where the database or the lake is not empty, and where they don't agree afterwards.
    """
    check_apart(source, lake_url)
    storage = open_lake(source)
    chosen = None if lake_only else await asyncio.to_thread(record.chosen, storage, name)
    if chosen is not None and not chosen.has_dump:
        raise BackupError(f"{chosen.name} has no database in it", "Restore that first, then say --lake-only")
    if chosen is not None and chosen.schema > NEEDED:
        fault = f"{chosen.name} has the schema {chosen.schema}, and this version knows {NEEDED} at most"
        raise BackupError(fault, "Restore it with the version that made it, or a later one")
    await asyncio.to_thread(_check_empty, lake_url)
    session = await connect(database_url, "backup", UNBOUND)
    try:
        await _check_database(session, lake_only)
        if chosen is not None:
            await asyncio.to_thread(postgres.restore, database_url, storage.parts(chosen.dump))
            await migrate(database_url)
        files, tables = await named.files(session), await named.tables(session)
    finally:
        await session.close()
    copy = f"{source.rstrip('/')}/{LAKE}"
    with told(lake_url):
        copied = await copy_named(files, tables, open_lake(copy), open_lake(lake_url))
    found = await asyncio.to_thread(compare, files, tables, lake_url)
    if faults := [*found.lost, *found.newer]:
        advice = "Restore another backup, or start, and extract and build these again"
        raise BackupError(f"database and lake do not agree: {in_short(faults)}", advice)
    return chosen, copied


def _check_empty(lake_url: str) -> None:
    first = next(iter(open_lake(lake_url).files()), None)
    if first is not None:
        raise BackupError(f"the lake {lake_url} is not empty ({first.path})", "Name an empty one: VAI_LAKE_URL")


async def _check_database(session: Queries, lake_only: bool) -> None:
    there = await session.fetchval(_TABLES)
    if there and not lake_only:
        raise BackupError(f"the database holds {there} tables", "Make a new one (CREATE DATABASE vai OWNER …), name it")
    if lake_only and not there:
        raise BackupError("the database is empty", "Restore it first, or leave out --lake-only")
    if lake_only and (live := await session.fetchval(_LIVE)):
        raise BackupError(f"{live} processes are at work on this database", "Stop the services first")

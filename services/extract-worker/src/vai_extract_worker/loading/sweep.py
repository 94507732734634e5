"""Deletes garbage from the lake: files that no reader can see any more, after a day (rule 14)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from itertools import islice

from vai_common.clock import now
from vai_common.queries import Pool
from vai_records.connections import rates
from vai_records.lake import garbage, synced_files
from vai_worker.lake.storage import Storage, Stored, open_lake

_BATCH = 1000
_Among = Callable[[Pool, list[str]], Awaitable[list[str]]]


async def sweep(pool: Pool, lake_url: str, older: timedelta = garbage.KEPT) -> int:
    """Delete files that were replaced, abandoned or never committed and are older than `older`. Return how many.

    Safe at any time and in any number of processes: deleting a file that is already gone does nothing.
    """
    storage = await asyncio.to_thread(open_lake, lake_url)
    await garbage.abandon(pool)
    await rates.forget_idle(pool)
    removed = await _removed(pool, storage, older) + await _removed_files(pool, storage, older)
    bronze = await _unknown(pool, storage, "bronze", garbage.unknown, older)
    return removed + bronze + await _unknown(pool, storage, "files", synced_files.unknown, older)


async def _removed(pool: Pool, storage: Storage, older: timedelta) -> int:
    deleted = 0
    while files := await garbage.removed(pool, older, _BATCH):
        await asyncio.to_thread(storage.delete, [file.path for file in files])
        await garbage.forget(pool, files)
        deleted += len(files)
    return deleted


async def _unknown(pool: Pool, storage: Storage, part: str, among: _Among, older: timedelta) -> int:
    """Files that were never committed: their run was killed, or another worker had taken it over."""
    stored = _old(storage, part, older)
    deleted = 0
    while batch := await asyncio.to_thread(lambda: list(islice(stored, _BATCH))):
        paths = await among(pool, [file.path for file in batch])
        await asyncio.to_thread(storage.delete, paths)
        deleted += len(paths)
    return deleted


async def _removed_files(pool: Pool, storage: Storage, older: timedelta) -> int:
    """Of `file_sync`: files that were replaced or removed."""
    deleted = 0
    while gone := await synced_files.gone(pool, older, _BATCH):
        paths = [file.location for file in gone if file.location is not None]
        await asyncio.to_thread(storage.delete, paths)
        await synced_files.forget(pool, [file.id for file in gone])
        deleted += len(paths)
    return deleted


def _old(storage: Storage, part: str, older: timedelta) -> Iterator[Stored]:
    """The old files of a part of the lake, of all organisations."""
    before = now() - older
    for file in storage.files():
        if file.path.split("/")[1:2] == [part] and file.modified < before:
            yield file

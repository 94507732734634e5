"""The disk of a lake that is a folder: how large it is, and how much is free."""

import asyncio
import os
from pathlib import Path

from vai_worker.lake.places import Lake
from vai_worker.metrics import lake_free_bytes, lake_size_bytes

DISK_SECONDS = 30.0


async def measure_disk_once(lake_url: str) -> None:
    """Reads outside of the event loop, since a network disk that is gone answers late."""
    found = await asyncio.to_thread(_statvfs, Lake(lake_url).root)
    lake_size_bytes.set(found.f_blocks * found.f_frsize)
    lake_free_bytes.set(found.f_bavail * found.f_frsize)


def _statvfs(folder: str) -> os.statvfs_result:
    """The disk of the folder, or of the nearest folder above it, since the first run makes the lake's folder."""
    there = Path(folder)
    while not there.is_dir() and there != there.parent:
        there = there.parent
    return os.statvfs(there)

"""Copies of a lake what a database names: into a backup, or back out of it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event

from vai_records.lake.named import NamedFile, NamedTable
from vai_worker.lake import delta_log
from vai_worker.lake.storage import NotThere, Storage


@dataclass
class Copied:
    """Files that were copied and their bytes; files that were there already, as they never change."""

    files: int = 0
    byte_count: int = 0
    kept: int = 0


async def copy_named(
    files: Sequence[NamedFile], tables: Iterable[NamedTable], source: Storage, target: Storage
) -> Copied:
    """What is not in the source is left out: `compare` says what the target lacks then. Who stops waiting (Ctrl-C)
    stops it with the file that is on its way; the next copy goes on from there."""
    unwanted = Event()
    try:
        return await asyncio.to_thread(_copy_all, files, tables, _Copier(source, target, unwanted))
    finally:
        unwanted.set()


def _copy_all(files: Sequence[NamedFile], tables: Iterable[NamedTable], copier: "_Copier") -> Copied:
    copier.look()
    for file in files:
        copier.copy(file.path, file.byte_count)
    for table in tables:
        copier.copy_table(table)
    return copier.copied


class _Unwanted(Exception):
    """Nobody waits for the copy any more."""


class _Copier:
    def __init__(self, source: Storage, target: Storage, unwanted: Event) -> None:
        self._source, self._target, self._unwanted = source, target, unwanted
        self._there: dict[str, int] = {}
        self.copied = Copied()

    def look(self) -> None:
        """At what the target has."""
        self._there = {file.path: file.size for file in self._target.files()}

    def copy(self, path: str, size: int) -> None:
        if self._unwanted.is_set():
            raise _Unwanted
        if self._there.get(path) == size:
            self.copied.kept += 1
            return
        try:
            self._target.put_parts(path, self._source.parts(path))
        except NotThere:
            return
        self.copied.files += 1
        self.copied.byte_count += size

    def copy_table(self, table: NamedTable) -> None:
        """The log is listed first: what its commits name is there then. It is written last, for the same reason."""
        log = delta_log.of_table(self._source, table.location)
        version = delta_log.version_of(self._source, log, table.write_epoch)
        if version < 0:
            return
        own = f"{table.location}/{delta_log.FOLDER}/"
        for file in self._source.files(table.location):
            if not file.path.startswith(own):
                self.copy(file.path, file.size)
        for file in log.until(version):
            self.copy(file.path, file.size)

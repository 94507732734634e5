"""Whether a lake holds what a database names, at the versions that it names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote
from uuid import UUID

from vai_common.clock import now
from vai_records.lake.named import NamedFile, NamedTable
from vai_worker.lake import delta_log
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import Storage, open_lake

UNCOLLECTED = timedelta(days=3)
"""How old a file that no table names may be; extract-workers collect them after a day."""


@dataclass(frozen=True)
class Newer:
    """A Delta table that was written with a write epoch that the database has not given yet."""

    id: UUID
    name: str
    epoch: int
    known: int

    def __str__(self) -> str:
        return f"{self.name} was written with write epoch {self.epoch}, and the database has given {self.known} at most"


@dataclass
class Compared:
    """In words: what the lake lacks (it lost something, or is older), and what it has too much (it is newer)."""

    lost: list[str] = field(default_factory=list)
    newer: list[Newer] = field(default_factory=list)
    """Of Delta tables; a writer may have had its turn since the database was asked."""

    unnamed: int = 0
    """Files of bronze that no table names: garbage, or of runs that have not told of them yet."""

    uncollected: int = 0
    """Those of them that are older than `UNCOLLECTED`."""


def in_short(faults: Sequence[object]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return ", ".join(map(str, faults[:3])) + more


def compare(files: Sequence[NamedFile], tables: Iterable[NamedTable], lake_url: str) -> Compared:
    """One pass over the files that are there, and the log of each Delta table."""
    found, lake, storage = Compared(), Lake(lake_url), open_lake(lake_url)
    _compare_files(files, storage, found)
    for table in tables:
        _compare_table(table, lake, storage, found)
    return found


def _compare_files(files: Sequence[NamedFile], storage: Storage, found: Compared) -> None:
    missing = {file.path: file for file in files}
    before = now() - UNCOLLECTED
    for stored in storage.files():
        if not _is_bronze(stored.path):
            continue
        named = missing.pop(stored.path, None)
        if named is None:
            found.unnamed += 1
            found.uncollected += stored.modified < before
        elif stored.size != named.byte_count:
            found.lost.append(f"{stored.path} has {stored.size} bytes instead of {named.byte_count}")
    found.lost += [f"{file.path} is missing" for file in missing.values() if file.is_needed]


def _is_bronze(path: str) -> bool:
    return path.split("/", 2)[1:2] == ["bronze"]


def _compare_table(table: NamedTable, lake: Lake, storage: Storage, found: Compared) -> None:
    name = f"{table.layer}.{table.name}"
    log = delta_log.of_table(storage, table.location)
    if log.version < 0:
        if table.has_files:
            found.lost.append(f"{name} has no Delta log at {table.location}")
        return
    if table.delta_version is not None and log.version < table.delta_version:
        found.lost.append(f"{name} is at version {log.version}, and the database knows version {table.delta_version}")
    epoch = delta_log.last_epoch(storage, log)
    if epoch is not None and epoch > table.write_epoch:
        found.newer.append(Newer(table.id, name, epoch, table.write_epoch))
    found.lost += [f"{name} {fault}" for fault in _faults_of_files(table, lake, storage)]


def _faults_of_files(table: NamedTable, lake: Lake, storage: Storage) -> list[str]:
    """The listing comes last: a file of the version that was read stays for a day after a later one."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        uris = DeltaTable(lake.address(table.location), storage_options=lake.options() or None).file_uris()
    except (DeltaError, OSError) as error:
        return [f"cannot be read: {str(error).splitlines()[0]}"]
    names = {unquote(uri).rpartition("/")[2] for uri in uris}
    there = {unquote(file.path).rpartition("/")[2] for file in storage.files(table.location)}
    lost = sorted(names - there)
    return [f"lacks {len(lost)} of its {len(names)} files ({lost[0]}, …)"] if lost else []

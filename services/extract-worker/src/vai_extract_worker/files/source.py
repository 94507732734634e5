"""The source `filesystem`: csv, jsonl, json and parquet files of an allowed folder or of S3.

A file is a slice. A long file is committed in several parts; if there are very many small files, a slice has several of
them.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import unquote

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.folders import Found, Shelf, Shelves, listed
from vai_extract_worker.files.formats import format_of, reads
from vai_extract_worker.files.rejects import Read, table_of_rejects
from vai_extract_worker.files.seen_files import SeenFiles
from vai_extract_worker.files.unpacking import PACKED
from vai_extract_worker.increments.missing_columns import Undelivered
from vai_extract_worker.modes import mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.source import Means, Page, Table
from vai_extract_worker.values.columns import free_name, with_declared
from vai_extract_worker.values.lost_characters import LostCharacters
from vai_records.definitions.dlt_extract import DltExtract, Filesystem
from vai_records.definitions.sources.file_resources import FileResource
from vai_records.definitions.sources.resources import table_name

_SLICES = 100
"""Up to this number of files, each is a slice of its own. If there are more, small files share a slice."""

_SMALL_BYTES = 8 * 1024 * 1024
_UNPACKED = 50
"""A compressed file may be this many times larger when it is unpacked."""

Files = tuple[Found, ...]
"""A slice: one file, or several small ones."""


class FileSource:
    """The definition's resources; or one for each name among the files of its one path, the smallest first."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition = cast(Filesystem, definition)
        self._means = means
        self._shelves = Shelves(means)

    def close(self) -> None:
        self._shelves.close()

    def tables(self) -> list[Table]:
        given = self._definition
        if given.resources:
            return [FileTable(given, resource, self._means, self._shelves) for resource in given.resources]
        return [
            FileTable(given, resource, self._means, self._shelves, by_name=True)
            for resource in self._found(cast(str, given.path))
        ]

    def _found(self, path: str) -> list[FileResource]:
        sizes: dict[str, int] = {}
        for file in listed(self._shelves.shelf(path), path):
            sizes[_name(file)] = sizes.get(_name(file), 0) + file.size
        if not sizes:
            raise _nothing(path)
        return [FileResource(name=name, path=path) for name in sorted(sizes, key=lambda name: (sizes[name], name))]


def _name(file: Found) -> str:
    return table_name(PurePosixPath(file.path).name.partition(".")[0])


def _nothing(path: str) -> Permanent:
    text = (
        f"No file matches {path}. Check the path; it may have *, ? and **. "
        "A hidden file is only found if the path names its dot."
    )
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "path", "path": path})


class FileTable:
    """One resource: files with the same columns, the oldest first. A file that cannot be read does not stop the
    others.
    """

    sliced = True
    isolates = True

    def __init__(
        self, definition: Filesystem, resource: FileResource, means: Means, shelves: Shelves, by_name: bool = False
    ) -> None:
        mode = mode_of(definition, resource, by_definition=True)
        saved = means.cursors.get(resource.name)
        self.name = resource.name
        self.table = resource.table_name
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.cursor_saved_by = saved["run_id"] if saved else None
        self.rejects = resource.on_bad_row == "reject"
        self.bad: list[Permanent] = []
        self.notes: list[str] = []
        self._saved: Json | None = saved["value"] if saved and mode.begins else None
        self._seen = SeenFiles(None)
        self._resource = resource
        self._by_name = by_name
        self._link = means.link
        self._has_told = False
        self._lost = LostCharacters(resource.name, means.link)
        self._fails = resource.on_missing_column == "fail"
        self._shelves = shelves

    def begin(self, state: ResourceProgress) -> None:
        if state.plan is None and not state.cursor:
            state.plan = {"after": self._saved}
        self._seen = SeenFiles(state.cursor or (state.plan or {}).get("after"))

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        found = listed(self._shelf(), self._resource.path)
        files = sorted((file for file in found if not self._by_name or _name(file) == self.name), key=Found.age)
        if not files:
            raise _nothing(self._resource.path)
        self._seen.take_up(files)
        todo = [file for file in files if not self._seen.has(file)]
        changed = [file.path for file in todo if self._seen.has_changed(file)]
        if changed and self.tracks:
            self.notes.append(
                f"{len(changed):,} files have changed since they were read and are read again: {changed[0]}, …"
            )
        begun = (state.position or {}).get("source", {}).get("file")
        todo.sort(key=lambda file: (_facts(file) != begun, file.age()))
        return list(_parted(todo))

    def goes_on(self, part: Any, position: Json) -> bool:
        """Whether a position lies in this slice, and the file has not changed."""
        files = cast(Files, part)
        return len(files) == 1 and position.get("file") == _facts(files[0])

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        files = cast(Files, part)
        if len(files) == 1:
            yield from self._pages(files[0], position)
            self._seen.add(files[0])
            return
        for file in files:
            try:
                pages = list(self._pages(file, None))
            except Permanent as error:
                self.bad.append(error)
            else:
                yield from pages
                self._seen.add(file)

    def cursor(self) -> Json | None:
        return self._seen.state()

    def _pages(self, file: Found, position: Json | None) -> Iterator[Page]:
        received = 0 if position else file.size
        at = position["at"] if position else None
        kind = self._resource.format or format_of(file.path)
        missing = Undelivered(self._resource.columns if at is None else {}, by_value=kind in ("json", "jsonl"))
        rows = 0
        for read in reads(self._shelf(), file, self._resource, at):
            further = {"file": _facts(file), "at": read.at} if read.at else None
            rejected = table_of_rejects(file.path, read.rejects) if read.rejects else None
            table = self._named(read, file)
            missing.meet(table)
            if kind in ("json", "jsonl"):
                self._lost.meet(table)
            rows += len(read.table)
            yield Page(table, received, further, rejected)
            received = 0
        if rows and missing.names and (self._fails or not self._has_told):
            missing.tell(self.name, file.path, self._fails, self._link)
            self._has_told = True

    def _named(self, read: Read, file: Found) -> pa.Table:
        table = read.table
        if not table.num_columns:
            return table
        there = {other.lower() for other in table.column_names}
        for column, value in _folders(file.path) if self._resource.folder_columns else ():
            if column.lower() in there and not self._is_undelivered(table, column):
                continue
            there.add(column.lower())
            one = with_declared(pa.table({column: pa.array([value], pa.string())}), self._resource.columns)[column]
            table = table.select([other for other in table.column_names if other.lower() != column.lower()])
            table = table.append_column(column, pa.repeat(one[0], len(read.table)))
        name = self._resource.file_column
        if name is None:
            return table
        return table.append_column(free_name(name, there), pa.repeat(pa.scalar(file.path), len(table)))

    def _is_undelivered(self, table: pa.Table, column: str) -> bool:
        """Whether declared columns are in every table, as with JSON files, even if no row has them."""
        declared = {name.lower() for name in self._resource.columns}
        found = [table[name] for name in table.column_names if name.lower() == column.lower()]
        return column.lower() in declared and all(one.null_count == len(one) for one in found)

    def _shelf(self) -> Shelf:
        return self._shelves.shelf(self._resource.path)


def _folders(path: str) -> Iterator[tuple[str, str | None]]:
    """The columns that folders are named after, as Hive and Spark write them: `year=2026/month=01`."""
    for folder in PurePosixPath(path).parts[:-1]:
        name, equals, value = folder.partition("=")
        if equals and name:
            yield unquote(name), None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value)


def _facts(file: Found) -> Json:
    return {"path": file.path, "size": file.size, "modified": file.modified}


def _weight(file: Found) -> int:
    """About how many bytes the file needs in memory."""
    return file.size * (_UNPACKED if file.path.lower().endswith(PACKED) else 1)


def _parted(files: Sequence[Found]) -> Iterator[Files]:
    """Slices in order. A slice of several files has at most `_SMALL_BYTES` bytes."""
    most = -(-len(files) // _SLICES)
    slice_: list[Found] = []
    for file in files:
        if slice_ and (len(slice_) == most or sum(map(_weight, slice_)) + _weight(file) > _SMALL_BYTES):
            yield tuple(slice_)
            slice_ = []
        slice_.append(file)
    if slice_:
        yield tuple(slice_)

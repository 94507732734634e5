"""The source `filesystem`: csv, jsonl and parquet files of an allowed folder or of S3; each file is a slice."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from common.errors import ErrorCode, Permanent
from extract_worker.folders import Found, Shelf, Shelves
from extract_worker.formats import tables_of
from extract_worker.source import Means, Page, Table, mode_of
from extract_worker.state import Json, ResourceState
from records.definitions.dlt_extract import DltExtract, Filesystem
from records.definitions.resources import FileResource, table_name


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
        for file in self._shelves.shelf(path).files(path):
            sizes[_name(file)] = sizes.get(_name(file), 0) + file.size
        if not sizes:
            raise _nothing(path)
        return [FileResource(name=name, path=path) for name in sorted(sizes, key=lambda name: (sizes[name], name))]


def _name(file: Found) -> str:
    return table_name(PurePosixPath(file.path).name.partition(".")[0])


def _nothing(path: str) -> Permanent:
    text = f"No file matches {path}. Check the path; it may have *, ? and **."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "path", "path": path})


class FileTable:
    """Files with the same columns, the oldest first, so that a cursor can follow them."""

    sliced = True

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
        self._after: Json | None = saved["value"] if saved and mode.begins else None
        self._resource = resource
        self._by_name = by_name
        self._shelves = shelves

    def begin(self, state: ResourceState) -> None:
        state.plan = state.plan or {"after": self._after}
        self._after = state.cursor or state.plan["after"]

    def slices(self, state: ResourceState) -> list[Any] | None:
        found = self._shelf().files(self._resource.path)
        files = sorted((file for file in found if not self._by_name or _name(file) == self.name), key=Found.age)
        if not files:
            raise _nothing(self._resource.path)
        return [file for file in files if self._after is None or file.age() > _age(self._after)]

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        file = cast(Found, part)
        received = file.size
        for table in tables_of(self._shelf(), file, self._resource):
            yield Page(table, received)
            received = 0
        self._after = {"modified": file.modified, "path": file.path}

    def cursor(self) -> Json | None:
        return self._after

    def _shelf(self) -> Shelf:
        return self._shelves.shelf(self._resource.path)


def _age(mark: Json) -> tuple[float, str]:
    return (mark["modified"], mark["path"])

"""The source `filesystem`: csv, jsonl and parquet files of an allowed folder or of S3; each file is a slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from common.errors import ErrorCode, Permanent
from extract_worker.folders import Found, Shelf, shelf_of
from extract_worker.formats import format_of, tables_of
from extract_worker.source import Means, Page, Table, mode_of
from extract_worker.state import Json, ResourceState
from records.definitions.dlt_extract import DltExtract, Filesystem
from records.definitions.resources import FileResource, table_name


@dataclass(frozen=True)
class Listing:
    """A resource and the files that it matches now."""

    resource: FileResource
    shelf: Shelf
    files: list[Found]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class FileSource:
    """The definition's resources; or one for each name among the files of its one path, the smallest first."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition = cast(Filesystem, definition)
        self._means = means

    def tables(self) -> list[Table]:
        given, means = self._definition, self._means
        if given.resources:
            return [FileTable(given, resource, means) for resource in given.resources]
        return [FileTable(given, resource, means) for resource in self._named(cast(str, given.path))]

    def _named(self, path: str) -> list[FileResource]:
        shelf = shelf_of(path, self._means)
        sizes: dict[str, int] = {}
        patterns: dict[str, list[str]] = {}
        for file in shelf.files(path):
            name = table_name(PurePosixPath(file.path).name.partition(".")[0])
            sizes[name] = sizes.get(name, 0) + file.size
            patterns.setdefault(name, []).append(shelf.address(file))
        if not sizes:
            raise _nothing(path)
        return [FileResource(name=name, path="\n".join(patterns[name])) for name in sorted(sizes, key=sizes.__getitem__)]


def _nothing(path: str) -> Permanent:
    text = f"No file matches {path}. Check the path; a glob may have *, ? and **."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "path", "path": path})


class FileTable:
    """Files with the same columns, the oldest first, so that a cursor can follow them."""

    def __init__(self, definition: Filesystem, resource: FileResource, means: Means) -> None:
        mode = mode_of(definition, resource, by_definition=True)
        saved = means.cursors.get(resource.name)
        self.name = resource.name
        self.table = resource.table_name
        self.replace = mode.replaces
        self.in_order = self._tracks = mode.tracks
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._after: Json | None = saved["value"] if saved and mode.begins else None
        self._resource = resource
        self._means = means
        self._shelf: Shelf | None = None

    def begin(self, state: ResourceState) -> None:
        state.plan = state.plan or {"after": self._after}
        self._after = state.cursor or state.plan["after"]

    def slices(self, state: ResourceState) -> list[Any] | None:
        self._shelf = shelf_of(self._resource.path, self._means)
        files = sorted(self._shelf.files(self._resource.path), key=Found.age)
        if not files:
            raise _nothing(self._resource.path)
        return [file for file in files if self._after is None or file.age() > _age(self._after)]

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        shelf, file = cast(Shelf, self._shelf), cast(Found, part)
        kind = self._resource.format or format_of(file.path)
        with shelf.open(file) as stream:
            received = file.size
            for table in tables_of(stream, file.path, kind, self._resource.columns):
                yield Page(table, received)
                received = 0
        self._after = {"modified": file.modified, "path": file.path}

    def cursor(self) -> Json | None:
        """Also a plain extraction goes on after the file that it had last."""
        return self._after


def _age(mark: Json) -> tuple[float, str]:
    return (mark["modified"], mark["path"])

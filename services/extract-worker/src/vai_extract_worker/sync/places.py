"""A place outside that files come from or go to: the interface, and the errors of a single file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.sync.names import Wanted

CHUNK = 1 << 20
"""Bytes that are read at once."""

PART = ".vai-part-"
"""Begins the name of a file that is on its way into a folder; such names are never listed."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A file of a place. `path` is below the place; `name` is what the place itself calls it.

    `modified` and `etag` are the place's own words for when and what, None where it has none. `is_fresh`: it was
    changed so short a time ago that a second change might not show in `modified`.
    """

    path: str
    name: str
    size: int | None
    modified: str | None = None
    etag: str | None = None
    is_fresh: bool = False

    def mark(self) -> Json:
        """What is remembered of it, to see later whether it has changed."""
        kept = {"size": self.size, "etag": self.etag, "modified": None if self.is_fresh else self.modified}
        return {name: value for name, value in kept.items() if value is not None}

    def is_still(self, later: "Entry") -> bool:
        """Whether nothing has happened to the file between two looks. Some servers tell its size only sometimes."""
        sizes = {self.size, later.size} - {None}
        return len(sizes) <= 1 and (self.modified, self.etag) == (later.modified, later.etag)


@dataclass(frozen=True)
class LeftOut:
    """What is not transferred, and why. `is_folder`: what lies below it is not known."""

    path: str
    error: Permanent
    is_folder: bool = False


class FileFault(Permanent):
    """What is wrong with one file only; the others go on."""


class Changed(FileFault):
    """The file is another one than was listed, or changes while it is read."""

    def __init__(self, path: str) -> None:
        text = f"{path} changes while it is read: sync again when who writes it is done."
        super().__init__(ErrorCode.DATA_ERROR, text, {"path": path})


class Vanished(FileFault):
    """The file was listed and is not there any more."""

    def __init__(self, path: str) -> None:
        text = f"{path} was removed while the sync was working: sync again."
        super().__init__(ErrorCode.DATA_ERROR, text, {"path": path})


def unreadable(path: str, why: str) -> FileFault:
    """The error of a file that the place does not give."""
    return FileFault(ErrorCode.AUTH_ERROR, f"{path} cannot be read: {why}. Give the right to read it.", {"path": path})


class Place(Protocol):
    """Its functions may be called from several threads at once. They raise `FileFault` for what is wrong with one file,
    any other `RunError` for what is wrong with the place.
    """

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        """The files whose paths are wanted."""

    def look(self, entry: Entry) -> Entry:
        """The file as it is now. Raises Vanished."""

    def read(self, entry: Entry) -> Iterator[bytes]:
        """The file's bytes. Raises Changed where it is not, or does not stay, what `entry` says."""

    def close(self) -> None:
        """Close what it holds open."""


class Target(Place, Protocol):
    """A place that files may go to."""

    def write(self, path: str, parts: Iterable[bytes]) -> Entry:
        """Write a file, whole or not at all, and return it as it is there now."""

    def delete(self, entry: Entry) -> None:
        """Delete a file; one that is not there is no error."""

"""Files of a lake or of a backup: in a folder or on S3. Writing is atomic: a file is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from vai_common.errors import ErrorCode, Retryable
from vai_worker.lake import store_errors
from vai_worker.lake.places import Lake

_CHUNK = 8 << 20
"""Bytes that are read at once of a file that need not fit into memory."""


@dataclass(frozen=True)
class Stored:
    """A file; `path` is relative to the storage's root, `size` in bytes."""

    path: str
    modified: datetime
    size: int


class Unread(Exception):
    """A file could not be read; the message says which, and why."""


class NotThere(Unread):
    """There is no such file."""


class Storage(Protocol):
    def put(self, path: str, data: Any) -> None:
        """Write bytes (anything with the buffer protocol). Raises `Retryable` (CONNECTION_ERROR)."""

    def put_parts(self, path: str, parts: Iterable[bytes]) -> None:
        """As `put`, of what need not fit into memory. What `parts` raises leaves no file, and goes on."""

    def parts(self, path: str) -> Iterator[bytes]:
        """A file's bytes, some at a time. Raises Unread; NotThere, at the first part, where there is none."""

    def files(self, prefix: str = "") -> Iterator[Stored]:
        """What lies under a prefix, which is a whole name of a folder. Raises Unread."""

    def delete(self, paths: list[str]) -> None:
        """Delete; what is not there is no error. Raises `Retryable` (CONNECTION_ERROR)."""


def open_lake(url: str) -> Storage:
    """The storage of `file:///folder` or `s3://bucket/prefix` (keys: AWS_*). Raises ValueError for others."""
    lake = Lake(url)
    if lake.is_remote:
        return Bucket(lake)
    if url.startswith("file://"):
        return Folder(Path(lake.root))
    raise ValueError(f"the lake is a file:// or s3:// address, not {url}")


class Folder:
    """A local folder; what it has taken survives a crash of the machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: str, data: Any) -> None:
        self.put_parts(path, (data,))

    def put_parts(self, path: str, parts: Iterable[bytes]) -> None:
        target = self._root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, parts)
            _sync_folder(target.parent)
        except OSError as error:
            raise _unwritten(path, error) from error

    def parts(self, path: str) -> Iterator[bytes]:
        try:
            with (self._root / path).open("rb") as file:
                while part := file.read(_CHUNK):
                    yield part
        except FileNotFoundError as error:
            raise NotThere(path) from error
        except OSError as error:
            raise Unread(f"{path} cannot be read: {error.strerror}") from error

    def files(self, prefix: str = "") -> Iterator[Stored]:
        for folder, _, names in os.walk(self._root / prefix):
            for path in (Path(folder, name) for name in names):
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue  # somebody else removed it meanwhile
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                yield Stored(path.relative_to(self._root).as_posix(), modified, found.st_size)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)


def _write(target: Path, parts: Iterable[bytes]) -> None:
    """The whole file or nothing; what a full disk took of it is removed."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        part_file = Path(file.name)
        try:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            part_file.replace(target)
        except BaseException:
            part_file.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Bucket:
    """A prefix of an S3 bucket."""

    def __init__(self, lake: Lake) -> None:
        from obstore.store import S3Store

        self._url = lake.url
        self._store: Any = S3Store.from_url(lake.url, client_options={"allow_http": lake.allows_http})

    def put(self, path: str, data: Any) -> None:
        self._put(path, memoryview(data).cast("B"))  # Arrow's own view has signed bytes, which obstore refuses

    def put_parts(self, path: str, parts: Iterable[bytes]) -> None:
        """At once where it is small: a store's own way of several parts costs three requests."""
        rest = iter(parts)
        first = b""
        for part in rest:
            first += part
            if len(first) >= _CHUNK:
                return self._put(path, _all(first, rest))
        return self._put(path, first)

    def _put(self, path: str, data: Any) -> None:
        import obstore

        try:
            obstore.put(self._store, path, data)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unwritten(path, error) from error

    def parts(self, path: str) -> Iterator[bytes]:
        import obstore

        try:
            for part in obstore.get(self._store, path).stream(min_chunk_size=_CHUNK):
                yield bytes(part)
        except (obstore.exceptions.BaseError, OSError) as error:
            if _is_gone(error):
                raise NotThere(path) from error
            raise Unread(f"{path} cannot be read: {store_errors.in_few_words(error)}") from error

    def files(self, prefix: str = "") -> Iterator[Stored]:
        import obstore

        try:
            for batch in obstore.list(self._store, prefix or None):
                for entry in batch:
                    yield Stored(entry["path"], entry["last_modified"], entry["size"])
        except (obstore.exceptions.BaseError, OSError) as error:
            message = f"{self._url} cannot be listed ({store_errors.in_few_words(error)}): {store_errors.ADVICE}"
            raise Unread(message) from error

    def delete(self, paths: list[str]) -> None:
        import obstore

        try:
            obstore.delete(self._store, paths)
        except (obstore.exceptions.BaseError, OSError) as error:
            if not _is_gone(error):
                raise _unwritten(paths[0], error) from error


def _is_gone(error: Exception) -> bool:
    """Whether there is no such file; not so where there is no such bucket."""
    is_of_kind = isinstance(error, FileNotFoundError) or type(error).__name__ == "NotFoundError"
    return is_of_kind and store_errors.meaning(error) is None


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _unwritten(path: str, error: Exception) -> Retryable:
    said = store_errors.in_few_words(error)
    text = f"The lake did not take a file: {said}. Check its space, its address and the rights of this worker."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path})

"""Where the lake's files are: a folder or S3. Writing is atomic: a file is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from vai_common.errors import ErrorCode, Retryable
from vai_worker.lake import Lake


@dataclass(frozen=True)
class Stored:
    """A file of the lake; `path` is relative to it."""

    path: str
    modified: datetime


class Storage(Protocol):
    def put(self, path: str, data: Any) -> None:
        """Write bytes (anything with the buffer protocol). Raises `Retryable` (CONNECTION_ERROR)."""

    def files(self, prefix: str = "") -> Iterator[Stored]:
        """What lies under a prefix."""

    def delete(self, paths: list[str]) -> None:
        """Delete; what is not there is no error."""


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
        target = self._root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
            _sync_folder(target.parent)
        except OSError as error:
            raise _unwritten(path, error) from error

    def files(self, prefix: str = "") -> Iterator[Stored]:
        for folder, _, names in os.walk(self._root / prefix):
            for path in (Path(folder, name) for name in names):
                try:
                    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                except FileNotFoundError:
                    continue  # somebody else removed it meanwhile
                yield Stored(path.relative_to(self._root).as_posix(), modified)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)


def _write(target: Path, data: Any) -> None:
    """The whole file or nothing; what a full disk took of it is removed."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
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

        self._store: Any = S3Store.from_url(lake.url, client_options={"allow_http": lake.allows_http})

    def put(self, path: str, data: Any) -> None:
        import obstore

        try:
            obstore.put(self._store, path, memoryview(data))
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unwritten(path, error) from error

    def files(self, prefix: str = "") -> Iterator[Stored]:
        import obstore

        for batch in obstore.list(self._store, prefix or None):
            for entry in batch:
                yield Stored(entry["path"], entry["last_modified"])

    def delete(self, paths: list[str]) -> None:
        import obstore

        obstore.delete(self._store, paths)


def _unwritten(path: str, error: Exception) -> Retryable:
    text = f"The lake did not take a file: {error}. Check its space, its address and the rights of this worker."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path})

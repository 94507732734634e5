"""Where an organisation's files are: a folder that the operator allows, or a bucket whose keys the connection has."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote

from vai_common.egress.addresses import Policy
from vai_common.egress.one_host_proxy import Gate
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.source import Means
from vai_records.connections.stores import Place, bucket_of, check_bucket, key_of
from vai_records.definitions.sources.globs import glob_regex
from vai_worker.children.job import ConnectionSecret

_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Found:
    """One file; `path` is within its shelf, `modified` in seconds since 1970, `size` in bytes."""

    path: str
    size: int
    modified: float

    def age(self) -> tuple[float, str]:
        return (self.modified, self.path)


class Shelf(Protocol):
    def files(self, pattern: str) -> Iterator[Found]:
        """What a glob matches."""

    def open(self, file: Found) -> BinaryIO:
        """The file's bytes, seekable."""

    def close(self) -> None:
        """Close what it holds open."""


class Shelves:
    """The shelves of one run, each opened once."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._open: dict[str, Shelf] = {}

    def shelf(self, path: str) -> Shelf:
        """Where a path leads. Raises `Permanent` where it may not lead there."""
        name = bucket_of(path) if path.startswith("s3://") else ""
        if name not in self._open:
            self._open[name] = shelf_of(path, self._means)
        return self._open[name]

    def close(self) -> None:
        for shelf in self._open.values():
            shelf.close()


def listed(shelf: Shelf, pattern: str) -> Iterator[Found]:
    """The files that a glob matches, without those that are usually not meant.

    A hidden file (its name begins with a dot) is only matched if the glob names the dot. Files such as `_SUCCESS`,
    which begin with `_` and have no suffix, have no rows and are left out.
    """
    named = any(part.startswith(".") for part in pattern.split("/"))
    for file in shelf.files(pattern):
        parts = file.path.split("/")
        is_mark = parts[-1].startswith("_") and "." not in parts[-1]
        if (named or not any(part.startswith(".") for part in parts)) and not is_mark:
            yield file


def shelf_of(path: str, means: Means) -> Shelf:
    """Where a path leads. Raises `Permanent` where it may not lead there."""
    if path.startswith("s3://"):
        return S3Shelf(bucket_of(path), means.job.connection, means.policy)
    if not means.files_root:
        text = "This worker reads no local files: its operator sets VAI_FILES_ROOT to a folder; or take an s3:// path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": path})
    return LocalShelf(Path(means.files_root))


_REPEATED = re.compile(r"(?:\*\*/){2,}")


class LocalShelf:
    """A folder of this machine. Symbolic links that lead out of it are ignored."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def files(self, pattern: str) -> Iterator[Found]:
        # Repeated `**/` means the same as one, but each would walk the whole tree again.
        within = _REPEATED.sub("**/", self._within(pattern)).replace("[", "[[]")
        for path in sorted(self._root.glob(within)):
            real = path.resolve()
            if real.is_file() and real.is_relative_to(self._root):
                facts = real.stat()
                yield Found(path.relative_to(self._root).as_posix(), facts.st_size, facts.st_mtime)

    def open(self, file: Found) -> BinaryIO:
        return self.place(file).open("rb")

    def place(self, file: Found) -> Path:
        """The file's real path, after symbolic links: for libraries that open files by themselves."""
        return (self._root / file.path).resolve()

    def close(self) -> None:
        """There is nothing to close."""

    def _within(self, pattern: str) -> str:
        plain = pattern
        if pattern.startswith("file://"):  # a `?` in it is a glob's, not a query's
            plain = unquote("/" + pattern.removeprefix("file://").partition("/")[2])
        inside = os.path.relpath(plain, self._root) if plain.startswith("/") else plain
        if ".." in Path(inside).parts:
            text = f"{pattern} is outside of the folder that this worker may read; give a path within it."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": pattern})
        return inside


class S3Shelf:
    """A bucket, read with the connection's keys or without keys, never with the platform's own keys.

    The store is reached through a proxy that allows only the store's own host, at checked addresses, whatever it
    redirects to.
    """

    def __init__(self, bucket: str, connection: ConnectionSecret | None, policy: Policy) -> None:
        from obstore.store import S3Store

        place = _place(connection.config if connection else {}, bucket)
        config: Any = _keys(connection.credentials if connection else {}) | {"region": place.region}
        if place.endpoint:
            config["endpoint"] = place.endpoint
        self._gate = Gate(policy, place.is_at)
        options: Any = {
            "allow_http": place.endpoint.startswith("http://"),
            "timeout": timedelta(seconds=60),
            "proxy_url": self._gate.url,
        }
        retries: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
        with self.in_our_words(), _without_platform_keys():
            self.store: Any = S3Store(bucket, config=config, client_options=options, retry_config=retries)

    def close(self) -> None:
        self._gate.close()

    def files(self, pattern: str) -> Iterator[Found]:
        import obstore

        key = key_of(pattern).lstrip("/")
        fits = _glob(key)
        folder = re.split(r"[*?\[]", key, maxsplit=1)[0].rpartition("/")[0]
        with self.in_our_words():
            for batch in obstore.list(self.store, folder or None):
                for entry in batch:
                    if fits.fullmatch(entry["path"]):
                        yield Found(entry["path"], entry["size"], entry["last_modified"].timestamp())

    def open(self, file: Found) -> BinaryIO:
        import obstore

        with self.in_our_words():
            return io.BufferedReader(_Remote(obstore.open_reader(self.store, file.path), self), _READ_BYTES)

    @contextmanager
    def in_our_words(self) -> Iterator[None]:
        """Turn errors of the library into `RunError`s. The library's own words are left out, since they quote the
        store's answer.
        """
        from obstore import exceptions

        try:
            yield
        except (exceptions.BaseError, OSError, ValueError, TypeError) as error:
            raise self._gate.refusal or _error_of(error) from None
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise _error_of(error) from None


class _Remote(io.RawIOBase):
    """An object of a bucket as a file."""

    def __init__(self, reader: Any, shelf: S3Shelf) -> None:
        self._reader = reader
        self._shelf = shelf

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._reader.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        with self._shelf.in_our_words():
            data = memoryview(self._reader.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def _keys(credentials: dict[str, Any]) -> dict[str, Any]:
    key, secret = credentials.get("access_key_id"), credentials.get("secret_access_key")
    if not (key and secret):
        return {"skip_signature": True}
    token = credentials.get("session_token")
    return {"access_key_id": key, "secret_access_key": secret} | ({"session_token": token} if token else {})


def _place(config: dict[str, Any], bucket: str) -> Place:
    try:
        check_bucket(bucket)
        return Place.of(config)
    except ValueError as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The bucket cannot be asked: {error}.") from error


@contextmanager
def _without_platform_keys() -> Iterator[None]:
    """The environment may hold the lake's own keys, which no tenant's source may use."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _error_of(error: BaseException) -> RunError:
    from obstore import exceptions

    details = {"reason": type(error).__name__}
    if isinstance(error, exceptions.UnauthenticatedError | exceptions.PermissionDeniedError):
        text = "The bucket refuses these keys. Store access_key_id and secret_access_key that may read it."
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        text = "There is no such bucket or file. Check the path."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
    if isinstance(error, exceptions.BaseError | OSError):
        text = "The bucket could not be reached; check endpoint_url and region."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, details)
    text = "The bucket cannot be asked: check its name, and the connection's endpoint_url, region and keys."
    return Permanent(ErrorCode.DATA_ERROR, text, details)


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Whether a path matches a glob: `*` and `?` within a folder, `**` across folders. The work grows with the length
    of the path only.
    """
    return re.compile(glob_regex(pattern))

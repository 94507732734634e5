"""Where a tenant's files are: the folder that the operator allows, or a bucket that the connection has the keys of."""

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
from urllib.parse import unquote, urlsplit

from common.addresses import Policy, resolve
from common.errors import ErrorCode, Permanent, Retryable, RunError
from extract_worker.source import Means
from worker.job import ConnectionSecret

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


def shelf_of(path: str, means: Means) -> Shelf:
    """Where a path leads. Raises `Permanent` where it may not lead there."""
    if path.startswith("s3://"):
        return S3Shelf(urlsplit(path).netloc, means.job.connection, means.policy)
    if not means.files_root:
        text = "This worker reads no local files: its operator sets VAI_FILES_ROOT to a folder; or take an s3:// path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": path})
    return LocalShelf(Path(means.files_root))


class LocalShelf:
    """A folder of this machine; links that lead out of it lead nowhere."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def files(self, pattern: str) -> Iterator[Found]:
        for path in sorted(self._root.glob(self._within(pattern))):
            real = path.resolve()
            if real.is_file() and real.is_relative_to(self._root):
                facts = real.stat()
                yield Found(path.relative_to(self._root).as_posix(), facts.st_size, facts.st_mtime)

    def open(self, file: Found) -> BinaryIO:
        return (self._root / file.path).resolve().open("rb")

    def _within(self, pattern: str) -> str:
        plain = unquote(urlsplit(pattern).path) if pattern.startswith("file://") else pattern
        inside = os.path.relpath(plain, self._root) if plain.startswith("/") else plain
        if ".." in Path(inside).parts:
            text = f"{pattern} is outside of the folder that this worker may read; give a path within it."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": pattern})
        return inside


class S3Shelf:
    """A bucket, with the connection's keys or with none; never with the platform's own."""

    def __init__(self, bucket: str, connection: ConnectionSecret | None, policy: Policy) -> None:
        from obstore.store import S3Store

        given = connection.config if connection else {}
        endpoint = str(given.get("endpoint_url") or "")
        config: Any = _keys(connection.credentials if connection else {}) | {"region": given.get("region", "us-east-1")}
        if endpoint:
            _check(endpoint, policy)
            config["endpoint"] = endpoint
        with _without_platform_keys():
            self._store: Any = S3Store(
                bucket,
                config=config,
                client_options={"allow_http": endpoint.startswith("http://"), "timeout": timedelta(seconds=60)},
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=15)},
            )

    def files(self, pattern: str) -> Iterator[Found]:
        import obstore

        key = urlsplit(pattern, allow_fragments=False).path.lstrip("/")
        fits = _glob(key)
        folder = re.split(r"[*?\[]", key, maxsplit=1)[0].rpartition("/")[0]
        with _in_our_words():
            for batch in obstore.list(self._store, folder or None):
                for entry in batch:
                    if fits.fullmatch(entry["path"]):
                        yield Found(entry["path"], entry["size"], entry["last_modified"].timestamp())

    def open(self, file: Found) -> BinaryIO:
        import obstore

        with _in_our_words():
            return io.BufferedReader(_Remote(obstore.open_reader(self._store, file.path)), _READ_BYTES)


class _Remote(io.RawIOBase):
    """An object of a bucket as a file."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._reader.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        with _in_our_words():
            data = memoryview(self._reader.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def _keys(credentials: dict[str, Any]) -> dict[str, Any]:
    key, secret = credentials.get("access_key_id"), credentials.get("secret_access_key")
    if not (key and secret):
        return {"skip_signature": True}
    token = credentials.get("session_token")
    return {"access_key_id": key, "secret_access_key": secret} | ({"session_token": token} if token else {})


def _check(endpoint: str, policy: Policy) -> None:
    parts = urlsplit(endpoint)
    try:
        resolve(parts.hostname or "", parts.port or 443, policy)
    except OSError as error:
        text = f"The name of {parts.hostname} could not be resolved: {error}. It is tried again."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"endpoint_url": endpoint}) from error


@contextmanager
def _without_platform_keys() -> Iterator[None]:
    """The environment may hold the lake's own keys, which no tenant's source may use."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _in_our_words() -> Iterator[None]:
    from obstore import exceptions

    try:
        yield
    except (exceptions.UnauthenticatedError, exceptions.PermissionDeniedError) as error:
        text = "The bucket refuses these keys. Store access_key_id and secret_access_key that may read it."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"reason": str(error)[:300]}) from error
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        text = "There is no such bucket or file. Check the path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"reason": str(error)[:300]}) from error
    except (exceptions.BaseError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> RunError:
    text = "The bucket could not be reached. It is tried again; check endpoint_url and region."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"reason": str(error)[:300]})


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """`*` and `?` within a folder, `**` over folders."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))

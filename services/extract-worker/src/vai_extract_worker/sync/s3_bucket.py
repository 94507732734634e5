"""A prefix of an S3 bucket, with the connection's keys or without keys."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.files.folders import S3Shelf
from vai_extract_worker.sync.names import BadName, Wanted, checked, shown
from vai_extract_worker.sync.places import CHUNK, Changed, Entry, FileFault, LeftOut, Vanished
from vai_records.connections.stores import bucket_of, key_of
from vai_worker.children.job import ConnectionSecret

_AT_ONCE = 8 << 20
"""Bytes of a file that is sent in one request."""


class S3Bucket:
    """`path` is s3://bucket/prefix; a prefix is whole names of folders."""

    def __init__(self, path: str, connection: ConnectionSecret | None, policy: Policy) -> None:
        self._shelf = S3Shelf(bucket_of(path), connection, policy)
        self._prefix = key_of(path).strip("/")
        self._bucket = bucket_of(path)

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        import obstore

        with self._in_our_words(""):
            for batch in obstore.list(self._shelf.store, self._prefix or None):
                for found in batch:
                    entry = self._entry(found)
                    if entry.size or self._is_file(entry):
                        yield from _taken(entry, wanted)

    def _is_file(self, empty: Entry) -> bool:
        """Whether it is an empty file; else it stands for a folder: its key ends with a slash, which the list drops."""
        try:
            self.look(empty)
        except Vanished:
            return False
        return True

    def look(self, entry: Entry) -> Entry:
        import obstore

        with self._in_our_words(entry.path):
            return self._entry(obstore.head(self._shelf.store, entry.name), entry.path)

    def read(self, entry: Entry) -> Iterator[bytes]:
        """One answer is one version of the object, so it is enough to look at its head."""
        import obstore

        with self._in_our_words(entry.path):
            answer = obstore.get(self._shelf.store, entry.name)
            if not entry.is_still(self._entry(answer.meta, entry.path)):
                raise Changed(entry.path)
            for part in answer.stream(min_chunk_size=CHUNK):
                yield bytes(part)

    def write(self, path: str, parts: Iterable[bytes]) -> Entry:
        import obstore

        name = f"{self._prefix}/{path}" if self._prefix else path
        first, rest = bytearray(), iter(parts)
        for part in rest:
            first += part
            if len(first) >= _AT_ONCE:
                break
        is_more = len(first) >= _AT_ONCE
        with self._in_our_words(path, writes=True):
            obstore.put(self._shelf.store, name, _all(bytes(first), rest) if is_more else bytes(first))
            return self._entry(obstore.head(self._shelf.store, name), path)

    def delete(self, entry: Entry) -> None:
        import obstore

        try:
            with self._in_our_words(entry.path, writes=True):
                obstore.delete(self._shelf.store, entry.name)
        except Vanished:
            return

    def close(self) -> None:
        self._shelf.close()

    def _entry(self, found: Any, path: str | None = None) -> Entry:
        name = found["path"]
        inner = name.removeprefix(f"{self._prefix}/") if self._prefix else name
        modified = found["last_modified"].isoformat()
        return Entry(path or inner, name, found["size"], modified, found.get("e_tag"))

    @contextmanager
    def _in_our_words(self, path: str, writes: bool = False) -> Iterator[None]:
        """The shelf's words, and those for one object. `path` is empty for the whole bucket."""
        from obstore import exceptions

        try:
            with self._shelf.in_our_words():
                try:
                    yield
                except exceptions.InvalidPathError:
                    text = f"s3://{self._bucket}/{self._prefix} has an object with '..', '.' or an empty part in its "
                    text += "key, and cannot be listed: rename that object, or choose another prefix."
                    raise Permanent(ErrorCode.DATA_ERROR, text, {"bucket": self._bucket}) from None
                except (exceptions.NotFoundError, FileNotFoundError) as error:
                    if path and "NoSuchBucket" not in str(error):
                        raise Vanished(path) from None
                    text = f"There is no bucket {self._bucket}. Check the path, the endpoint_url and the region."
                    raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"bucket": self._bucket}) from None
        except Permanent as error:
            if error.code is not ErrorCode.AUTH_ERROR or isinstance(error, FileFault):
                raise
            if writes:
                text = f"The bucket {self._bucket} does not let these keys write. Store keys that may write and delete."
                raise Permanent(ErrorCode.AUTH_ERROR, text, error.details) from None
            if path:
                text = f"{path} cannot be read: the bucket refuses these keys. Give the right to read it."
                raise FileFault(ErrorCode.AUTH_ERROR, text, {"path": path}) from None
            raise
        except Retryable as error:
            if not writes:
                raise
            text = f"The bucket {self._bucket} did not take {path}: check its room, endpoint_url and region."
            raise Retryable(error.code, text, error.details) from None


def _taken(entry: Entry, wanted: Wanted) -> Iterator[Entry | LeftOut]:
    if not wanted(entry.path):
        return
    try:
        path = checked(entry.path)
    except BadName as bad:
        told = shown(entry.path)
        yield LeftOut(told, FileFault(ErrorCode.DATA_ERROR, f"{told} is left out: {bad}.", {"path": told}))
        return
    yield Entry(path, entry.name, entry.size, entry.modified, entry.etag)


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest

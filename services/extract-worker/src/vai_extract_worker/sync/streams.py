"""A file on its way from one place to another: counted, hashed, held against its size."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from vai_common.errors import ErrorCode
from vai_extract_worker.sync.places import Changed, FileFault

MOST_UNKNOWN: Final = 64 << 30
"""Bytes of a file whose size nobody tells."""


class Stream:
    """The bytes of a file, once. `fault` is the source's error, which the other side's library may hide."""

    def __init__(
        self,
        path: str,
        parts: Iterable[bytes],
        size: int | None,
        note: Callable[[int], None],
        expected: str | None = None,
    ) -> None:
        """`expected` is the SHA-256 of a file of the lake: another one never becomes a file of the target."""
        self._path, self._parts, self._wanted, self._note, self._expected = path, parts, size, note, expected
        self._hash = hashlib.sha256()
        self.size = 0
        self.fault: BaseException | None = None

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._checked()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.fault = error
            raise

    def _checked(self) -> Iterator[bytes]:
        for part in self._parts:
            self.size += len(part)
            if self.size > (MOST_UNKNOWN if self._wanted is None else self._wanted):
                raise self._wrong()
            self._hash.update(part)
            self._note(len(part))
            yield part
        if self._wanted not in (None, self.size) or self._expected not in (None, self.sha256):
            raise self._wrong()

    def _wrong(self) -> FileFault:
        if self._expected is not None:
            text = f"{self._path} is damaged in the lake and was not sent: pull it again, then push again."
            return FileFault(ErrorCode.DATA_ERROR, text, {"path": self._path})
        if self._wanted is not None:
            return Changed(self._path)
        text = f"{self._path} does not end: it has more than {MOST_UNKNOWN >> 30} GB, and its source tells no size."
        return FileFault(ErrorCode.DATA_ERROR, text, {"path": self._path})


def digest(parts: Iterable[bytes]) -> str:
    """The SHA-256 of what is read, as hexadecimal digits."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()

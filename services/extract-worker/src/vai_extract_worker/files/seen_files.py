"""Which files were read: by name, size and time of change, so that an old file that arrives late is new."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.folders import Found

Json = dict[str, Any]

MOST_FILES = 200_000
"""So many files of one resource are remembered, in some 30 bytes each."""

_ENTRY = struct.Struct("<8s6sd")


class SeenFiles:
    """The files of a resource that are done. Files that are gone are kept in mind as long as there is room."""

    def __init__(self, saved: Json | None) -> None:
        saved = saved or {}
        packed = b64decode(saved.get("seen", ""))
        self._entries = {key: (size, time) for key, size, time in _ENTRY.iter_unpack(packed)}
        self._newest = (saved["modified"], saved["path"]) if saved else None
        self._by_age = bool(saved) and "seen" not in saved

    def take_up(self, files: Sequence[Found]) -> None:
        """Begin with what is there. A mark of version 0.1 knew no more than the newest file: the older ones are done.

        Raises `Permanent` for more files than can be remembered.
        """
        if len(files) > MOST_FILES:
            text = f"More than {MOST_FILES:,} files match; give the resource a narrower path, others one of their own."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "path"})
        if len(self._entries) + len(files) > MOST_FILES:
            there = {_key(file) for file in files}
            self._entries = {key: entry for key, entry in self._entries.items() if key in there}
        if self._by_age and self._newest:
            for file in files:
                if file.age() <= self._newest:
                    self._entries[_key(file)] = _facts(file)
        self._by_age = False

    def has(self, file: Found) -> bool:
        """Whether the file was read as it is now."""
        return self._entries.get(_key(file)) == _facts(file)

    def has_changed(self, file: Found) -> bool:
        """Whether it was read when it was another."""
        return self._entries.get(_key(file), _facts(file)) != _facts(file)

    def add(self, file: Found) -> None:
        """The file is done."""
        self._entries[_key(file)] = _facts(file)
        self._newest = max(self._newest or file.age(), file.age())

    def state(self) -> Json | None:
        """For the checkpoint and the cursor; `modified` and `path` are what version 0.1 reads of it."""
        if self._newest is None:
            return None
        packed = b"".join(_ENTRY.pack(key, *facts) for key, facts in self._entries.items())
        return {"modified": self._newest[0], "path": self._newest[1], "seen": b64encode(packed).decode()}


def _key(file: Found) -> bytes:
    return blake2b(file.path.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _facts(file: Found) -> tuple[bytes, float]:
    return file.size.to_bytes(6, "little"), file.modified

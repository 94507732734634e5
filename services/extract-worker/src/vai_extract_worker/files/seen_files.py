"""Which files were already read, by name, size and time of change. So an old file that arrives late counts as new."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.folders import Found

Json = dict[str, Any]

MOST_FILES = 200_000
"""How many files of one resource are remembered, with about 30 bytes each."""

_ENTRY = struct.Struct("<8s6sd")


class SeenFiles:
    """The files of a resource that were read. Deleted files are remembered, too, as long as there is room."""

    def __init__(self, saved: Json | None) -> None:
        saved = saved or {}
        packed = b64decode(saved.get("seen", ""))
        self._entries = {key: (size, time) for key, size, time in _ENTRY.iter_unpack(packed)}
        self._newest = (saved["modified"], saved["path"]) if saved else None
        self._by_age = bool(saved) and "seen" not in saved

    def take_up(self, files: Sequence[Found]) -> None:
        """Begin with the files that exist now. A cursor of version 0.1 names only the newest file: older files count as
        read.

        Raises `Permanent` for more files than can be remembered.
        """
        if len(files) > MOST_FILES:
            text = f"More than {MOST_FILES:,} files match; give it a narrower path, or make several resources."
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
        """Whether the file was read in its present version."""
        return self._entries.get(_key(file)) == _facts(file)

    def has_changed(self, file: Found) -> bool:
        """Whether an earlier version of the file was read."""
        return self._entries.get(_key(file), _facts(file)) != _facts(file)

    def add(self, file: Found) -> None:
        """The file has been read."""
        self._entries[_key(file)] = _facts(file)
        self._newest = max(self._newest or file.age(), file.age())

    def state(self) -> Json | None:
        """The value for the checkpoint and the cursor. `modified` and `path` are there for version 0.1."""
        if self._newest is None:
            return None
        packed = b"".join(_ENTRY.pack(key, *facts) for key, facts in self._entries.items())
        return {"modified": self._newest[0], "path": self._newest[1], "seen": b64encode(packed).decode()}


def _key(file: Found) -> bytes:
    return blake2b(file.path.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _facts(file: Found) -> tuple[bytes, float]:
    return file.size.to_bytes(6, "little"), file.modified

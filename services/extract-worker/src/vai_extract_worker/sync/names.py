"""Names of files: which are taken, and which mean the same after normalising."""

import re
import unicodedata

from vai_records.definitions.file_sync import FileSync
from vai_records.definitions.sources.globs import glob_regex

MOST_BYTES = 1_024
"""Of a name, the longest that S3 has."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


_LONELY = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"[\udc80-\udcff]")


class BadName(ValueError):
    """A name that is not taken; the message says why, and what to do."""


def checked(path: str) -> str:
    """The path in the form NFC, relative, with / between its parts. Raises `BadName`."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise BadName("its name is no UTF-8: rename it") from None
    if size > MOST_BYTES:
        raise BadName(f"its name has {size:,} bytes, at most {MOST_BYTES:,} are possible: give it a shorter one")
    if _CONTROL.search(path):
        raise BadName("its name has a control character or a backslash: rename it")
    if path.startswith("/"):
        raise BadName("its name is absolute: files are named below their place")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise BadName("a part of its name is empty, '.' or '..': rename it")
    return unicodedata.normalize("NFC", path)


def shown(path: str) -> str:
    """A name as text that can be told: also one that is no UTF-8, or has control characters."""
    raw = b"".join(_bytes(letter) for letter in path) if _LONELY.search(path) else path.encode()
    text = raw.decode("utf-8", "backslashreplace")
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _bytes(letter: str) -> bytes:
    return letter.encode("utf-8", "surrogateescape" if _ESCAPED.match(letter) else "surrogatepass")


class Wanted:
    """Which paths a definition means."""

    def __init__(self, definition: FileSync) -> None:
        self._takes = [_compiled(glob) for glob in definition.include]
        self._leaves = [_compiled(glob) for glob in definition.exclude]
        self._leaves_all = [_compiled(glob) for glob in definition.exclude if glob.endswith("**")]

    def __call__(self, path: str) -> bool:
        path = unicodedata.normalize("NFC", path)
        return any(glob.fullmatch(path) for glob in self._takes) and not self.excludes(path)

    def excludes(self, path: str) -> bool:
        """Whether the path itself is one that is left out."""
        path = unicodedata.normalize("NFC", path)
        return any(glob.fullmatch(path) for glob in self._leaves)

    def excludes_all_below(self, folder: str) -> bool:
        """Whether everything that may be in a folder is left out: nobody needs to look into it."""
        inside = unicodedata.normalize("NFC", folder.rstrip("/") + "/")
        return any(glob.fullmatch(inside) for glob in self._leaves_all)


def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(glob_regex(unicodedata.normalize("NFC", glob)), re.DOTALL)

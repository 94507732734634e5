"""Names of files: which are taken, and which mean the same after normalising."""

import re
import unicodedata
from collections.abc import Callable

from vai_records.definitions.file_sync import FileSync
from vai_records.definitions.sources.globs import glob_regex

MOST_BYTES = 1_024
"""Of a name, the longest that S3 has."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


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


def wanted(definition: FileSync) -> Callable[[str], bool]:
    """Whether a path is one that the definition means."""
    takes = [re.compile(glob_regex(glob)) for glob in definition.include]
    leaves = [re.compile(glob_regex(glob)) for glob in definition.exclude]

    def is_wanted(path: str) -> bool:
        return any(glob.fullmatch(path) for glob in takes) and not any(glob.fullmatch(path) for glob in leaves)

    return is_wanted

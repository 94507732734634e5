"""Which files of the lake a literal path in SQL means (decision 32): a file, a folder, or a glob."""

import re

from vai_records.definitions.sources.globs import WILDCARDS, check_glob, glob_regex


class Pattern:
    """A path relative to the lake; `*` and `?` stay within a folder, `**` does not, a folder means all in it.

    `**/` at the beginning or after a `/` is any number of folders, none as well. Raises ValueError for a path that is
    too long, or has too many wildcards.
    """

    def __init__(self, path: str) -> None:
        check_glob(path)
        wildcards = list(WILDCARDS.finditer(path))
        self.has_wildcards = bool(wildcards)
        self._plain = path[: wildcards[0].start()] if wildcards else path
        self._regex = re.compile(glob_regex(path) + "(?:/.*)?") if wildcards else None

    def matches(self, path: str) -> bool:
        if self._regex is None:
            return path == self._plain or path.startswith(f"{self._plain}/")
        return path.startswith(self._plain) and self._regex.fullmatch(path) is not None

    def may_match_under(self, folder: str) -> bool:
        """Whether a file of that folder could match; cheap, and true too often rather than too seldom."""
        return folder.startswith(self._plain) or self._plain.startswith(folder)

    def is_table(self, location: str) -> bool:
        """Whether this means the table at `location`, or files in it: either way the table is read as a whole."""
        return self._plain.rstrip("/") == location or self._plain.startswith(f"{location}/")

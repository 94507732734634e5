"""Finds the files of the lake that a literal path in SQL names (decision 32): a file, a folder, or a glob."""

import re

from vai_records.definitions.sources.globs import WILDCARDS, check_glob, glob_regex


class Pattern:
    """A path relative to the lake. `*` and `?` match within a folder, `**` across folders; a folder means all files in
    it.

    `**/` at the beginning or after a `/` means any number of folders, also none. Raises ValueError for a path that is
    too long or has too many wildcards.
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
        """Whether a file in that folder could match. A quick check: it may say yes although nothing matches, never no
        although something does.
        """
        return folder.startswith(self._plain) or self._plain.startswith(folder)

    def is_table(self, location: str) -> bool:
        """Whether the path names the table at `location`, or files in it. In both cases the whole table is read."""
        return self._plain.rstrip("/") == location or self._plain.startswith(f"{location}/")

"""Which files of the lake a literal path in SQL means (decision 32): a file, a folder, or a glob."""

import re

_SPECIAL = re.compile(r"\*\*/?|\*|\?")
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Pattern:
    """A path relative to the lake; `*` and `?` stay within a folder, `**` does not, a folder means all in it."""

    def __init__(self, path: str) -> None:
        pieces, end = [], 0
        for match in _SPECIAL.finditer(path):
            pieces += [re.escape(path[end : match.start()]), _MEANING[match[0]]]
            end = match.end()
        self._regex = re.compile("".join(pieces) + re.escape(path[end:]) + "(?:/.*)?")
        first = _SPECIAL.search(path)
        self._plain = path[: first.start()] if first else path

    def matches(self, path: str) -> bool:
        return self._regex.fullmatch(path) is not None

    def may_match_under(self, folder: str) -> bool:
        """Whether a file of that folder could match; cheap, and true too often rather than too seldom."""
        return folder.startswith(self._plain) or self._plain.startswith(folder)

    def is_table(self, location: str) -> bool:
        """Whether this means the table at `location`, or files in it: either way the table is read as a whole."""
        return self._plain.rstrip("/") == location or self._plain.startswith(f"{location}/")

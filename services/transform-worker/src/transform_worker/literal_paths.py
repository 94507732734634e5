"""Which files of the lake a literal path in SQL means (decision 32): a file, a folder, or a glob.

A stranger's glob is matched without going back over what was matched: each part between two wildcards is taken where
it first fits, and only the last one, which must fit the path's end, is looked for anew.
"""

import re
from collections.abc import Iterator
from itertools import count, pairwise

MOST_CHARACTERS = 1_024
MOST_WILDCARDS = 32

_SPECIAL = re.compile(r"\*{2,}+|\*|\?")


class Pattern:
    """A path relative to the lake; `*` and `?` stay within a folder, `**` does not, a folder means all in it.

    `**/` at the beginning or after a `/` is any number of folders, none as well. Raises ValueError for a path that is
    too long, or has too many wildcards.
    """

    def __init__(self, path: str) -> None:
        if len(path) > MOST_CHARACTERS:
            raise ValueError(f"the path has {len(path):,} characters, at most {MOST_CHARACTERS:,} are possible")
        wildcards = list(_SPECIAL.finditer(path))
        if len(wildcards) > MOST_WILDCARDS:
            raise ValueError(f"the path has {len(wildcards)} wildcards, at most {MOST_WILDCARDS} are possible")
        self.has_wildcards = bool(wildcards)
        self._plain = path[: wildcards[0].start()] if wildcards else path
        self._regex = re.compile(_regex(path)) if wildcards else None

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


def _regex(path: str) -> str:
    """`**` parts the path into stretches, the stars in them part those into pieces."""
    stretches = re.split(r"((?:(?<=/)|\A)\*{2,}+/|\*{2,}+)", path)
    numbers = count()
    last = len(stretches) - 1
    found = _pieces(stretches[0], last == 0, numbers)
    for gap, stretch in pairwise(stretches):
        if not gap.startswith("**"):
            continue
        before = "(?:.*?/)??" if gap.endswith("/") else ".*?"
        is_last = stretch is stretches[last]
        part = before + _pieces(stretch, is_last, numbers)
        found += part if is_last else _once(part, numbers)
    return found + "(?:/.*)?"


def _pieces(stretch: str, is_last: bool, numbers: Iterator[int]) -> str:
    first, *others = ("[^/]".join(map(re.escape, piece.split("?"))) for piece in stretch.split("*"))
    end = f"[^/]*{others.pop()}" if is_last and others else ""
    return first + "".join(_once(f"[^/]*?{piece}", numbers) for piece in others) + end


def _once(part: str, numbers: Iterator[int]) -> str:
    """What the part matches first, and nothing else later: an atomic group, which Python before 3.11.5 misreads."""
    name = f"n{next(numbers)}"
    return f"(?=(?P<{name}>{part}))(?P={name})"

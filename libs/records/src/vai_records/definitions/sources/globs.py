"""Globs that strangers write, as regular expressions that cost what the text does.

What was matched is not gone back over: each part between two wildcards is taken where it first fits, and only the last
one, which must fit the end, is looked for anew.
"""

import re
from collections.abc import Iterator
from itertools import count, pairwise

MOST_CHARACTERS = 1_024
MOST_WILDCARDS = 32

WILDCARDS = re.compile(r"\*{2,}+|\*|\?")


def check_glob(path: str) -> str:
    """The path. Raises ValueError for one that is too long, or has too many wildcards."""
    if len(path) > MOST_CHARACTERS:
        raise ValueError(f"the path has {len(path):,} characters, at most {MOST_CHARACTERS:,} are possible")
    return few_wildcards(path)


def few_wildcards(path: str) -> str:
    """The path. Raises ValueError for one with more than `MOST_WILDCARDS`."""
    wildcards = sum(1 for _ in WILDCARDS.finditer(path))
    if wildcards > MOST_WILDCARDS:
        raise ValueError(f"the path has {wildcards} wildcards, at most {MOST_WILDCARDS} are possible")
    return path


def glob_regex(path: str) -> str:
    """For `fullmatch`: `*` and `?` stay within a folder, `**` does not, `**/` is any number of folders, none as well.

    `**` parts the path into stretches, the stars in them part those into pieces.
    """
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
    return found


def _pieces(stretch: str, is_last: bool, numbers: Iterator[int]) -> str:
    first, *others = ("[^/]".join(map(re.escape, piece.split("?"))) for piece in stretch.split("*"))
    end = f"[^/]*{others.pop()}" if is_last and others else ""
    return first + "".join(_once(f"[^/]*?{piece}", numbers) for piece in others) + end


def _once(part: str, numbers: Iterator[int]) -> str:
    """What the part matches first, and nothing else later: an atomic group, which Python before 3.11.5 misreads."""
    name = f"n{next(numbers)}"
    return f"(?=(?P<{name}>{part}))(?P={name})"

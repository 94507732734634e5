"""Whether a JSONPath of a definition can be read: told when it is saved, not when a source has answered.

Its form alone is looked at, which costs what it is long; the parser would take milliseconds for each.
"""

import re

_NAME = r"(?:[A-Za-z_@][\w@-]*|'[^']+'|\"[^\"]+\"|\*|`[^`]+`)"
_BRACKETS = r"\[(?:[^\[\]'\"]|'[^']*'|\"[^\"]*\"|\[[^\[\]]*\])+\]"
_STEP = rf"(?:\.{{1,2}}{_NAME}|\.?{_BRACKETS})"
_PATH = re.compile(rf"(?:\$|(?:\$?\.{{0,2}})?(?:{_NAME}|{_BRACKETS})){_STEP}*", re.ASCII)


def readable(path: str) -> str:
    """The path. Raises ValueError where it cannot be read."""
    if not all(_PATH.fullmatch(part.strip()) for part in path.split("|")):
        raise ValueError("this is not a JSONPath; join names with dots and quote unusual ones: '@odata.nextLink'")
    return path

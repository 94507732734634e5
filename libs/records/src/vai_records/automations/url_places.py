"""Values within a URL: each is encoded for the place where it stands, so that no value chooses another address.

`https://x.test/orders/$/inputs/id?from=$/inputs/day` keeps its path and its query whatever the values hold.
"""

import re
from collections.abc import Callable
from enum import Enum, auto
from urllib.parse import quote

from vai_records.automations.reference_text import BadReference

_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?")
_BASE = re.compile(r"(?:https?://|/(?!/))[^\s\x00?#\\]*", re.IGNORECASE)
_MARKS = re.compile(r"[/?#]")
_DOT = re.compile("%2e", re.IGNORECASE)
_END_OF_PATH = re.compile(r"[?#]")
_MARK = "\0"
"""Before each value that was encoded; neither a URL nor such a value holds one."""


class _Part(Enum):
    START = auto()
    HOST = auto()
    PATH = auto()
    QUERY = auto()
    FRAGMENT = auto()


def fill_url(url: str, pattern: re.Pattern[str], text_of: Callable[[re.Match[str]], str]) -> str:
    """The URL with each match replaced by the text of its value, encoded. Raises `BadReference`.

    A value at the very beginning may be a whole base (`https://…` or `/…`, without a query); in the host's place it is
    a host's name; everywhere else it is a part of the path or of the query, never more than that.
    """
    filled: list[str] = []
    part, end = _Part.START, 0
    for match in pattern.finditer(url):
        literal = url[end : match.start()]
        part, end, value = _after(part, literal), match.end(), text_of(match)
        if part is _Part.START and _BASE.fullmatch(value):
            filled += [literal, value.rstrip("/") if url.startswith("/", end) else value]
        else:
            filled += [literal, _MARK + _encoded(value, part, match[0])]
        part = _Part.PATH if part is _Part.START else part
    whole = "".join((*filled, url[end:]))
    _refuse_other_paths(url, whole)
    return whole.replace(_MARK, "")


def _after(part: _Part, literal: str) -> _Part:
    """In which part of the URL what follows the literal stands."""
    if part is _Part.START and literal:
        scheme = _SCHEME.match(literal)
        part, literal = (_Part.HOST, literal[scheme.end() :]) if scheme else (_Part.PATH, literal)
    for mark in _MARKS.findall(literal):
        if part is _Part.FRAGMENT or mark == "#":
            return _Part.FRAGMENT
        if mark == "?":
            part = _Part.QUERY
        elif part is _Part.HOST:
            part = _Part.PATH
    return part


def _encoded(value: str, part: _Part, reference: str) -> str:
    if part is _Part.HOST:
        if not _HOST.fullmatch(value):
            raise BadReference(f"{reference}: {_short(value)} is no host's name, which is what stands there in a url")
        return value
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadReference(f"{reference}: a url cannot hold this value")
    return quote(value, safe="")


def _refuse_other_paths(url: str, marked: str) -> None:
    """Segments that a value has made empty, or into a step up, would lead to another address."""
    path = _END_OF_PATH.split(marked, maxsplit=1)[0]
    for segment in _SCHEME.sub("", path, count=1).split("/"):
        if _MARK not in segment:
            continue
        found = segment.replace(_MARK, "")
        # Servers read %2e as a dot, and some leave out what stands behind a semicolon.
        if not found or _DOT.sub(".", found.partition(";")[0]) in (".", ".."):
            message = f"a value makes a part of the path {found or 'empty'!r}, which leads to another address"
            raise BadReference(f"{_short(url)}: {message}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")

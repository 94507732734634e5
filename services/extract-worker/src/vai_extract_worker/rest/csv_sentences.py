"""Recognises an answer that should be a csv table and is a sentence instead, such as "No data found"."""

import re
from collections.abc import Mapping
from typing import Any, Final

from vai_extract_worker.values.selection import plain, words
from vai_records.definitions.sources.file_resources import FileResource

_COLUMN: Final = re.compile(r"\w[\w.$#-]*")
_WORDS: Final = (
    *("unauthorized", "unauthorised", "forbidden", "error", "failed", "failure", "timeout", "unavailable"),
    *("none", "empty", "null", "ok", "nodata", "nodatafound", "noresults", "notfound", "accessdenied"),
)
_SAYING: Final = re.compile(
    r"\b(?:sorry|please|bitte|error|fehler|failed|failure|denied|forbidden|unauthori[sz]ed|unavailable|exceeded"
    r"|too many|rate limit|retry|try (?:again|later)|not (?:found|available|allowed|authori[sz]ed|permitted|ready)"
    r"|timed out"
    r"|no (?:more |matching |new )?(?:data|results?|records?|rows?|items?|orders?|entries|content)|maintenance|invalid"
    r"|keine?|nicht|nessun|aucune?|pas de|no hay|sin datos|ningún)\b",
    re.IGNORECASE,
)
_OF_ERRORS: Final = words("error errors errormessage errorcode errordescription exception fault")
_BESIDE_ERRORS: Final = words("message code status statuscode detail details reason description requestid timestamp")
"""Column names of an error. A table of errors also has other columns, or several rows."""
_CLAUSES: Final = re.compile(r"[,;|]\s|\t")
"""A comma with a blank behind it, as in sentences."""

_SENTENCE: Final = "it is one line of text; if that is the name of its only column, declare it in columns"


def what_is_wrong(
    body: bytes, names: list[str], rows: list[Any], words: FileResource, declared: Mapping[str, str], known: set[str]
) -> str | None:
    """Why an answer is no table, None if it is one. `known` are the columns of the answers before it."""
    text = _text(body, words) if len(rows) <= 1 else ""
    lines = [line for line in text.splitlines()[words.skip_lines :] if line.strip()]
    if not words.header:
        return _SENTENCE if len(lines) == 1 and len(names) == 1 and _SAYING.search(lines[0]) else None
    if words.names is not None:
        is_short = len(lines) == 1 and not rows
        return _SENTENCE if is_short and (_SAYING.search(lines[0]) or _is_narrower(lines[0], names)) else None
    found = {name.lower() for name in names}
    if found & (known | {name.lower() for name in declared}):
        return None
    if known and found:
        return "it has none of the columns that the answers before it had"
    told = {plain(name) for name in names}
    if len(rows) == 1 and told & _OF_ERRORS and told <= _OF_ERRORS | _BESIDE_ERRORS:
        return "its only columns are those of an error; if that is the table, declare one of its columns in columns"
    if rows or not names:
        return None
    if len(names) == 1:
        return _SENTENCE if not _COLUMN.fullmatch(names[0]) or plain(names[0]) in _WORDS else None
    if len(lines) == 1 and _CLAUSES.search(lines[0]) and _SAYING.search(lines[0]):
        return "it is one line of text; if these are the names of its columns, declare one in columns"
    return None


def _is_narrower(line: str, names: list[str]) -> bool:
    """Whether a header has only one field although it names several columns."""
    return len(names) > 1 and not re.search(r"[,;|\t]", line)


def _text(body: bytes, words: FileResource) -> str:
    return body.decode(words.encoding or "utf-8-sig", "replace")

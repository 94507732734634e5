"""How a csv file is written: its delimiter and its header, told by the resource or found in its first records."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

from common.errors import ErrorCode, Permanent
from extract_worker.columns import free_name
from records.definitions.file_resources import FileResource

_DELIMITERS = (",", ";", "\t", "|")
_UNUSUAL = (":", "^", "~", "#", "\x01", "\x1f")
"""Not taken without being named, and not passed over where they cut all records alike and nothing else does."""

_SEP = re.compile(r"sep=([\x20-\x7e\t])\r?\n")
"""Spreadsheets write it before the header."""

_SAMPLED = 50
"""Records that tell the delimiter."""


@dataclass(frozen=True)
class Dialect:
    """`names` are the columns; the data begins `header_bytes` after the begin of the text, in line `line`."""

    delimiter: str
    quote: str
    escape: str
    newline: str
    names: tuple[str, ...]
    header_bytes: int
    line: int


def dialect_of(start: bytes, whole: bool, resource: FileResource, suffix: str, path: str) -> Dialect | None:
    """The dialect of a text that begins so (`whole`: it is all of it); None where there is nothing in it.

    Raises `Permanent` (DATA_ERROR) where the delimiter cannot be told.
    """
    newline = "\n" if b"\n" in start else "\r"
    skipped = _skipped(start, newline.encode(), resource.skip_lines)
    at, line = _first_line(start, newline.encode(), *skipped)
    text = start[at:].decode("utf-8", "ignore")
    if not text.strip("\r\n"):
        return None
    if start.count(b"\0") > len(start) // 4:
        said = f"{path} looks like UTF-16 without a byte-order mark; set encoding to utf-16-le or utf-16-be."
        raise Permanent(ErrorCode.DATA_ERROR, said, {"file": path, "field": "encoding"})
    delimiter = resource.delimiter
    told = _SEP.match(text) if delimiter is None else None
    if told:
        delimiter, at, line = told[1], at + told.end(), line + 1
        text = text[told.end() :]
    delimiter = delimiter or _sniffed(text, whole, resource, path, "\t" if suffix == ".tsv" else ",")
    header, length = _header(text, delimiter, resource)
    if not resource.header:
        names = resource.names or [f"column_{number}" for number in range(1, len(header) + 1)]
        length = 0
        if len(names) == 1 and not told:
            at, line = skipped  # an empty line is a row there
    else:
        names = resource.names or header
    taken: set[str] = set()
    consumed = at + len(text[:length].encode())
    return Dialect(
        delimiter, resource.quote, resource.escape or "", newline,
        tuple(free_name(name or "column", taken) for name in names),
        consumed, line + text[:length].count(newline),
    )  # fmt: skip


def _skipped(start: bytes, newline: bytes, count: int) -> tuple[int, int]:
    """Where the line after so many lines begins, and its number."""
    at, line = 0, 1
    for _ in range(count):
        end = start.find(newline, at)
        if end < 0:
            return len(start), line
        at, line = end + 1, line + 1
    return at, line


def _first_line(start: bytes, newline: bytes, at: int, line: int) -> tuple[int, int]:
    """Where the first line that is not empty begins, and its number."""
    while (end := start.find(newline, at)) >= 0 and not start[at:end].strip():
        at, line = end + 1, line + 1
    return at, line


def reader_of(
    lines: Iterable[str], delimiter: str, resource: FileResource, strict: bool = False
) -> Iterator[list[str]]:
    """Python's own reader: slow, and it knows how many lines a record takes.

    `strict`: raises csv.Error for text that follows a closing quote.
    """
    csv.field_size_limit(2**30)
    if not resource.quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, escapechar=resource.escape)
    return csv.reader(lines, delimiter=delimiter, quotechar=resource.quote, escapechar=resource.escape, strict=strict)


def lines_of(text: str) -> Iterator[str]:
    """Lines with their ends, whichever of the three ends they have."""
    return iter(StringIO(text, newline="").readline, "")


def _header(text: str, delimiter: str, resource: FileResource) -> tuple[list[str], int]:
    """The first record, and how many characters it takes."""
    taken: list[str] = []

    def told() -> Iterator[str]:
        for line in lines_of(text):
            taken.append(line)
            yield line

    header = next(reader_of(told(), delimiter, resource), [])
    return header, sum(map(len, taken))


def _sniffed(text: str, whole: bool, resource: FileResource, path: str, usual: str) -> str:
    """The delimiter that cuts all first records into the same number of fields, more than one.

    Several may: of `Price, net;Day` and `1,50;2` both the comma and the semicolon. Quotes then tell, or nobody does.
    """
    widths = {delimiter: _widths(text, whole, delimiter, resource) for delimiter in _DELIMITERS}
    even = [delimiter for delimiter, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if usual in even and usual != ",":
        return usual  # the file's name says it, too
    if len(even) > 1:
        even = [mark for mark in even if _widths(text, whole, mark, resource, strict=True)]
    if len(even) == 1:
        return even[0]
    cutting = [delimiter for delimiter, found in widths.items() if found and found[0] > 1]
    unusual = [
        mark for mark in _UNUSUAL if len(found := set(_widths(text, whole, mark, resource))) == 1 and found != {1}
    ]
    if not even and (usual in cutting or not (cutting or unusual)):
        return usual
    if len(cutting) == 1:
        return cutting[0]
    said = f"The delimiter of {path} cannot be told; set delimiter to the character that parts its fields."
    raise Permanent(ErrorCode.DATA_ERROR, said, {"file": path, "field": "delimiter"})


def _widths(text: str, whole: bool, delimiter: str, resource: FileResource, strict: bool = False) -> list[int]:
    found: list[int] = []
    try:
        for record in reader_of(lines_of(text), delimiter, resource, strict):
            if record:
                found.append(len(record))
            if len(found) > _SAMPLED:
                return found[:-1]
    except csv.Error:
        return []
    return found if whole or len(found) < 2 else found[:-1]  # the last one may be a part of one

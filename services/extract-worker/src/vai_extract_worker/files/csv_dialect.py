"""The dialect of a csv file: its delimiter and its header, given by the resource or found in the file's first
records.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.csv_quotes import clean_records, fits, sound_records
from vai_extract_worker.values.columns import free_name
from vai_records.definitions.sources.file_resources import FileResource

_DELIMITERS = (",", ";", "\t", "|")
_UNUSUAL = (":", "^", "~", "#", "\x01", "\x1f")
"""Delimiters that are used only if the resource names them. If one of them is the only character that splits all
records alike, the file is an error, since ignoring it would make one column of the file.
"""

_SEP = re.compile(r"sep=([\x20-\x7e\t])\r?\n")
"""A line that spreadsheets write before the header; it names the delimiter."""

_ENDS = "\r\n"

_SAMPLED = 50
"""How many records are read to find the delimiter."""


@dataclass(frozen=True)
class Dialect:
    """`names` are the columns. The data begins `header_bytes` bytes after the beginning of the text, in line `line`."""

    delimiter: str
    quote: str
    escape: str
    newline: str
    names: tuple[str, ...]
    header_bytes: int
    line: int


def dialect_of(start: bytes, whole: bool, resource: FileResource, suffix: str, path: str) -> Dialect | None:
    """The dialect of a text with this beginning (`whole`: this is the whole text). None if it is empty.

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
    elif not _is_sound(text[:length], delimiter, resource):
        said = (
            f"{path}, line {line}: text after a closing quote in the header. Correct the file, or set quote and escape."
        )
        raise Permanent(ErrorCode.DATA_ERROR, said, {"file": path, "line": line})
    else:
        names = resource.names or header
    taken: set[str] = set()
    consumed = at + len(text[:length].encode())
    return Dialect(
        delimiter, resource.quote, resource.escape or "", newline,
        tuple(free_name(name or "column", taken) for name in names),
        consumed, line + text[:length].count(newline),
    )  # fmt: skip


def _is_sound(header: str, delimiter: str, resource: FileResource) -> bool:
    if not resource.quote or resource.quote not in header:
        return True
    whole = f"{header.rstrip(_ENDS)}\n".encode()
    return fits(whole, sound_records(delimiter, resource.quote, resource.escape or ""))


def _skipped(start: bytes, newline: bytes, count: int) -> tuple[int, int]:
    """The offset and the number of the line that follows so many lines."""
    at, line = 0, 1
    for _ in range(count):
        end = start.find(newline, at)
        if end < 0:
            return len(start), line
        at, line = end + 1, line + 1
    return at, line


def _first_line(start: bytes, newline: bytes, at: int, line: int) -> tuple[int, int]:
    """The offset and the number of the first line that is not empty."""
    while (end := start.find(newline, at)) >= 0 and not start[at:end].strip(b"\r\n "):
        at, line = end + 1, line + 1
    return at, line


def reader_of(lines: Iterable[str], delimiter: str, resource: FileResource) -> Iterator[list[str]]:
    """Python's own reader: slow, and it knows how many lines a record takes."""
    csv.field_size_limit(2**30)
    if not resource.quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, escapechar=resource.escape)
    return csv.reader(lines, delimiter=delimiter, quotechar=resource.quote, escapechar=resource.escape)


def lines_of(text: str) -> Iterator[str]:
    """Lines with their line ends: LF, CR LF or CR."""
    return iter(StringIO(text, newline="").readline, "")


def _header(text: str, delimiter: str, resource: FileResource) -> tuple[list[str], int]:
    """The first record, and its length in characters."""
    taken: list[str] = []

    def told() -> Iterator[str]:
        for line in lines_of(text):
            taken.append(line)
            yield line

    header = next(reader_of(told(), delimiter, resource), [])
    return header, sum(map(len, taken))


def _sniffed(text: str, whole: bool, resource: FileResource, path: str, usual: str) -> str:
    """The delimiter that splits all first records into the same number of fields, more than one.

    If two delimiters do so, the position of quotes decides. The ending `.tsv` means the tab. The comma is not chosen if
    another delimiter splits each record, too, since commas are frequent in numbers and names.
    """
    doubled = re.match(r"[^\n\r]*?([,;|\t])\1", text)
    if doubled and not re.search(rf"(?<!{(mark := re.escape(doubled[1]))}){mark}(?:{mark}{mark})*(?!{mark})", text):
        raise _untold(path)  # `a||b`: a delimiter of two characters, or a column that is empty everywhere
    found = {delimiter: _widths(text, whole, delimiter, resource) for delimiter in _DELIMITERS}
    even = [delimiter for delimiter, (widths, _) in found.items() if len(set(widths)) == 1 and widths[0] > 1]
    each = [delimiter for delimiter, (widths, _) in found.items() if widths and min(widths) > 1]
    if even and usual != "\t" and len(each) > 1 and (len(even) > 1 or even == [","]):
        even = _clean(text, each, {delimiter: length for delimiter, (_, length) in found.items()}, resource) or each
    if usual in even and (usual == "\t" or len(even) == 1):
        return usual
    if len(even) == 1:
        return even[0]
    cutting = even or [delimiter for delimiter, (widths, _) in found.items() if widths and widths[0] > 1]
    unusual = [
        mark for mark in _UNUSUAL if len(kinds := set(_widths(text, whole, mark, resource)[0])) == 1 and kinds != {1}
    ]
    if len(cutting) == 1:
        return cutting[0]
    if not (cutting or unusual) or (usual == "\t" and usual in cutting):
        return usual
    raise _untold(path)


def _untold(path: str) -> Permanent:
    said = f"The delimiter of {path} cannot be told; set delimiter to the character that separates its fields."
    return Permanent(ErrorCode.DATA_ERROR, said, {"file": path, "field": "delimiter"})


def _clean(text: str, delimiters: list[str], lengths: dict[str, int], resource: FileResource) -> list[str]:
    """The delimiters with which each quote of the first records encloses a field. All of them if there are no
    quotes.
    """
    if not resource.quote:
        return delimiters
    marks = resource.quote, resource.escape or ""
    return [
        delimiter
        for delimiter in delimiters
        if fits(f"{text[: lengths[delimiter]].rstrip(_ENDS)}\n".encode(), clean_records(delimiter, *marks))
    ]


def _widths(text: str, whole: bool, delimiter: str, resource: FileResource) -> tuple[list[int], int]:
    """How many fields each of the first records has, and how many characters those take."""
    found: list[int] = []
    ends: list[int] = []
    taken = 0

    def told() -> Iterator[str]:
        nonlocal taken
        for line in lines_of(text):
            taken += len(line)
            yield line

    try:
        for record in reader_of(told(), delimiter, resource):
            if record:
                found.append(len(record))
                ends.append(taken)
            if len(found) > _SAMPLED:
                return found[:-1], ends[-2]
    except csv.Error:
        return [], 0
    if whole or len(found) < 2:
        return found, taken
    return found[:-1], ends[-2]  # the last one may be a part of one

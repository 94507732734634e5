"""Reads Amazon's flat files: lines of values separated by tabs, in which a quote is an ordinary character.

The encoding is UTF-8 if the whole file can be read so; else the one that the server names, else Shift JIS for Japan,
else Windows-1252.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final

from vai_common.errors import ErrorCode, Permanent

PAGE_ROWS: Final = 5_000
SURPLUS: Final = "_rest"
"""The column for values beyond the header's columns."""

_CHUNK = 1024 * 1024
_LONGEST_LINE = 16 * 1024 * 1024
_JAPAN = "A1VC38T7YXB528"

Rows = list[dict[str, Any]]


def encoding_of(file: IO[bytes], charset: str | None, marketplaces: Sequence[str]) -> str:
    """The name of the encoding. Afterwards the file is at its beginning again."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        pass
    finally:
        file.seek(0)
    try:
        named = codecs.lookup(charset).name if charset else None
    except LookupError:
        named = None
    if named is not None and named not in ("utf-8", "ascii"):
        return named
    return "cp932" if _JAPAN in marketplaces else "cp1252"


def pages(
    file: IO[bytes], encoding: str, begin: int, place: str, tell: Callable[[str], None]
) -> Iterator[tuple[Rows, int]]:
    """Rows in lists, each with the number of rows up to its end. Rows before `begin` are skipped.

    `tell` hears of lines that lack values: a value with a line break in it, which nothing marks, is two such lines.
    Raises DATA_ERROR if the file is no table.
    """
    header = _Header(_line(file, encoding, place) or "", place)
    rows: Rows = []
    number = 0
    while (line := _line(file, encoding, place)) is not None:
        if not line:
            continue
        number += 1
        if number > begin:
            rows.append(header.row(line))
        if len(rows) >= PAGE_ROWS:
            yield rows, number
            rows = []
    if rows:
        yield rows, number
    if 0 < header.cut < number:  # all lines lack some where the last columns are empty
        text = (
            f"{header.cut:,} of {number:,} lines of {place} have fewer values than the header has names. They are kept "
        )
        tell(f"{text}as they are, with nulls at their ends: a line break within a value makes two lines of one.")


def _line(file: IO[bytes], encoding: str, place: str) -> str | None:
    raw = file.readline(_LONGEST_LINE)
    if len(raw) >= _LONGEST_LINE:
        text = f"A line of {place} has more than {_LONGEST_LINE >> 20} MB: this is no flat file."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"document": place})
    return raw.decode(encoding, "replace").rstrip("\r\n") if raw else None


class _Header:
    """The names of the columns. If all names have quotes, values may have them too, with inner quotes doubled."""

    def __init__(self, line: str, place: str) -> None:
        cells = line.split("\t")
        if line and (line.startswith(("{", "<")) or len(cells) < 2):
            text = f"{place} is no table: it has no tab in its first line. Take a report type of flat files."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"document": place})
        self._is_quoted = bool(line) and all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)
        self._names = _distinct([column_name(self._value(cell) or "") for cell in cells])
        self.cut = 0

    def row(self, line: str) -> dict[str, Any]:
        cells = line.split("\t")
        self.cut += len(cells) < len(self._names)
        row: dict[str, Any] = dict.fromkeys(self._names)
        for name, cell in zip(self._names, cells, strict=False):
            row[name] = self._value(cell)
        if any(cells[len(self._names) :]):
            row[SURPLUS] = "\t".join(cells[len(self._names) :])
        return row

    def _value(self, cell: str) -> str | None:
        if self._is_quoted and len(cell) > 1 and cell[0] == cell[-1] == '"':
            cell = cell[1:-1].replace('""', '"')
        return cell or None


def column_name(heading: str) -> str:
    """`amazon-order-id` is `amazon_order_id`."""
    return re.sub(r"[\W_]+", "_", heading.strip().lower()).strip("_")


def _distinct(names: list[str]) -> list[str]:
    found: list[str] = []
    for position, name in enumerate(names, 1):
        wanted = name or f"column_{position}"
        found.append(wanted if wanted not in found else f"{wanted}_{position}")
    return found

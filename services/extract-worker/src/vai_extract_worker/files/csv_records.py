"""Blocks of complete csv records. Each block ends where a record ends, so it can be read by itself."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.csv_dialect import Dialect
from vai_extract_worker.files.csv_quotes import fits, sound_records, whole_records
from vai_extract_worker.files.unpacking import Text

BLOCK_BYTES = 8 * 1024 * 1024
LONGEST_RECORD = 64 * 1024 * 1024
"""In bytes. A quote that is not closed within this length is an error."""

_GUESSES = 8
"""How many of a block's last lines are tried as its end. If each of them ends within a field, the quotes are read one
by one, which is slow.
"""

_LINE_ENDS = b"\n\r"


@dataclass(frozen=True)
class Block:
    """Complete records. `line` is the number of the first line, `end` the offset in the text after the last record."""

    data: bytes
    line: int
    end: int
    sound: bool = True
    """Whether the records are sound (`csv_quotes`)."""


def blocks(text: Text, dialect: Dialect, offset: int, line: int, path: str) -> Iterator[Block]:
    """The text from an offset on, where a record begins. Raises `Permanent` for a quote that is not closed."""
    rest, size, newline = b"", BLOCK_BYTES, dialect.newline.encode()
    while data := text.read(size):
        rest += data
        cut, sound = _end(rest, dialect)
        if cut:
            offset += cut
            yield Block(rest[:cut], line, offset, sound)
            line += rest.count(newline, 0, cut)
            rest, size = rest[cut:], BLOCK_BYTES
        elif len(rest) > LONGEST_RECORD:
            raise _endless(rest, dialect, line, path)
        elif len(rest) > BLOCK_BYTES:
            size = len(rest)  # so that a long record is not looked through again for each block
    if rest:
        sound = _is_sound(rest + newline, dialect)
        if not sound and is_open(rest, dialect):
            raise _endless(rest, dialect, line, path)
        yield Block(rest, line, offset + len(rest), sound)


def last_end(data: bytes, dialect: Dialect) -> int:
    """The offset at which the last complete record ends. 0 if none is complete."""
    return _end(data, dialect)[0]


def _end(data: bytes, dialect: Dialect) -> tuple[int, bool]:
    """The same, and whether the records up to there are sound."""
    end = _unescaped(data, dialect).rfind(dialect.newline.encode()) + 1
    if not _has_quotes(data, dialect) or (end and fits(data[:end], sound_records(*_marks(dialect)))):
        return end, True
    end = _last_outside(data, dialect)
    return end, _is_sound(data[:end], dialect)


def _is_sound(data: bytes, dialect: Dialect) -> bool:
    return not _has_quotes(data, dialect) or fits(data, sound_records(*_marks(dialect)))


def _has_quotes(data: bytes, dialect: Dialect) -> bool:
    return bool(dialect.quote) and dialect.quote.encode() in data


def _marks(dialect: Dialect) -> tuple[str, str, str]:
    return dialect.delimiter, dialect.quote, dialect.escape


def _last_outside(data: bytes, dialect: Dialect) -> int:
    """The end of the last line that ends outside quotes. 0 if there is none."""
    newline, end = dialect.newline.encode(), len(data)
    whole = whole_records(*_marks(dialect))
    for _ in range(_GUESSES):
        end = data.rfind(newline, 0, end)
        if end < 0 or fits(data[: end + 1], whole):
            return end + 1
    turns, data = _turns(data, dialect), _unescaped(data, dialect)
    while (end := data.rfind(newline, 0, end)) >= 0:
        before = bisect_left(turns, end)
        if before % 2 == 0:
            return end + 1
        end = turns[before - 1]
    return 0


def parted(block: Block, dialect: Dialect) -> tuple[Block, list[tuple[int, bytes]]]:
    """The block without its records that are not sound, and those: (number of the first line, text).

    Lines that are no rows replace the removed ones, so that the other rows keep their line numbers.
    """
    newline = dialect.newline.encode()
    no_row = (dialect.delimiter.encode() if len(dialect.names) == 1 else b"") + newline
    records = _records(block.data, dialect)
    flags = pc.match_substring_regex(pa.array(records, pa.binary()), sound_records(*_marks(dialect))).to_pylist()
    line, kept, broken = block.line, [], []
    for record, sound in zip(records, flags, strict=True):
        lines = record.count(newline)
        kept.append(record if sound else no_row * lines)
        if not sound:
            broken.append((line, record))
        line += lines
    return Block(b"".join(kept), block.line, block.end), broken


def _records(data: bytes, dialect: Dialect) -> list[bytes]:
    """Each record with its line end. If the last one has none, it gets one."""
    newline = dialect.newline.encode()
    text = data if data.endswith(newline) else data + newline
    turns, plain = _turns(text, dialect), _unescaped(text, dialect)
    found, begin, end = [], 0, -1
    while (end := plain.find(newline, end + 1)) >= 0:
        before = bisect_left(turns, end)
        if before % 2 == 0:
            found.append(text[begin : end + 1])
            begin = end + 1
        else:
            end = turns[before] if before < len(turns) else end
    return found


def is_open(data: bytes, dialect: Dialect) -> bool:
    """Whether a quote that was opened is not closed."""
    return len(_turns(data, dialect)) % 2 == 1


def _turns(data: bytes, dialect: Dialect) -> Sequence[int]:
    """The offsets at which quotes open and close, in turn. In a field without quotes a quote is an ordinary
    character.
    """
    if not dialect.quote or dialect.quote.encode() not in data:
        return []
    data = _unescaped(data, dialect)
    array = pa.Array.from_buffers(pa.uint8(), len(data) + 1, [None, pa.py_buffer(b"\n" + data)])  # a line begins here
    places = pc.indices_nonzero(pc.equal(array, ord(dialect.quote)))
    if not len(places):
        return []
    before = pc.subtract(places, 1)
    starts = pc.is_in(pc.take(array, before), pa.array([*dialect.delimiter.encode(), *_LINE_ENDS], pa.uint8()))
    opens = pc.or_(starts, _doubled(places))
    quotes = memoryview(before.buffers()[1]).cast("Q")[: len(before)]
    if b"\0" not in _bytes(opens)[0::2]:
        return cast(Sequence[int], quotes)
    return _walked(quotes.tolist(), _bytes(starts))


def _unescaped(data: bytes, dialect: Dialect) -> bytes:
    """The same number of bytes, with the escaped ones made neutral."""
    if not dialect.escape or dialect.escape.encode() not in data:
        return data
    return re.sub(re.escape(dialect.escape.encode()) + rb".", b"xx", data, flags=re.DOTALL)


def _doubled(places: pa.Array) -> pa.Array:
    """Which quotes directly follow another one: a doubled quote is a quote within the field."""
    gaps = pc.pairwise_diff(places.cast(pa.int64()))
    return pc.fill_null(pc.equal(gaps, 1), False)


def _bytes(flags: pa.Array) -> bytes:
    """A byte for each flag, 0 or 1."""
    array = flags.cast(pa.uint8())
    return bytes(array.buffers()[1].to_pybytes()[: len(array)])


def _walked(places: list[int], starts: bytes) -> list[int]:
    """The same, quote by quote."""
    found: list[int] = []
    index = 0
    while index < len(places):
        if len(found) % 2 == 0:
            if starts[index]:
                found.append(places[index])
        elif index + 1 < len(places) and places[index + 1] == places[index] + 1:
            index += 1
        else:
            found.append(places[index])
        index += 1
    return found


def _endless(data: bytes, dialect: Dialect, line: int, path: str) -> Permanent:
    turns = _turns(data, dialect)
    if len(turns) % 2:
        line += data.count(dialect.newline.encode(), 0, turns[-1])
        text = f"{path}: the quote that opens in line {line} is not closed. Correct the file, or set quote and escape."
    else:
        text = f"{path}: line {line} has more than {LONGEST_RECORD >> 20} MB. Set delimiter and quote as it is written."
    return Permanent(ErrorCode.DATA_ERROR, text, {"file": path, "line": line})

"""Reads JSON files piece by piece: one value per line (`jsonl`), or an array or several values (`json`)."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import orjson

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.folders import Found, Shelf
from vai_extract_worker.files.rejects import Json, Read, Reject, refused, unfit_reason
from vai_extract_worker.files.unpacking import Text, unpacked
from vai_extract_worker.values.columns import table_of
from vai_extract_worker.values.jsontext import DECODER, compact, is_plain, parse, parse_plain
from vai_records.definitions.sources.file_resources import FileResource

_ROWS = 20_000
_BLOCK = 1024 * 1024
LONGEST_VALUE = 64 * 1024 * 1024
"""The largest size in bytes of one line, or of one value of an array."""

_BLANK = " \t\r\n,"


def read_jsonl(shelf: Shelf, file: Found, resource: FileResource, at: Json | None) -> Iterator[Read]:
    """One row per line. `at` is {offset, line}. Raises `Permanent` that names the line."""
    place = at or {"offset": 0, "line": 1}
    with unpacked(shelf, file) as stream:
        text = Text(stream, resource.encoding, file.path)
        text.skip(place["offset"])
        offset, lines = place["offset"], enumerate(_lines(text, file.path), place["line"])
        while batch := list(islice(lines, _ROWS)):
            offset += sum([len(line) for _, line in batch]) + len(batch)
            found = _Rows(file.path, resource)
            found.take(batch)
            yield found.read({"offset": offset, "line": batch[-1][0] + 1})


def _lines(text: Text, path: str) -> Iterator[bytes]:
    rest = b""
    while data := text.read(_BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        yield from lines
        if len(rest) > LONGEST_VALUE:
            raise _too_long(path)
    if rest:
        yield rest


class _Rows:
    """A batch of rows, and the lines that are no rows."""

    def __init__(self, path: str, resource: FileResource) -> None:
        self._path = path
        self._resource = resource
        self._lines: list[tuple[int, bytes]] = []
        self._values: list[Any] = []
        self._rejects: list[Reject] = []

    def take(self, batch: Sequence[tuple[int, bytes]]) -> None:
        """Lines with their numbers. Blank lines are left out."""
        lines = [line for _, line in batch]
        read = parse_plain if is_plain(b"\n".join(lines)) else parse
        if read is parse_plain and not self._values:
            try:
                self._lines, self._values = list(batch), list(map(orjson.loads, lines))
                return
            except orjson.JSONDecodeError:
                self._lines, self._values = [], []  # one of them is blank, or none
        for number, line in batch:
            if line and not line.isspace():
                try:
                    self._values.append(read(line))
                    self._lines.append((number, line))
                except (ValueError, RecursionError):
                    self._reject(number, "the line is not JSON", line)

    def read(self, at: Json | None) -> Read:
        """The rows as a table. Raises `Permanent` for rejects, unless the resource says that they are put aside."""
        types, unfit = self._resource.columns, dict[int, str]()
        table = table_of(self._values, types, unfit)
        for index, name in unfit.items():
            number, line = self._lines[index]
            self._reject(number, unfit_reason(name, types[name]), line)
        if self._rejects and self._resource.on_bad_row == "fail":
            raise refused(self._path, self._rejects)
        if unfit:
            table = table_of([value for index, value in enumerate(self._values) if index not in unfit], types)
        return Read(table, at, self._rejects)

    def _reject(self, number: int, reason: str, line: bytes) -> None:
        self._rejects.append(Reject(number, reason, line.decode("utf-8", "replace").rstrip("\r\n")))


def read_json(shelf: Shelf, file: Found, resource: FileResource, at: Json | None) -> Iterator[Read]:
    """The elements of an array, or one value after another. Reading cannot continue from a position within it."""
    with unpacked(shelf, file) as stream:
        values = _values(Text(stream, resource.encoding, file.path), file.path)
        while batch := list(islice(values, _ROWS)):
            unfit: dict[int, str] = {}
            table = table_of([value for _, value in batch], resource.columns, unfit)
            rejects = [
                Reject(batch[index][0], unfit_reason(name, resource.columns[name]), compact(batch[index][1]))
                for index, name in unfit.items()
            ]
            if rejects and resource.on_bad_row == "fail":
                raise refused(file.path, rejects)
            if unfit:
                kept = [value for index, (_, value) in enumerate(batch) if index not in unfit]
                table = table_of(kept, resource.columns)
            yield Read(table, None, rejects)


def _values(text: Text, path: str) -> Iterator[tuple[int, Any]]:
    """Each value with the line that it begins in."""
    buffer, line, opened, began = "", 1, False, False
    rest = b""
    while data := text.read(max(_BLOCK, len(buffer))):
        whole = rest + data
        cut = _whole_characters(whole)
        buffer, rest = buffer + whole[:cut].decode(), whole[cut:]
        place = 0
        while True:
            blank = place
            while place < len(buffer) and buffer[place] in _BLANK:
                place += 1
            line += buffer.count("\n", blank, place)
            if place == len(buffer):
                break
            if not began and buffer[place] == "[":
                opened = began = True
                place += 1
                continue
            if opened and buffer[place] == "]":
                opened = False
                place += 1
                continue
            try:
                value, end = DECODER.raw_decode(buffer, place)
            except (ValueError, RecursionError):
                break
            if end == len(buffer) and not isinstance(value, dict | list):
                break  # a number may go on
            began = True
            yield line, value
            line += buffer.count("\n", place, end)
            place = end
        buffer = buffer[place:]
        if len(buffer) > LONGEST_VALUE:
            raise _too_long(path)
    yield from _last(buffer, opened, line, path)


def _last(buffer: str, opened: bool, line: int, path: str) -> Iterator[tuple[int, Any]]:
    """The rest at the end of the file: a number or a word, or broken JSON."""
    text = buffer.strip(_BLANK)
    if text and not opened:
        try:
            yield line, parse(text.encode())
            return
        except (ValueError, RecursionError):
            pass
    if text or opened:
        said = f"{path} is not JSON in or after line {line}. Correct it; for one value a line, set format to jsonl."
        raise Permanent(ErrorCode.DATA_ERROR, said, {"file": path, "line": line})


def _whole_characters(data: bytes) -> int:
    """The offset at which the last complete UTF-8 character ends."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] >= 0xC0:
            needed = 2 if data[-back] < 0xE0 else 3 if data[-back] < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
    return len(data)


def _too_long(path: str) -> Permanent:
    text = f"{path} has a value of more than {LONGEST_VALUE >> 20} MB. Check its format."
    return Permanent(ErrorCode.DATA_ERROR, text, {"file": path})

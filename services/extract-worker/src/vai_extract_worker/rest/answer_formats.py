"""Parses a source's answers: JSON, JSON on each line, or CSV."""

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import pyarrow as pa

from vai_common.errors import Permanent
from vai_extract_worker.files.folders import Found
from vai_extract_worker.rest.csv_sentences import what_is_wrong
from vai_extract_worker.values.jsontext import parse
from vai_extract_worker.values.number_texts import written_plainly
from vai_records.definitions.sources.csv_words import CsvWords
from vai_records.definitions.sources.file_resources import FileResource
from vai_records.definitions.sources.resources import Resource


def _lines(body: bytes) -> list[Any]:
    found = []
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.strip():
            try:
                found.append(parse(line))
            except ValueError as error:
                raise ValueError(f"line {number} is not JSON") from error
    return found


def _table(body: bytes, words: FileResource, declared: Mapping[str, str], known: set[str]) -> list[Any]:
    """The rows as texts by column. The columns' names are added to `known`.

    Raises ValueError if it is no such table.
    """
    from vai_extract_worker.files.csv_files import read_csv

    if (kind := _no_table(body)) is not None:
        raise ValueError(f"it is {kind}")
    rows: list[Any] = []
    names: list[str] = []
    try:
        for read in read_csv(_Held(body), Found("the answer", len(body), 0.0), words, None):
            for reject in read.rejects:
                raise ValueError(f"line {reject.line}: {reject.reason}")
            rows += _spelled(read.table, words, declared).to_pylist()
            names = read.table.column_names
    except Permanent as error:
        raise ValueError(error.message.replace("Correct the file, or set", "Set")) from None
    if wrong := what_is_wrong(body, names, rows, words, declared, known):
        raise ValueError(wrong)
    known.update(name.lower() for name in names)
    return rows


def _spelled(table: pa.Table, words: FileResource, declared: Mapping[str, str]) -> pa.Table:
    """The rows with numbers of declared columns written as in JSON. The types themselves are applied later."""
    kinds = {name.lower(): kind for name, kind in declared.items()}
    for index, name in enumerate(table.column_names):
        if (kind := kinds.get(name.lower())) and pa.types.is_string(table[name].type):
            table = table.set_column(index, name, written_plainly(kind, table[name], words))
    return table


class _Held:
    """A shelf with one file, the answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def files(self, pattern: str) -> Iterator[Found]:
        return iter(())

    def open(self, file: Found) -> BinaryIO:
        return io.BytesIO(self._body)

    def close(self) -> None:
        """There is nothing to close."""


def _no_table(body: bytes) -> str | None:
    """Why an answer is no table, although it could be read as a table with one column."""
    begin = body[:200].removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"<"):
        return "HTML or XML"
    if begin.startswith((b"{", b"[")):
        try:
            parse(body)
        except (ValueError, RecursionError):
            return None
        return "JSON"
    return None


def read_as(
    response_format: str,
    body: bytes,
    words: CsvWords | None = None,
    content_type: str = "",
    known: set[str] | None = None,
) -> Any:
    """Parse an answer. `known` are the columns of the csv answers before it.

    Raises ValueError or RecursionError if it cannot be read.
    """
    if response_format == "csv":
        declared: Mapping[str, str] = words.columns if isinstance(words, Resource) else {}
        return _table(body, _as_file(words, _charset(content_type, body)), declared, set() if known is None else known)
    read = _lines if response_format == "jsonl" else parse
    try:
        return read(body)
    except ValueError:
        if (in_utf_8 := _recoded(body, content_type)) is None:
            raise
        return read(in_utf_8)


def _recoded(body: bytes, content_type: str) -> bytes | None:
    """JSON that is not in UTF-8, if its server names another encoding in which it can be read."""
    charset = _charset(content_type, body)
    try:
        return body.decode(charset).encode() if charset not in (None, "utf-8") else None
    except (UnicodeError, LookupError):  # LookupError: what Python knows as an encoding, and is none of text
        return None


def _charset(content_type: str, body: bytes) -> str | None:
    """The encoding of an answer. Servers often name Latin-1 without knowing the encoding, so what can be read as UTF-8
    is UTF-8.
    """
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else None
    except LookupError:
        return None
    if name not in _LATIN:
        return name
    try:
        body.decode()
    except UnicodeDecodeError:
        return name
    return None


def _as_file(words: CsvWords | None, charset: str | None) -> FileResource:
    """All values are text. `columns` gives types, as for JSON."""
    said: dict[str, Any] = {"encoding": charset} if charset and charset != "utf-8" else {}
    said |= words.csv_words if words else {}
    return FileResource(name="answer", path="answer", types="text", on_bad_row="reject", **said)


_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_LATIN: Final = ("iso8859-1", "iso8859-15", "cp1252", "ascii")

WORDS: Final = {"json": "JSON", "jsonl": "JSON on each line", "csv": "CSV"}
ACCEPTS: Final = {
    "json": "application/json",
    "jsonl": "application/x-ndjson, application/jsonl, application/json;q=0.5",
    "csv": "text/csv",
}

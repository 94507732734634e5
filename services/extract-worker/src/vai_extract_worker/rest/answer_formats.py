"""The answers of a source as values: JSON, a JSON row on each line, or CSV."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from vai_common.errors import Permanent
from vai_extract_worker.files.folders import Found
from vai_extract_worker.values.jsontext import parse
from vai_records.definitions.sources.csv_words import CsvWords
from vai_records.definitions.sources.file_resources import FileResource


def _lines(body: bytes) -> list[Any]:
    found = []
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.strip():
            try:
                found.append(parse(line))
            except ValueError as error:
                raise ValueError(f"line {number} is no JSON") from error
    return found


def _table(body: bytes, words: FileResource) -> list[Any]:
    """Rows of texts by the names of the columns. Raises ValueError for what is no such table."""
    from vai_extract_worker.files.csv_files import read_csv

    if (kind := _no_table(body)) is not None:
        raise ValueError(f"it is {kind}")
    rows: list[Any] = []
    try:
        for read in read_csv(_Held(body), Found("the answer", len(body), 0.0), words, None):
            for reject in read.rejects:
                raise ValueError(f"line {reject.line}: {reject.reason}")
            rows += read.table.to_pylist()
    except Permanent as error:
        raise ValueError(error.message.replace("Mend the file, or set", "Set")) from None
    return rows


class _Held:
    """A shelf with nothing but an answer on it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def files(self, pattern: str) -> Iterator[Found]:
        return iter(())

    def open(self, file: Found) -> BinaryIO:
        return io.BytesIO(self._body)

    def close(self) -> None:
        """There is nothing."""


def _no_table(body: bytes) -> str | None:
    """What an answer is that is no table, however well it would read as one of one column."""
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


def read_as(response_format: str, body: bytes, words: CsvWords | None = None, content_type: str = "") -> Any:
    """What an answer says. Raises ValueError or RecursionError for one that cannot be read."""
    if response_format == "csv":
        return _table(body, _as_file(words, _charset(content_type, body)))
    return _lines(body) if response_format == "jsonl" else parse(body)


def _charset(content_type: str, body: bytes) -> str | None:
    """The encoding that an answer names. Servers name Latin-1 where they know of none: UTF-8 that reads is UTF-8."""
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
    """All as text: `columns` gives types, as it does for JSON."""
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

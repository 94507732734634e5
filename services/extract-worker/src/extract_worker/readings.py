"""The answers of a source as values: JSON, a JSON row on each line, or CSV with a header."""

import csv
import io
from collections.abc import Callable
from typing import Any, Final

from extract_worker.jsontext import parse

_LARGEST_CELL: Final = 64 * 1024 * 1024


def _lines(body: bytes) -> list[Any]:
    found = []
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.strip():
            try:
                found.append(parse(line))
            except ValueError as error:
                raise ValueError(f"line {number} is no JSON") from error
    return found


def _table(body: bytes) -> list[Any]:
    """Rows of texts by the header's names; what is empty is null. Raises ValueError for what is no such table."""
    if (kind := _no_table(body)) is not None:
        raise ValueError(f"it is {kind}")
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
    try:
        header = next((line for line in reader if line), None)
        rows = []
        for line in reader:
            if not line:
                continue
            if header is None or len(line) != len(header):
                raise ValueError(f"line {reader.line_num} has {len(line)} values, the header {len(header or [])}")
            rows.append({name: value or None for name, value in zip(header, line, strict=True)})
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    if header is not None and len(set(header)) < len(header):
        raise ValueError("two columns of the header have the same name")
    return rows


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


READINGS: Final[dict[str, Callable[[bytes], Any]]] = {"json": parse, "jsonl": _lines, "csv": _table}
"""By `response_format`. Each raises ValueError or RecursionError for what it cannot read."""
WORDS: Final = {"json": "JSON", "jsonl": "JSON on each line", "csv": "CSV"}
ACCEPTS: Final = {
    "json": "application/json",
    "jsonl": "application/x-ndjson, application/jsonl, application/json;q=0.5",
    "csv": "text/csv",
}

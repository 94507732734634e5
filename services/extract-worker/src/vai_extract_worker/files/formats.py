"""Reads csv, jsonl, json and parquet files, plain or compressed, as tables. Reading a long file can continue later."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.csv_files import read_csv
from vai_extract_worker.files.folders import Found, Shelf
from vai_extract_worker.files.json_files import read_json, read_jsonl
from vai_extract_worker.files.parquet_files import read_parquet
from vai_extract_worker.files.rejects import Json, Read
from vai_extract_worker.files.unpacking import suffix_of
from vai_records.definitions.sources.file_resources import FileResource

_FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet",
}  # fmt: skip
_BROKEN = (pa.ArrowException, OSError, EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, ValueError)


def reads(shelf: Shelf, file: Found, resource: FileResource, at: Json | None = None) -> Iterator[Read]:
    """The file's rows, from a position that an earlier `Read.at` named.

    Raises `Permanent` (DATA_ERROR) naming the file, and the line where there is one, without any of its text.
    """
    kind = resource.format or format_of(file.path)
    if kind != "csv" and resource.columns and resource.says_numbers:
        text = f"{file.path} is {kind}, whose numbers have only one notation: leave out decimal_separator and "
        text += "thousands_separator, or name the files that are csv."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"file": file.path, "field": "decimal_separator"})
    read = {"csv": read_csv, "jsonl": read_jsonl, "json": read_json, "parquet": read_parquet}[kind]
    try:
        yield from read(shelf, file, resource, at)
    except _BROKEN as error:
        text = f"{file.path} cannot be read as {kind} ({_cause(error)}). Correct the file, or set its format."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"file": file.path}) from error


def _cause(error: Exception) -> str:
    """What is wrong, without quoting the file."""
    if isinstance(error, EOFError | gzip.BadGzipFile | zipfile.BadZipFile | zlib.error):
        return "it is compressed, and the compressed data is broken or ends early"
    if isinstance(error, pa.ArrowException) and "magic bytes" in str(error):
        return "it does not begin or end like one"
    return "its content is broken"


def format_of(path: str) -> str:
    """The format that belongs to the path's suffix. Raises `Permanent` for a suffix of no known format."""
    found = _FORMATS.get(suffix_of(path))
    if found is None:
        text = f"{path} does not tell its format by its suffix; set format to csv, jsonl, json or parquet."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"file": path, "field": "format"})
    return found

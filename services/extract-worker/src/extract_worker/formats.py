"""Files as tables: csv, jsonl and parquet, plain or gzipped."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from common.errors import ErrorCode, Permanent
from extract_worker.columns import free_name, plain, table_of, with_declared
from extract_worker.folders import Found, Shelf
from extract_worker.jsontext import parse
from records.definitions.resources import FileResource

_BLOCK_BYTES = 32 * 1024 * 1024
"""So much of a csv file has its types inferred at once."""

_ROWS = 20_000
_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_MISSING = pa.array(["NA", "N/A", "NaN", "nan", "NULL", "null", "None"])
# Only what turns back into the same text: 007 is no number, and no digit beyond the type's exactness is dropped.
_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_DECIMAL = r"^[-+]?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$"
_TRUTH = r"^(?i:true|false)$"


def tables_of(shelf: Shelf, file: Found, resource: FileResource) -> Iterator[pa.Table]:
    """The file's rows. Raises `Permanent` (DATA_ERROR) naming the file where it is not of its format."""
    kind = resource.format or _format_of(file.path)
    try:
        if kind == "csv":
            yield from _csv(shelf, file, resource)
        elif kind == "jsonl":
            with _opened(shelf, file) as stream:
                yield from _jsonl(stream, resource)
        else:
            with shelf.open(file) as stream:
                yield from _parquet(stream, resource)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, EOFError, gzip.BadGzipFile) as error:
        text = f"{file.path} is no {kind} that can be read: {error}. Mend the file, or name its format."
        raise Permanent(ErrorCode.DATA_ERROR, text[:600], {"file": file.path}) from error


def _format_of(path: str) -> str:
    suffixes = [suffix for suffix in PurePosixPath(path).suffixes if suffix != ".gz"]
    found = _FORMATS.get(suffixes[-1].lower() if suffixes else "")
    if found is None:
        text = f"{path} does not tell its format by its suffix; set format to csv, jsonl or parquet."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"file": path, "field": "format"})
    return found


@contextmanager
def _opened(shelf: Shelf, file: Found) -> Iterator[BinaryIO]:
    with shelf.open(file) as stream:
        if file.path.endswith(".gz"):
            with gzip.open(stream) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield stream


def _csv(shelf: Shelf, file: Found, resource: FileResource) -> Iterator[pa.Table]:
    if not file.size:
        return
    tab = PurePosixPath(file.path.removesuffix(".gz")).suffix == ".tsv"
    parsing = pacsv.ParseOptions(delimiter=resource.delimiter or ("\t" if tab else ","), newlines_in_values=True)
    with _opened(shelf, file) as stream, pacsv.open_csv(stream, parse_options=parsing) as reader:
        taken: set[str] = set()
        names = [free_name(name or "column", taken) for name in reader.schema.names]
    reading = pacsv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK_BYTES)
    texts = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )  # fmt: skip
    with _opened(shelf, file) as stream, pacsv.open_csv(stream, reading, parsing, texts) as reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            typed = pa.table({name: _typed(table[name]) for name in names})
            yield with_declared(typed, resource.columns, table)


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers and truth values where every value is one; else the text as it is."""
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column))])
    present = pc.if_else(pc.is_in(column, _MISSING), None, column)
    for pattern, kind in ((_WHOLE, pa.int64()), (_DECIMAL, pa.float64()), (_TRUTH, pa.bool_())):
        if pc.all(pc.match_substring_regex(present, pattern)).as_py() and present.null_count < len(present):
            return pc.cast(pc.utf8_lower(present) if kind == pa.bool_() else present, kind)
    return column


def _jsonl(stream: Iterable[bytes], resource: FileResource) -> Iterator[pa.Table]:
    lines = enumerate(stream, 1)
    while batch := list(islice(lines, _ROWS)):
        rows = [_row(number, line) for number, line in batch if line.strip()]
        if rows:
            yield table_of(rows, resource.columns)


def _row(number: int, line: bytes) -> Any:
    try:
        return parse(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number} is no JSON ({error})") from error


def _parquet(stream: BinaryIO, resource: FileResource) -> Iterator[pa.Table]:
    for batch in pq.ParquetFile(stream).iter_batches(batch_size=65_536):
        table = plain(pa.Table.from_batches([batch]))
        yield with_declared(table, resource.columns, table)

"""Reads csv files in blocks of whole records. So memory does not grow, and reading can continue after each block.

A block is read as text by Arrow, then typed (`csv_types`), in one pass over the file. Neither Arrow's own stream nor
DuckDB's reader says where in the file a batch ends, which the checkpoint of a long file needs.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import pyarrow as pa
import pyarrow.csv as pacsv

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.csv_dialect import Dialect, dialect_of, lines_of, reader_of
from vai_extract_worker.files.csv_records import LONGEST_RECORD, Block, blocks, parted
from vai_extract_worker.files.csv_types import CsvTypes
from vai_extract_worker.files.folders import Found, Shelf
from vai_extract_worker.files.rejects import Json, Read, Reject, refused, unfit_reason
from vai_extract_worker.files.unpacking import Text, not_text, suffix_of, unpacked
from vai_extract_worker.values.declared import declared_texts, type_of
from vai_extract_worker.values.number_texts import written_plainly
from vai_records.definitions.sources.file_resources import FileResource

_START_BYTES = 1024 * 1024
_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|table|\?xml)\b", re.IGNORECASE)
"""How a file begins that is a web page, or HTML that a spreadsheet saved as `.xls`."""


def read_csv(shelf: Shelf, file: Found, resource: FileResource, at: Json | None) -> Iterator[Read]:
    """The file's rows, from the position that an earlier attempt reached (`at`: {offset, line, types}).

    Raises `Permanent` (DATA_ERROR), which names the line.
    """
    with unpacked(shelf, file) as stream:
        text = Text(stream, resource.encoding, file.path)
        found, start = _beginning(text, file, resource)
        if found is None:
            yield Read(pa.table({}))
            return
        begin = at or {"offset": found.header_bytes, "line": found.line, "types": {}}
        text.unread(start)
        text.skip(begin["offset"])
        reading = _Reading(file.path, resource, found, CsvTypes(begin["types"], resource.types == "text"))
        yield reading.columns()
        cut = blocks(text, found, begin["offset"], begin["line"], file.path)
        step = partial(_next, cut, reading)
        for parsed in iter(step, None) if file.size <= _START_BYTES else _ahead(step):
            yield reading.typed(*parsed)


def _ahead(step: "Callable[[], _Parsed | None]") -> "Iterator[_Parsed]":
    """Read and parse the next block while this one is typed and written."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(step)
        while (parsed := coming.result()) is not None:
            coming = thread.submit(step)
            yield parsed


def _beginning(text: Text, file: Found, resource: FileResource) -> tuple[Dialect | None, bytes]:
    """The dialect, and what was read to find it."""
    start = b""
    while True:
        data = text.read(max(_START_BYTES, len(start)))
        start += data
        if data and len(start) < _START_BYTES:
            continue
        if _PAGE.match(start):
            said = f"{file.path} is HTML or XML, and no csv. Get the file again, or export it as csv."
            raise Permanent(ErrorCode.DATA_ERROR, said, {"file": file.path})
        found = dialect_of(start, not data, resource, suffix_of(file.path), file.path)
        if not data or (found and found.header_bytes < len(start)):
            return found, start
        if len(start) > LONGEST_RECORD:
            line = f"{file.path} has no header within {LONGEST_RECORD >> 20} MB. Set delimiter, quote and skip_lines."
            raise Permanent(ErrorCode.DATA_ERROR, line, {"file": file.path})


def _next(cut: Iterator[Block], reading: "_Reading") -> "_Parsed | None":
    block = next(cut, None)
    if block is None:
        return None
    if block.sound:
        return (block, *reading.parsed(block))
    rest, broken = parted(block, reading.dialect)
    table, rejects = reading.parsed(rest)
    newline = reading.dialect.newline.encode()
    gone = {line + after for line, row in broken for after in range(row.count(newline))}
    told = [Reject(line, _quote_reason(row, reading.dialect), _shown(row)) for line, row in broken]
    return rest, table, told + [reject for reject in rejects if reject.line not in gone]


def _quote_reason(row: bytes, dialect: Dialect) -> str:
    if not dialect.escape and b"\\" + dialect.quote.encode() in row:
        return "a quote within a field is not doubled; if a backslash escapes it, set escape to \\"
    said = "text follows a closing quote: one within a field is not doubled, or one before it is not closed"
    return f'{said}; if quotes mark nothing in this file, set quote to ""'


def _shown(row: bytes) -> str:
    return row.decode("utf-8", "replace").rstrip("\r\n")


_Parsed = tuple[Block, pa.Table, list[Reject]]


@dataclass
class _Reading:
    """One file with its dialect and its types so far."""

    path: str
    resource: FileResource
    dialect: Dialect
    types: CsvTypes

    @cached_property
    def declared(self) -> dict[str, str]:
        """The declared types by the file's spelling of the names. Upper and lower case do not matter."""
        kinds = {name.lower(): kind for name, kind in self.resource.columns.items()} | self.resource.columns
        found = ((name, kinds.get(name) or kinds.get(name.lower())) for name in self.dialect.names)
        return {name: kind for name, kind in found if kind}

    @property
    def _has_empty_rows(self) -> bool:
        """Whether an empty line is a row: the only column's value is missing there."""
        return len(self.dialect.names) == 1

    def columns(self) -> Read:
        """A table without rows: the columns' names, and the types of those that are declared."""
        kinds = [type_of(self.declared[name]) if name in self.declared else pa.null() for name in self.dialect.names]
        return Read(pa.schema(list(zip(self.dialect.names, kinds, strict=True))).empty_table())

    def parsed(self, block: Block) -> tuple[pa.Table, list[Reject]]:
        """The block's rows as text, and the rejects: rows with too few or too many fields."""
        data = block.data
        if not data.strip(b"\r\n") and not self._has_empty_rows:
            return self._nothing(), []
        ragged: list[pacsv.InvalidRow] = []

        def passed_over(row: pacsv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        dialect = self.dialect
        parsing = pacsv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=dialect.quote or False, escape_char=dialect.escape or False,
            newlines_in_values=True, ignore_empty_lines=not self._has_empty_rows, invalid_row_handler=passed_over,
        )  # fmt: skip
        reading = pacsv.ReadOptions(
            column_names=dialect.names, block_size=len(data) + 1, use_threads=len(data) > _START_BYTES
        )
        texts = pacsv.ConvertOptions(
            column_types=dict.fromkeys(dialect.names, pa.string()), null_values=["", *self.resource.null_words],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        )  # fmt: skip
        try:
            table = pacsv.read_csv(pa.BufferReader(data), reading, parsing, texts)
        except pa.ArrowInvalid:
            raise self._unread(block) from None
        return table, self._ragged(block, ragged) if ragged else []

    def typed(self, block: Block, table: pa.Table, rejects: list[Reject]) -> Read:
        """The block with its types. Raises `Permanent` for rejects, unless the resource says that they are put
        aside.
        """
        declared, unfit = self._declared(table)
        if unfit:
            rejects = [*rejects, *self._unfit_rows(block, unfit)]
            kept = pa.array([index not in unfit for index in range(len(table))])
            table = table.filter(kept)
            declared = {name: column.filter(kept) for name, column in declared.items()}
        if rejects and self.resource.on_bad_row == "fail":
            raise refused(self.path, rejects)
        columns = [
            declared[name] if name in declared else self.types.typed(name, table[name]) for name in self.dialect.names
        ]
        line = block.line + block.data.count(self.dialect.newline.encode())
        at = {"offset": block.end, "line": line, "types": dict(self.types.state)}
        return Read(pa.table(columns, list(self.dialect.names)), at, rejects)

    def _nothing(self) -> pa.Table:
        return pa.schema([(name, pa.string()) for name in self.dialect.names]).empty_table()

    def _declared(self, table: pa.Table) -> tuple[dict[str, pa.ChunkedArray], dict[int, str]]:
        columns: dict[str, pa.ChunkedArray] = {}
        unfit: dict[int, str] = {}
        for name, kind in self.declared.items():
            columns[name], wrong = declared_texts(kind, written_plainly(kind, table[name], self.resource))
            for index in wrong:
                unfit.setdefault(index, name)
        return columns, unfit

    def _rows(self, block: Block) -> Iterator[tuple[int, int, str]]:
        """Read each record again, slowly: (number of fields, line, text)."""
        lines = list(lines_of(block.data.decode("utf-8", "replace")))
        before = 0
        taken = 0

        def told() -> Iterator[str]:
            nonlocal taken
            for line in lines:
                taken += 1
                yield line

        for record in reader_of(told(), self.dialect.delimiter, self.resource):
            after = taken
            if record or self._has_empty_rows:
                yield len(record) or 1, block.line + before, "".join(lines[before:after]).rstrip("\r\n")
            before = after

    def _ragged(self, block: Block, rows: list[pacsv.InvalidRow]) -> list[Reject]:
        width = len(self.dialect.names)
        wrong = [(line, fields, text) for fields, line, text in self._rows(block) if fields != width]
        if len(wrong) != len(rows):
            wrong = [(block.line, row.actual_columns, row.text) for row in rows]
        return [
            Reject(line, f"the row has {fields} fields where the header has {width}", text)
            for line, fields, text in wrong
        ]

    def _unfit_rows(self, block: Block, unfit: dict[int, str]) -> list[Reject]:
        width, kinds = len(self.dialect.names), self.declared
        whole = ((line, text) for fields, line, text in self._rows(block) if fields == width)
        return [
            Reject(line, unfit_reason(unfit[index], kinds[unfit[index]]), text)
            for index, (line, text) in enumerate(whole)
            if index in unfit
        ]

    def _unread(self, block: Block) -> Permanent:
        try:
            block.data.decode()
        except UnicodeDecodeError as error:
            line = block.line + block.data[: error.start].count(b"\n")
            return not_text(self.path, line, "UTF-8")
        text = f"{self.path} cannot be read as csv after line {block.line}. Set delimiter, quote and escape as it is."
        return Permanent(ErrorCode.DATA_ERROR, text, {"file": self.path, "line": block.line})

"""Passes rows from a query to a table: counts and limits them, in small batches, however large a row is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vai_transform_worker.interruption import Watch
from vai_transform_worker.query.safety import refused

Rows = Callable[[], pa.RecordBatchReader]

READ_ROWS = 8_192
"""How many rows are taken from DuckDB at once. Few, so that large rows fit into memory."""

_BATCH_ROWS, _BATCH_BYTES = 131_072, 16 << 20
_LARGE_ROW = 4_096  # bytes
_SMALL_FILES = 32 << 20  # bytes, for large rows: a file is kept in memory while it is written

_EARLIEST, _LATEST = -96_465_292, 95_026_601
"""The range of days since 1970 that deltalake can write as DATE (years -262143 to 262142)."""


@dataclass(frozen=True)
class Part:
    """A part of the rows. `is_new`: they come from the SQL, so they are counted and their size is bounded."""

    rows: Rows
    is_new: bool = True
    most: int | None = None
    """The largest possible number of rows, if it is known before."""
    sql: str = ""
    """The query for the rows."""


class Stream:
    """The rows of all parts, one part after the other. After the last row it asks whether the writer may commit."""

    def __init__(self, parts: Sequence[Part], watch: Watch, permit: Callable[[], None], most_mb: int) -> None:
        self.count = self._size = 0
        self._most_mb = most_mb
        self.failure: Exception | None = None
        self._watch, self._permit = watch, permit
        self._later = parts[1:]
        self._is_new = parts[0].is_new
        first = parts[0].rows()
        self._opened = first
        self._ahead = next(iter(first), None)
        self.reader = pa.RecordBatchReader.from_batches(first.schema, self._said())

    @property
    def file_size(self) -> int | None:
        """The size of files in bytes. None for the default size."""
        ahead = self._ahead
        heavy = ahead is not None and ahead.num_rows and ahead.nbytes / ahead.num_rows > _LARGE_ROW
        return _SMALL_FILES if heavy else None

    @property
    def has_few_rows(self) -> bool:
        """Whether there are probably so few rows that DuckDB returns each part at once."""
        ahead = self._ahead.num_rows if self._ahead is not None else 0
        return ahead < READ_ROWS and all(part.most is not None and part.most < READ_ROWS for part in self._later)

    def _said(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from _gathered(self._batches())
            self._permit()
        except Exception as error:
            self.failure = error  # at the other end of the Arrow stream only its text would be left
            raise

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self._ahead is not None:
            yield self._looked_at(self._ahead)
        for batch in self._opened:
            yield self._looked_at(batch)
        for part in self._later:
            self._is_new = part.is_new
            for batch in part.rows():
                yield self._looked_at(batch)

    def _looked_at(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self._watch.check()
        if self._is_new:
            self.count += batch.num_rows
            self._size += batch.nbytes
            self._check_size()
            _check_dates(batch)
        return batch

    def _check_size(self) -> None:
        if self._size > self._most_mb << 20:
            message = (
                f"The SQL gives more than {self._most_mb:,} MB of rows: filter or aggregate, "
                "or let the workers write more (VAI_OUTPUT_MB)"
            )
            raise refused(message, rows=self.count, most_mb=self._most_mb)


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches with a good size for the writer."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield _joined(held)
            held, rows, size = [], 0, 0
    if held:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _check_dates(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if any(_is_beyond(dates) for dates in _dates(column)):
            message = (
                f"Column {name!r} has a DATE that a Delta table cannot hold (infinity, or beyond the year 262142): "
                f'replace it, for example by CASE WHEN isfinite("{name}") THEN "{name}" END'
            )
            raise refused(message, column=name)


def _dates(column: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_date32(column.type):
        yield column
    elif pa.types.is_struct(column.type):
        for inner in column.flatten():
            yield from _dates(inner)
    elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        yield from _dates(column.flatten())
    elif pa.types.is_map(column.type):
        yield from _dates(column.keys)
        yield from _dates(column.items)


def _is_beyond(dates: pa.Array) -> bool:
    ends = pc.min_max(dates.cast(pa.int32()))
    first: int | None = ends["min"].as_py()
    last: int = ends["max"].as_py() or 0
    return first is not None and (first < _EARLIEST or last > _LATEST)

"""Writes pages as parquet files: buffered, typed, in the lake under their slice's name (rule 14)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vai_common.clock import unix_milliseconds
from vai_extract_worker.values.columns import with_platform_columns
from vai_extract_worker.values.common_columns import described, fitted, joined, one_spelling, stored
from vai_records.lake.manifest import ADDED, Columns, merge_columns
from vai_worker.lake.storage import Storage

PART_BYTES = 64 * 1024 * 1024
"""How many bytes of Arrow data are buffered before a file is written."""

_ROW_GROUP = 122_880

_LOOKED_AT = 8_192
"""Rows of a file by which it is decided whether the values of a column repeat."""


@dataclass(frozen=True)
class Place:
    """Where the files of a slice go, and the columns that every row gets."""

    prefix: str
    epoch: int
    connection_id: str | None

    def path(self, slice_name: str, part: int) -> str:
        return f"{self.prefix}/slice={slice_name}/e{self.epoch}-{part}.parquet"


class SliceWriter:
    """The files of one slice. `before_write` is called before each file; it waits until this run may write.

    `known` are the columns that the table already has. New files use their spelling, and types that can be read
    together with theirs without changing a value.
    """

    def __init__(
        self,
        storage: Storage,
        place: Place,
        slice_name: str,
        before_write: Callable[[], None],
        known: Columns | None = None,
    ) -> None:
        self._storage = storage
        self._place = place
        self._slice = slice_name
        self._before_write = before_write
        self._known = known or []
        self._spelled = {column["name"].lower(): column["name"] for column in self._known}
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self.rows = 0
        self.files: list[dict[str, Any]] = []
        self.columns: Columns = []

    def add(self, table: pa.Table) -> None:
        """Take a page, and write a file when the buffer is full. A page without rows only gives its columns."""
        table = one_spelling(table, self._spelled)
        self._spelled = {name.lower(): name for name in table.column_names} | self._spelled
        if not len(table):
            self._learn(described(table))
            return
        self._tables.append(table)
        self._bytes += table.nbytes
        self.rows += len(table)
        if self._bytes >= PART_BYTES:
            self._write()

    def finish(self) -> list[dict[str, Any]]:
        """Write the rest. Return [{path, slice, rows, bytes}]."""
        if self._tables:
            self._write()
        self._learn(ADDED)
        return self.files

    def _write(self) -> None:
        table = joined(self._tables)
        table = with_platform_columns(table, self._place.connection_id, unix_milliseconds() * 1000)
        table = fitted(table, self._known)
        found = described(table)
        table = stored(table, self._known)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP, use_dictionary=_repeating(table))
        data = sink.getvalue()
        path = self._place.path(self._slice, len(self.files))
        self._before_write()
        self._storage.put(path, data)
        self.files.append({"path": path, "slice": self._slice, "rows": len(table), "bytes": data.size})
        self._learn(found)
        self._tables, self._bytes = [], 0

    def _learn(self, found: Columns) -> None:
        self.columns = merge_columns(self.columns, found)
        self._known = merge_columns(self._known, found)


def _repeating(table: pa.Table) -> list[str]:
    """The columns that are written with a dictionary: those whose values repeat.

    For the others a dictionary only costs time: half of the time of writing, where most values are different.
    """
    head = table.slice(0, _LOOKED_AT)
    return [name for name, column in zip(head.column_names, head.columns, strict=True) if _repeats(column)]


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a value comes four times or more, on average. False for types that Arrow does not compare."""
    try:
        return bool(pc.count_distinct(column).as_py() * 4 <= len(column))
    except pa.ArrowNotImplementedError:
        return False

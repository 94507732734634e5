"""Reads parquet files row group by row group. Numbers and times stay exactly as they were written."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vai_extract_worker.files.folders import Found, Shelf
from vai_extract_worker.files.rejects import Json, Read
from vai_extract_worker.values.columns import Column, as_texts, plain, texts, values_of, with_declared
from vai_extract_worker.values.jsontext import worded
from vai_records.definitions.sources.file_resources import FileResource

_BATCH_ROWS: Final = 65_536
_YEARS: Final = (-(2**63) // 1000 + 1, (2**63 - 1) // 1000)
"""The range of times, in microseconds since 1970, that 64-bit nanoseconds can hold."""


def read_parquet(shelf: Shelf, file: Found, resource: FileResource, at: Json | None) -> Iterator[Read]:
    """Row group by row group. `at` is {groups: how many were read}."""
    with shelf.open(file) as stream:
        whole = pq.ParquetFile(stream, pre_buffer=False)
        reading = _Reading(whole, stream)
        yield Read(with_declared(plain(reading.kept(whole.read_row_groups([]))), resource.columns))
        for group in range(at["groups"] if at else 0, whole.num_row_groups):
            for table in reading.tables(group):
                yield Read(with_declared(plain(table), resource.columns))
            yield Read(pa.table({}), {"groups": group + 1})


class _Reading:
    """The columns that Arrow does not read exactly: INT96 (times of Spark and Impala) and intervals.

    INT96 can hold any year. Arrow reads it as 64-bit nanoseconds, which overflow outside of the years 1677 to 2262. So
    such columns are read a second time, as microseconds.
    """

    def __init__(self, whole: pq.ParquetFile, stream: Any) -> None:
        self._whole = whole
        leaves = [whole.schema.column(index) for index in range(len(whole.schema))]
        self._times = sorted({leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"})
        self._spans = {index for index, leaf in enumerate(leaves) if leaf.converted_type == "INTERVAL"}
        self._coarse = (
            pq.ParquetFile(stream, pre_buffer=False, coerce_int96_timestamp_unit="us") if self._times else None
        )

    def tables(self, group: int) -> Iterator[pa.Table]:
        batches = self._whole.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group])
        if self._coarse is None:
            for batch in batches:
                yield self.kept(pa.Table.from_batches([batch]))
            return
        again = self._coarse.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=self._times)
        for batch, coarse in zip(batches, again, strict=True):
            table, times = pa.Table.from_batches([batch]), pa.Table.from_batches([coarse])
            for name in times.column_names:
                index = table.column_names.index(name)
                table = table.set_column(index, name, _time(table.column(index), times[name]))
            yield self.kept(table)

    def kept(self, table: pa.Table) -> pa.Table:
        """The table with its intervals as text, also within nested values."""
        first = 0
        for index, column in enumerate(table.columns if self._spans else ()):
            leaves = range(first, first := first + _leaves_in(column.type))
            if self._spans.isdisjoint(leaves):
                continue
            values = [_spelled(value, column.type, leaves.start, self._spans) for value in values_of(column)]
            table = table.set_column(index, table.column_names[index], texts(map(worded, values)))
        return table


def _leaves_in(kind: pa.DataType) -> int:
    """How many parquet columns a type has."""
    if pa.types.is_struct(kind):
        return sum(_leaves_in(kind.field(index).type) for index in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _leaves_in(kind.key_type) + _leaves_in(kind.item_type)
    return _leaves_in(kind.value_type) if hasattr(kind, "value_field") else 1


def _spelled(value: Any, kind: pa.DataType, first: int, spans: set[int]) -> Any:
    """A value with its intervals as text; `first` is the number of its first column of parquet."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        told = {}
        for field in (kind.field(index) for index in range(kind.num_fields)):
            told[field.name] = _spelled(value[field.name], field.type, first, spans)
            first += _leaves_in(field.type)
        return told
    if pa.types.is_map(kind):
        other = first + _leaves_in(kind.key_type)
        return [
            (_spelled(key, kind.key_type, first, spans), _spelled(item, kind.item_type, other, spans))
            for key, item in value
        ]
    if hasattr(kind, "value_field"):
        return [_spelled(item, kind.value_type, first, spans) for item in value]
    return _span(value) if first in spans and isinstance(value, bytes) else value


def _time(fine: Column, coarse: Column) -> Column:
    """The nanoseconds, or the microseconds if the nanoseconds have overflowed. If a column needs both, it is text."""
    if fine.cast(coarse.type, safe=False).equals(coarse):
        return fine
    if not pa.types.is_timestamp(coarse.type):
        return coarse
    micros = coarse.cast(pa.int64())
    is_near = pc.and_(pc.greater_equal(micros, _YEARS[0]), pc.less_equal(micros, _YEARS[1]))
    if pc.if_else(is_near, fine.cast(coarse.type, safe=False).cast(fine.type, safe=False), fine).equals(fine):
        return coarse
    return pc.if_else(is_near, as_texts(fine), as_texts(coarse))


def _span(value: bytes) -> str:
    """Months, days and milliseconds as DuckDB casts them to INTERVAL."""
    months, days, milliseconds = (int.from_bytes(value[at : at + 4], "little") for at in (0, 4, 8))
    return f"{months} months {days} days {Decimal(milliseconds).scaleb(-3):f} seconds"

"""Rows of a source as Arrow columns, without losing a value: what does not fit one type becomes text.

Nested values become JSON text; a column that holds only nulls has no type yet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from extract_worker.declared import declared, unfit_error
from extract_worker.declared import instant as instant
from extract_worker.jsontext import as_text, encodable
from records.bronze_types import WIDEST_DECIMAL

Column: TypeAlias = "pa.Array | pa.ChunkedArray"

_CONVERSION_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeError)

_DUCKDB_NAMES = {
    pa.null(): "NULL",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.timestamp("ns"): "TIMESTAMP_NS",
}


def type_name(kind: pa.DataType) -> str:
    """DuckDB's name of a type, as `datasets.columns` has it."""
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return "TIMESTAMP WITH TIME ZONE"
    if pa.types.is_timestamp(kind) and kind.unit != "ns":
        return "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB_NAMES.get(kind, "TIME" if pa.types.is_time(kind) else "VARCHAR")


def table_of(
    rows: Sequence[Any], types: Mapping[str, str] | None = None, unfit: dict[int, str] | None = None
) -> pa.Table:
    """One page of rows as a table; rows that are no objects get one column, `value`.

    Raises `Permanent` (DATA_ERROR) where a declared column holds what its type cannot; or puts it into `unfit`, where
    one is given: {index of the row: the column}.
    """
    objects = [row if isinstance(row, dict) else {"value": row} for row in rows]
    columns = {encodable(name): array_of(values) for name, values in _values(objects)}
    for name, kind in (types or {}).items():
        columns[name], wrong = declared(kind, [row.get(name) for row in objects])
        _tell(name, kind, wrong, unfit)
    if not columns:
        return pa.table({"value": pa.nulls(len(objects))} if objects else {})
    return pa.table(columns)


def with_declared(table: pa.Table, types: Mapping[str, str], unfit: dict[int, str] | None = None) -> pa.Table:
    """The table with its declared columns converted; the rest as in `table_of`."""
    for name in types.keys() & set(table.column_names):
        column, wrong = declared(types[name], table[name].to_pylist())
        _tell(name, types[name], wrong, unfit)
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _tell(name: str, kind: str, wrong: Sequence[int], unfit: dict[int, str] | None) -> None:
    if wrong and unfit is None:
        raise unfit_error(name, kind, "a row", {})
    for index in wrong:
        cast(dict[int, str], unfit).setdefault(index, name)


def _values(rows: list[dict[str, Any]]) -> Iterable[tuple[str, list[Any]]]:
    if not rows:
        return
    keys = rows[0].keys()
    if all(row.keys() == keys for row in rows):
        for name in keys:
            yield name, [row[name] for row in rows]
        return
    for name in dict.fromkeys(name for row in rows for name in row):
        yield name, [row.get(name) for row in rows]


def array_of(values: list[Any]) -> pa.Array:
    """One column with the narrowest type that holds every value as it is."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, dict | list):
        return texts(values)
    try:
        array = pa.array(values)
    except _CONVERSION_ERRORS:
        return texts(values)
    if pa.types.is_nested(array.type):
        return texts(values)
    return _plain(array)


def texts(values: Iterable[Any]) -> pa.Array:
    """Everything as text; what is no text as JSON."""
    return pa.array([as_text(value) for value in values], pa.string())


def plain(table: pa.Table) -> pa.Table:
    """A table of any origin in the few types that bronze has; a name that comes twice gets a number."""
    taken: set[str] = set()
    names = [free_name(name or "column", taken) for name in table.column_names]
    return pa.table([_plain(column) for column in table.columns], names)


def _plain(column: Column) -> Column:
    kind = column.type
    if (simple := _SIMPLE.get(kind.id)) and not (kind.id == pa.timestamp("s").id and kind.tz):
        return column if kind == simple else _cast(column, simple)
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(column)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(column) if pa.types.is_run_end_encoded(kind) else column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        return _cast(column, pa.timestamp("us", tz="UTC"))
    if pa.types.is_decimal(kind):
        small = kind.precision <= WIDEST_DECIMAL and 0 <= kind.scale <= kind.precision
        return column.cast(pa.decimal128(kind.precision, kind.scale) if small else pa.string())
    if pa.types.is_duration(kind):
        return texts(_seconds(column, kind.unit))
    return texts(column.to_pylist())


def _cast(column: Column, target: pa.DataType) -> Column:
    """As the type where it holds every value, else as text."""
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        naive = column.cast(pa.timestamp(column.type.unit)) if pa.types.is_timestamp(column.type) else column
        zone = "+00" if pa.types.is_timestamp(column.type) and column.type.tz else ""
        return pc.binary_join_element_wise(naive.cast(pa.string()), zone, "")


def _extension(column: Column) -> Column:
    if column.type.extension_name == "arrow.uuid":
        return texts(None if value is None else str(value) for value in column.to_pylist())
    return _plain(column.cast(column.type.storage_type))


def _seconds(column: Column, unit: str) -> Iterator[str | None]:
    """A duration as DuckDB and Postgres read an interval: `90.5 seconds`."""
    places = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
    for value in column.cast(pa.int64()).to_pylist():
        yield None if value is None else f"{Decimal(value).scaleb(-places):f} seconds"


_SIMPLE: dict[int, pa.DataType] = {
    kind.id: target
    for target, kinds in (
        (pa.null(), [pa.null()]),
        (pa.bool_(), [pa.bool_()]),
        (pa.int64(), [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()]),
        (pa.uint64(), [pa.uint64()]),
        (pa.float64(), [pa.float16(), pa.float32(), pa.float64()]),
        (pa.string(), [pa.string(), pa.large_string(), pa.string_view()]),
        (pa.binary(), [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(1)]),
        (pa.date32(), [pa.date32(), pa.date64()]),
        (pa.time64("us"), [pa.time32("s"), pa.time64("us")]),
        (pa.timestamp("us"), [pa.timestamp("s")]),
    )
    for kind in kinds
}


def with_platform_columns(table: pa.Table, connection_id: str | None, extracted_at: int) -> pa.Table:
    """Add `_connection_id` (decision 33) and `_extracted_at` (microseconds since 1970, UTC); no name comes twice."""
    taken = {"_connection_id", "_extracted_at"}
    names = [free_name(name or "column", taken) for name in table.column_names]
    moment = pa.scalar(extracted_at, pa.timestamp("us", tz="UTC"))
    own = pa.scalar(connection_id, pa.string())
    table = table.rename_columns(names)
    table = table.append_column("_connection_id", pa.repeat(own, len(table)))
    return table.append_column("_extracted_at", pa.repeat(moment, len(table)))


def free_name(name: str, taken: set[str]) -> str:
    """A name that is not taken yet: DuckDB's names know no case, so `ID` beside `id` needs another one."""
    clean = name.replace("\0", "")
    free, number = clean, 2
    while free.lower() in taken:
        free, number = f"{clean}_{number}", number + 1
    taken.add(free.lower())
    return free

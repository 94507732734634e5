"""Turns rows of a source into Arrow columns without losing a value: a column whose values do not fit one type becomes
text.

Nested values become JSON text. A column with only nulls has no type yet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from vai_extract_worker.values.declared import declared, unfit_error
from vai_extract_worker.values.declared import instant as instant
from vai_extract_worker.values.jsontext import as_text, encodable, worded
from vai_records.lake.bronze_types import WIDEST_DECIMAL

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
    """DuckDB's name of a type, as stored in `datasets.columns`."""
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
    """One page of rows as a table. Rows that are no objects get one column, `value`.

    Raises `Permanent` (DATA_ERROR) if a value does not fit its declared type. If `unfit` is given, such rows go there
    instead: {index of the row: the column}.
    """
    objects = [row if isinstance(row, dict) else {"value": row} for row in rows]
    columns = {encodable(name): array_of(values) for name, values in _values(objects)}
    for name, spelled, kind in _spellings(types or {}, columns):
        columns[spelled], wrong = declared(kind, [row.get(spelled) for row in objects])
        _tell(name, kind, wrong, unfit)
    if not columns:
        return pa.table({"value": pa.nulls(len(objects))} if objects else {})
    return pa.table(columns)


def with_declared(table: pa.Table, types: Mapping[str, str], unfit: dict[int, str] | None = None) -> pa.Table:
    """The table with its declared columns converted. The rest is as in `table_of`."""
    for name, spelled, kind in _spellings(types, table.column_names):
        if spelled in table.column_names:
            column, wrong = declared(kind, values_of(table[spelled]))
            _tell(name, kind, wrong, unfit)
            table = table.set_column(table.column_names.index(spelled), spelled, column)
    return table


def _spellings(types: Mapping[str, str], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """(declared name, the source's spelling of it, type). Upper and lower case do not matter."""
    found: dict[str, list[str]] = {}
    for name in names if types else ():
        found.setdefault(name.lower(), []).append(name)
    return [(name, spelled, kind) for name, kind in types.items() for spelled in found.get(name.lower(), [name])]


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
    """One column with the narrowest type that holds every value unchanged."""
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
    """Everything as text, nested values as JSON."""
    return pa.array([as_text(value) for value in values], pa.string())


def as_texts(column: Column) -> Column:
    """A column as text. Each value is written as DuckDB casts it, since readers see it beside values that DuckDB has
    cast.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    return (
        _moments(column) if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) else texts(values_of(column))
    )


def _moments(column: Column) -> Column:
    """Dates and times as text, also those that Python cannot represent (the year 20000, nanoseconds)."""
    zone = "+00" if pa.types.is_timestamp(column.type) and column.type.tz else ""
    naive = column.cast(pa.timestamp(column.type.unit)) if zone else column
    found = pc.replace_substring_regex(naive.cast(pa.string()), r"\.0+$|(\.\d*[1-9])0+$", r"\1")
    if pc.any(pc.match_substring_regex(found, "^[-<]")).as_py():
        whole = naive.cast(pa.int32() if naive.type == pa.date32() else pa.int64()).to_pylist()
        per_day = _PER_DAY[1 if naive.type == pa.date32() else naive.type.unit]
        told = zip(found.to_pylist(), whole, strict=True)
        found = pa.array([_far(value, per_day) if text and text[0] in "-<" else text for text, value in told])
    return pc.binary_join_element_wise(found, zone, "") if zone else found


_PER_DAY = {1: 1} | {unit: 86_400 * 1000**power for power, unit in enumerate(("s", "ms", "us", "ns"))}


def _far(value: int, per_day: int) -> str:
    """A day or an instant in a year before 1 or after 32767, which Arrow writes differently from DuckDB."""
    days, rest = divmod(value, per_day)
    eras, day = divmod(days, _ERA_DAYS)
    near = date(1970, 1, 1) + timedelta(days=day)  # the same day 400 * eras years nearer
    year = near.year + 400 * eras
    shown = f"{year:04d}-{near:%m-%d}" if year > 0 else f"{1 - year:04d}-{near:%m-%d} (BC)"
    if per_day == 1:
        return shown
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=rest * 86_400_000_000 // per_day)
    return f"{shown} {as_text(clock.time())}"


_ERA_DAYS = 146_097
"""The days of 400 years, after which the calendar repeats."""


def values_of(column: Column) -> list[Any]:
    """The values as Python values. A date or time that Python cannot represent is a text."""
    try:
        return cast(list[Any], column.to_pylist())
    except (ValueError, OverflowError):
        return [_value_of(scalar) for scalar in column]


def _value_of(scalar: pa.Scalar, nested: bool = False) -> Any:
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.MapScalar):
        return [
            (_value_of(entry["key"], nested=True), _value_of(entry["value"], nested=True)) for entry in scalar.values
        ]
    if isinstance(scalar, pa.StructScalar):
        return {name: _value_of(inner, nested=True) for name, inner in scalar.items()}
    if isinstance(scalar, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
        return [_value_of(inner, nested=True) for inner in scalar.values]
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        if pa.types.is_duration(scalar.type):
            return next(_seconds(pa.array([scalar.value], pa.int64()), scalar.type.unit))
        text = _moments(pa.array([scalar], scalar.type))[0].as_py()
        return text.replace(" ", "T").replace("+00", "+00:00") if nested else text  # as JSON has the others


def plain(table: pa.Table) -> pa.Table:
    """Any table in the few types that bronze has. If a name comes twice, one gets a number."""
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
        return column.cast(pa.decimal128(kind.precision, kind.scale)) if small else as_texts(column)
    if pa.types.is_time(kind):
        return as_texts(column)  # Delta tables have no TIME
    if pa.types.is_duration(kind):
        return texts(_seconds(column, kind.unit))
    values = values_of(column)
    return texts(map(worded, values) if "float" in str(kind) or "double" in str(kind) else values)


def _cast(column: Column, target: pa.DataType) -> Column:
    """The column in the given type if that holds every value, else as text."""
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        return as_texts(column)


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
    """A name that is not taken yet. DuckDB ignores case in names, so `ID` beside `id` needs another one."""
    clean = name.replace("\0", "")
    free, number = clean, 2
    while free.lower() in taken:
        free, number = f"{clean}_{number}", number + 1
    taken.add(free.lower())
    return free

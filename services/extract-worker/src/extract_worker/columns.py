"""Rows of a source as Arrow columns, without losing a value: what does not fit one type becomes text.

Nested values become JSON text; a column that holds only nulls has no type yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from common.errors import ErrorCode, Permanent
from extract_worker.jsontext import compact

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


def table_of(rows: Sequence[Any], declared: Mapping[str, str] | None = None) -> pa.Table:
    """One page of rows as a table; rows that are no objects get one column, `value`.

    Raises `Permanent` (DATA_ERROR) where a declared column holds what its type cannot.
    """
    objects = [row if isinstance(row, dict) else {"value": row} for row in rows]
    columns = {name: array_of(values) for name, values in _values(objects)}
    for name, kind in (declared or {}).items():
        columns[name] = _declared(name, kind, [row.get(name) for row in objects])
    if not columns:
        return pa.table({"value": pa.nulls(len(objects))} if objects else {})
    return pa.table(columns)


def with_declared(table: pa.Table, declared: Mapping[str, str], original: pa.Table) -> pa.Table:
    """The table with its declared columns converted from the original's values."""
    for name in declared.keys() & set(original.column_names):
        column = _declared(name, declared[name], original[name].to_pylist())
        table = table.set_column(table.column_names.index(name), name, column)
    return table


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
    return texts(values) if pa.types.is_nested(array.type) else array


def texts(values: Iterable[Any]) -> pa.Array:
    """Everything as text; what is no text as JSON."""
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    text = value if isinstance(value, str) else compact(value)
    return text if text.isascii() else _encodable(text)


def _encodable(text: str) -> str:
    """JSON may escape halves of characters, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _declared(name: str, kind: str, values: list[Any]) -> pa.Array:
    convert, target = _DECLARED[kind]
    try:
        return pa.array([None if value is None else convert(value) for value in values], target)
    except (ValueError, TypeError, *_CONVERSION_ERRORS) as error:
        raise Permanent(
            ErrorCode.DATA_ERROR,
            f"The column {name} is declared {kind}, and the source has a value that is none: {error}. "
            "Declare it text, or mend the source.",
            {"column": name, "type": kind},
        ) from error


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is no whole number")
    return int(value)


def _truth(value: Any) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError(f"{str(value)[:100]!r} is neither true nor false")
    return words[word]


def instant(value: Any) -> datetime:
    """ISO 8601 (UTC where it names no zone) or seconds since 1970 as an instant; raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day(value: Any) -> date:
    return date.fromisoformat(str(value)[:10])


_DECLARED: dict[str, tuple[Callable[[Any], Any], pa.DataType]] = {
    "text": (_text, pa.string()),
    "json": (compact, pa.string()),
    "bigint": (_whole, pa.int64()),
    "double": (float, pa.float64()),
    "bool": (_truth, pa.bool_()),
    "date": (_day, pa.date32()),
    "timestamp": (instant, pa.timestamp("us", tz="UTC")),
}


def plain(table: pa.Table) -> pa.Table:
    """A table of any origin in the few types that bronze has."""
    return pa.table({name: _plain(table[name]) for name in table.column_names})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_nested(kind):
        return pa.chunked_array([texts(column.to_pylist())])
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.binary())
    return column.cast(pa.date32()) if pa.types.is_date64(kind) else column


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

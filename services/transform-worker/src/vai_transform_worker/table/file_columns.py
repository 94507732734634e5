"""Settings for the columns of Delta files: statistics and dictionaries."""

from typing import Any, Literal

import pyarrow as pa
from deltalake import ColumnProperties, WriterProperties

_COMPRESSION: Literal["SNAPPY"] = "SNAPPY"  # deltalake's own default; if other settings are given, it uses none
_MANY_COLUMNS = 200

_NONE, _SOME = ColumnProperties(statistics_enabled="NONE"), ColumnProperties(statistics_enabled="CHUNK")


def properties(schema: pa.Schema, has_few_rows: bool = False) -> WriterProperties:
    """Write no least and greatest value for floating-point columns: they ignore NaN, so a filter would lose rows with
    NaN.

    An inner column cannot be named, so all nested columns have no statistics. Tables with many columns and few rows get
    no dictionaries: the writer would make one for each column, and their memory would cost more than the rest of the
    work.
    """
    fields = {field.name: field.type for field in schema}
    with_dictionaries = False if has_few_rows and len(fields) > _MANY_COLUMNS else None
    if any(_is_nested(kind) and _has_floats(kind) for kind in fields.values()):
        default = ColumnProperties(statistics_enabled="NONE", dictionary_enabled=with_dictionaries)
        own = {name: _SOME for name, kind in fields.items() if not _is_nested(kind) and not _has_floats(kind)}
    else:
        default = ColumnProperties(dictionary_enabled=with_dictionaries)
        own = {name: _NONE for name, kind in fields.items() if _has_floats(kind)}
    return WriterProperties(compression=_COMPRESSION, default_column_properties=default, column_properties=own or None)


def has_naive_times(kind: Any) -> bool:
    """Whether a type is, or contains, a TIMESTAMP without a zone."""
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return any(has_naive_times(kind.field(position).type) for position in range(kind.num_fields))


def _is_nested(kind: Any) -> bool:
    return bool(kind.num_fields)


def _has_floats(kind: Any) -> bool:
    if pa.types.is_floating(kind):
        return True
    return any(_has_floats(kind.field(position).type) for position in range(kind.num_fields))

"""What Delta files say of their columns."""

from typing import Any, Literal

import pyarrow as pa
from deltalake import ColumnProperties, WriterProperties

_COMPRESSION: Literal["SNAPPY"] = "SNAPPY"  # what deltalake takes where nothing is said; else it takes none
_MANY_COLUMNS = 200

_NONE, _SOME = ColumnProperties(statistics_enabled="NONE"), ColumnProperties(statistics_enabled="CHUNK")


def properties(schema: pa.Schema, has_few_rows: bool = False) -> WriterProperties:
    """No least and greatest value of floating numbers: they leave NaN out, and a filter would lose its rows.

    A column inside another cannot be named, so there all nested ones go without. Many columns of few rows have no
    dictionaries: the writer makes one for each column, whose memory costs more than all else that it does.
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
    """Whether a type is, or holds, a TIMESTAMP without a zone."""
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return any(has_naive_times(kind.field(position).type) for position in range(kind.num_fields))


def _is_nested(kind: Any) -> bool:
    return bool(kind.num_fields)


def _has_floats(kind: Any) -> bool:
    if pa.types.is_floating(kind):
        return True
    return any(_has_floats(kind.field(position).type) for position in range(kind.num_fields))

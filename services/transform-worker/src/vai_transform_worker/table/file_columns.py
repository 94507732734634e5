"""What Delta files say of their columns."""

from typing import Any

import pyarrow as pa
from deltalake import ColumnProperties, WriterProperties

_NONE, _SOME = ColumnProperties(statistics_enabled="NONE"), ColumnProperties(statistics_enabled="CHUNK")


def properties(schema: pa.Schema) -> WriterProperties | None:
    """No least and greatest value of floating numbers: they leave NaN out, and a filter would lose its rows.

    A column inside another cannot be named, so there all nested ones go without.
    """
    fields = {field.name: field.type for field in schema}
    if any(_is_nested(kind) and _has_floats(kind) for kind in fields.values()):
        kept = {name: _SOME for name, kind in fields.items() if not _is_nested(kind) and not _has_floats(kind)}
        return WriterProperties(default_column_properties=_NONE, column_properties=kept or None)
    without = {name: _NONE for name, kind in fields.items() if _has_floats(kind)}
    return WriterProperties(column_properties=without) if without else None


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

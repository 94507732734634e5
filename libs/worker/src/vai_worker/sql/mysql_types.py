"""The catalogue of MySQL and MariaDB: which tables exist, and which type each column gets in bronze."""

from collections.abc import Callable
from typing import Final

from vai_records.lake.bronze_types import WIDEST_DECIMAL
from vai_worker.sql.relations import Column, Form

RELATIONS: Final = """
SELECT table_schema, table_name, table_type LIKE '%VIEW%', data_length, table_rows
FROM information_schema.tables WHERE table_schema = coalesce({schema}, database()) ORDER BY table_name
"""

COLUMNS: Final = """
SELECT column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale
FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {table} ORDER BY ordinal_position
"""

KEYS: Final = """
SELECT index_name, column_name, nullable, sub_part
FROM information_schema.statistics
WHERE table_schema = {schema} AND table_name = {table} AND non_unique = 0 AND index_type = 'BTREE'
ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
"""

_WHOLE: Final = frozenset(("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"))
_BINARY: Final = frozenset(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"))
_SHAPES: Final = frozenset(
    (
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    )
)
_SORTED_TEXTS: Final = frozenset(("char", "varchar", "uuid"))
_MOMENTS: Final = {"date": Form.DATE, "datetime": Form.LOCAL, "timestamp": Form.INSTANT}


def column_of(row: tuple[str | None, ...], quoted: Callable[[str], str]) -> Column:
    """A column, made from a row of `COLUMNS`."""
    name, kind, declared = (str(value) for value in row[:3])
    nullable, read = row[3] == "YES", quoted(name)
    if kind in _WHOLE:
        is_large = kind == "bigint" and "unsigned" in declared
        return Column(name, kind, Form.UNSIGNED if is_large else Form.WHOLE, read, nullable)
    if kind == "bit":
        is_large = "(64)" in declared
        return Column(name, kind, Form.UNSIGNED if is_large else Form.WHOLE, f"({read} + 0)", nullable, sorts=False)
    if kind == "decimal":
        precision, scale = int(row[4] or 0), int(row[5] or 0)
        form = Form.DECIMAL if precision <= WIDEST_DECIMAL else Form.NUMBER
        return Column(name, kind, form, read, nullable, precision, scale)
    if kind == "float":  # the server's own text has only six digits, whatever the value is
        return Column(name, kind, Form.SINGLE, f"({read} + 0e0)", nullable, sorts=False)
    if kind == "double":
        return Column(name, kind, Form.DOUBLE, read, nullable, sorts=False)
    if kind in _MOMENTS:
        return Column(name, kind, _MOMENTS[kind], read, nullable)
    if kind in _BINARY or kind in _SHAPES:
        return Column(name, kind, Form.BINARY, read, nullable, sorts=kind in ("binary", "varbinary"))
    return Column(name, kind, Form.TEXT, read, nullable, sorts=kind in _SORTED_TEXTS)

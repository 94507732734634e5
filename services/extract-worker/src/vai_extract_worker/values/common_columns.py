"""Unites pages, parts and runs of one table: one spelling for each column, and types that change no value.

Parts that are stored keep their types. A later part is written so that a reader of both gets every value unchanged
(`vai_records.lake.bronze_types`).
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from vai_extract_worker.values.columns import array_of, as_texts, type_name
from vai_records.lake.bronze_types import BIGINT, BLOB, DOUBLE, EXACT_DIGITS, NULL, TEXT, met
from vai_records.lake.manifest import WIDE, Column, Columns

EXACT_IN_DOUBLE = 2**53
"""The largest whole number up to which a double represents every one exactly."""

Part: TypeAlias = "pa.Array | pa.ChunkedArray"


def described(table: pa.Table) -> Columns:
    """A table's columns as the catalogue has them."""
    return [_described(field.name, table.column(index)) for index, field in enumerate(table.schema)]


def _described(name: str, part: Part) -> Column:
    wide = {WIDE: "true"} if has_wide_integers(part) else {}
    return {"name": name, "type": type_name(part.type)} | wide


def has_wide_integers(part: Part) -> bool:
    """Whether the column has values that a double cannot hold exactly."""
    if part.type != pa.int64() or not len(part):
        return False
    bounds = pc.min_max(part).as_py()
    return any(bound is not None and abs(bound) > EXACT_IN_DOUBLE for bound in bounds.values())


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Concatenate tables of one source. Columns with different types get a type that holds all values."""
    if len({table.schema for table in tables}) == 1:
        return pa.concat_tables(tables)
    names = dict.fromkeys(name for table in tables for name in table.column_names)
    return pa.table({name: _joined(name, tables) for name in names})


def _joined(name: str, tables: Sequence[pa.Table]) -> pa.ChunkedArray:
    parts = [table[name] if name in table.column_names else pa.nulls(len(table)) for table in tables]
    kinds = {type_name(part.type): part.type for part in parts}
    wide = len(kinds) > 1 and any(has_wide_integers(part) for part in parts)
    met_in = reduce(lambda one, other: met(one, other, wide), kinds, NULL)
    target = kinds[met_in] if met_in in kinds else _arrow(met_in)
    chunks = [chunk for part in parts for chunk in _chunks(_cast(part, target))]
    return pa.chunked_array(chunks, target)


def _arrow(kind: str) -> pa.DataType:
    if not kind.startswith("DECIMAL"):
        return pa.float64() if kind == "DOUBLE" else pa.string()
    precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return pa.decimal128(int(precision), int(scale))


def fitted(table: pa.Table, known: Columns) -> pa.Table:
    """The table with decimals as doubles if the stored table has doubles and no digit is lost."""
    doubles = {column["name"].lower() for column in known if column["type"] == DOUBLE}
    for index, name in enumerate(table.column_names):
        column = table.column(index)
        if name.lower() in doubles and pa.types.is_decimal(column.type) and _fits_double(column):
            table = table.set_column(index, name, column.cast(pa.float64()))
    return table


def _fits_double(column: Part) -> bool:
    most = pc.max(pc.abs(column)).as_py()
    return most is None or most < Decimal(10) ** (EXACT_DIGITS - column.type.scale)


def stored(table: pa.Table, known: Columns) -> pa.Table:
    """The table in the form in which it is written beside files with the known columns."""
    types = {column["name"].lower(): column for column in known}
    for index, name in enumerate(table.column_names):
        if before := types.get(name.lower()):
            column = _beside(before, table.column(index))
            table = table.set_column(index, name, column)
    return table


def _beside(before: Column, part: Part) -> Part:
    found = type_name(part.type)
    if before["type"] == found or NULL in (before["type"], found):
        return part
    kind = met(before["type"], found, WIDE in before or (found == BIGINT and has_wide_integers(part)))
    if kind == BLOB:
        return _cast(part, pa.string()).cast(pa.binary())
    return _cast(part, pa.string()) if kind == TEXT else part


def _cast(part: Part, target: pa.DataType) -> Part:
    if part.type == target:
        return part
    return as_texts(part) if target == pa.string() else part.cast(target)


def _chunks(part: Part) -> list[pa.Array]:
    return part.chunks if isinstance(part, pa.ChunkedArray) else [part]


def one_spelling(table: pa.Table, first: dict[str, str]) -> pa.Table:
    """Unite columns whose names differ only in case, in the spelling of `first` ({lower case: spelling}).

    If one row has several of them, the column takes the value with the same spelling, or the alphabetically first one;
    the others go to `name_2`, `name_3`. So the result does not depend on where pages end.
    """
    names = table.column_names
    if len({name.lower() for name in names}) == len(names):
        return table.rename_columns([first.get(name.lower(), name) for name in names])
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.lower(), []).append(name)
    columns: dict[str, Part] = {}
    for folded, spellings in groups.items():
        shown = first.get(folded, _earliest(table, spellings))
        if len(spellings) == 1:
            columns[shown] = table[spellings[0]]
        else:
            columns |= _parted(table, shown, spellings)
    return pa.table(columns)


def _earliest(table: pa.Table, spellings: list[str]) -> str:
    """The spelling of the first row that has the name. Within one row, the alphabetically first."""

    def begins(name: str) -> tuple[int, str]:
        return pc.index(table[name].is_valid(), True).as_py() % (len(table) + 1), name

    return min(spellings, key=begins)


def _parted(table: pa.Table, shown: str, spellings: list[str]) -> dict[str, Part]:
    order = sorted(spellings, key=lambda name: (name != shown, name))
    rows = zip(*(table[name].to_pylist() for name in order), strict=True)
    filled = [[value for value in row if value is not None] for row in rows]
    width = max(map(len, filled), default=1)
    places = [[row[place] if place < len(row) else None for row in filled] for place in range(max(width, 1))]
    return {f"{shown}_{place + 1}" if place else shown: array_of(values) for place, values in enumerate(places)}

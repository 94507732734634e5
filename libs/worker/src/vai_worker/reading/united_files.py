"""Reads parquet files as one table, in which each value is the same as in its file.

DuckDB unites them by name and finds a type for both where a column has two. BIGINT beside DOUBLE is DOUBLE, which
changes large numbers, and true beside 7 is 1. Where a value would change, the column is read as text, as an extraction
writes it today (`vai_records.lake.bronze_types`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb

from vai_worker.reading.quoting import quoted, texts

_OPTIONS = "union_by_name = true, hive_partitioning = false, can_have_nan = true"
_NESTED = {"list", "struct", "map"}
_FLOATING = {"float", "double"}
_FIT_INTO = {"double": {"tinyint", "smallint", "integer", "float", "double"}, "float": {"tinyint", "smallint", "float"}}
_NUMBERS = _FLOATING | {"tinyint", "smallint", "integer", "bigint", "hugeint", "ubigint", "uinteger", "decimal"}


@dataclass(frozen=True)
class _Alike:
    """Files with the same columns; the types by the names in lower case."""

    files: Sequence[str]
    types: Mapping[str, Any]

    @property
    def relation(self) -> str:
        return read(self.files)


class _Changed(NamedTuple):
    """What a column is read as, and the types that it has in files."""

    wanted: str
    kinds: list[str]


@dataclass(frozen=True)
class United:
    """SQL for FROM. `as_text` are the columns that are read as text, with the types that they have in the files."""

    relation: str
    as_text: dict[str, list[str]]


def read(files: Sequence[str]) -> str:
    """The files as DuckDB unites them."""
    return f"read_parquet({texts(files)}, {_OPTIONS})"


def united(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> United:
    """The files, by their full addresses, as one relation. Looks into them where the types of a column differ."""
    groups = _groups(connection, files) if len(files) > 1 else []
    if len(groups) < 2:
        return United(read(files), {})
    whole = connection.sql(f"FROM {read(files)}")
    changed: dict[str, _Changed] = {}
    for name, kind in zip(whole.columns, whole.types, strict=True):
        if any(_is_changed(connection, group, name.lower(), kind) for group in groups):
            own = [group.types[name.lower()] for group in groups if name.lower() in group.types]
            changed[name] = _Changed(_without_change(kind, own), list(dict.fromkeys(map(str, own))))
    if not changed:
        return United(read(files), {})
    parts = " UNION ALL BY NAME ".join(_as_text(group, changed) for group in groups)
    return United(f"({parts})", {name: each.kinds for name, each in changed.items()})


def _groups(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> list[_Alike]:
    """Groups of files with the same columns. Only the files' footers are read, no rows."""
    column = "concat_ws(' ', lower(name), duckdb_type, type, num_children)"
    found = connection.execute(
        f"""SELECT list(file_name) FROM (
                SELECT file_name, string_agg({column}, ',' ORDER BY column_id) AS columns
                FROM parquet_schema({texts(files)}) GROUP BY file_name)
            GROUP BY columns"""
    ).fetchall()
    return [_alike(connection, sorted(row[0])) for row in found] if len(found) > 1 else []


def _alike(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> _Alike:
    first = connection.sql(f"FROM {read(files[:1])}")
    return _Alike(files, {name.lower(): kind for name, kind in zip(first.columns, first.types, strict=True)})


def _is_changed(connection: duckdb.DuckDBPyConnection, group: _Alike, name: str, wanted: Any) -> bool:
    """Whether a value of the column is another one in the wanted type."""
    own = group.types.get(name)
    if own is None or str(own) == str(wanted):
        return False
    ways = set(_ways(own, wanted))
    if True in ways:
        return True
    if not ways:
        return False
    column = quoted(name)
    there_and_back = f"TRY_CAST(TRY_CAST({column} AS {wanted}) AS {own})"
    query = f"SELECT 1 FROM {group.relation} WHERE {column} IS DISTINCT FROM {there_and_back} LIMIT 1"
    return connection.execute(query).fetchone() is not None


def _ways(own: Any, wanted: Any) -> Iterator[bool]:
    """For each part of a type that may be changed: whether it surely is (True), or the values tell (False)."""
    if own.id in _NESTED and own.id == wanted.id:
        given, there = _children(own), _children(wanted)
        for name, kind in given.items():
            if name in there:
                yield from _ways(kind, there[name])
    elif own.id == "boolean" and wanted.id in _NUMBERS:
        yield True
    elif _is_another_kind(own, wanted):
        yield False  # a column of NULLs is of numbers in its file
    elif wanted.id in _FLOATING and own.id in _NUMBERS - _FIT_INTO[wanted.id]:
        yield False


def _is_another_kind(own: Any, wanted: Any) -> bool:
    """Whether DuckDB chose a type for both that values of the own type do not have, as DATE for BIGINT and DATE."""
    ids = {own.id, wanted.id}
    if len(ids) == 1 or ids & _NESTED or ids <= _NUMBERS or wanted.id == "varchar" or ids == {"varchar", "blob"}:
        return False
    return not (own.id.startswith(("date", "timestamp")) and wanted.id.startswith("timestamp"))


def _children(kind: Any) -> dict[str, Any]:
    return {name.lower(): child for name, child in kind.children}


def _without_change(wanted: Any, own: Sequence[Any]) -> str:
    """The wanted type with text where it would change a value of one of the own types."""
    if wanted.id in _NESTED:
        there = _children(wanted)
        given = [_children(kind) for kind in own if kind.id == wanted.id]
        inner = {name: _without_change(kind, [g[name] for g in given if name in g]) for name, kind in there.items()}
        if wanted.id == "struct":
            names = (name for name, _ in wanted.children)
            return f"STRUCT({', '.join(f'{quoted(name)} {inner[name.lower()]}' for name in names)})"
        return f"MAP({', '.join(inner.values())})" if wanted.id == "map" else f"{next(iter(inner.values()))}[]"
    return "VARCHAR" if any(True for kind in own for _ in _ways(kind, wanted)) else str(wanted)


def _as_text(group: _Alike, changed: Mapping[str, _Changed]) -> str:
    replaced = ", ".join(
        f"CAST({quoted(name)} AS {each.wanted}) AS {quoted(name)}"
        for name, each in changed.items()
        if name.lower() in group.types
    )
    return f"SELECT *{f' REPLACE ({replaced})' if replaced else ''} FROM {group.relation}"


def told(dataset: str, column: str, kinds: Sequence[str]) -> str:
    """The warning for a column that is read as text."""
    return (
        f"Column {column} of {dataset} is {' and '.join(kinds)} in different files, and no number but text holds all "
        f"of these values as they are: they are read as VARCHAR. CAST({quoted(column)} AS …) where you want another "
        "type, or extract the table anew"
    )

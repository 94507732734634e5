"""Which of DuckDB's types a Delta table can store, and what the others become."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import duckdb
from deltalake import DeltaTable

from vai_transform_worker.query.exact import exact
from vai_transform_worker.query.safety import refused
from vai_worker.reading.quoting import quoted

# Wider where Delta has no such type; a value that does not fit fails the query (`exact`), it is never cut.
_STORED_AS = {
    "hugeint": "BIGINT",
    "uhugeint": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "uinteger": "BIGINT",
    "usmallint": "INTEGER",
    "utinyint": "SMALLINT",
    "uuid": "VARCHAR",
    "enum": "VARCHAR",
    "timestamp_s": "TIMESTAMP",
    "timestamp_ms": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP",
}
_AS_THEY_ARE = {
    *("bigint", "integer", "smallint", "tinyint", "double", "float", "decimal", "boolean", "varchar", "blob", "date"),
    *("timestamp", "timestamp with time zone"),
}
_DELTA = {
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
}
_PROBE, _SUSPECT = "TINYINT", "INTEGER"
Bind = Callable[[str], tuple[list[str], list[Any]]]
"""A function from SQL to the names and types of its columns. Nothing is executed."""


def untyped(sql: str, names: Sequence[str], kinds: Sequence[Any], bind: Bind) -> dict[str, str]:
    """The columns that have a NULL without a type, with the type in which they are stored; "NULL" for a bare NULL.

    DuckDB calls such a column INTEGER. To tell them apart, they are united with a TINYINT: a real INTEGER stays
    INTEGER, a NULL becomes TINYINT. Inside of lists, structs and maps a NULL is kept as VARCHAR.
    """
    suspects = {name: kind for name, kind in zip(names, kinds, strict=True) if _has(kind, _SUSPECT)}
    if not suspects:
        return {}
    columns = ", ".join(
        f"CASE WHEN true THEN {quoted(name)} ELSE CAST(NULL AS {_named(kind, _probing)}) END AS {quoted(name)}"
        for name, kind in suspects.items()
    )
    found = zip(suspects.items(), bind(f"SELECT {columns} FROM ({sql}\n) AS probed")[1], strict=True)
    return {
        name: "NULL" if met.id == "tinyint" else _kept(kind, met) for (name, kind), met in found if _differs(kind, met)
    }


def storable_query(
    sql: str,
    names: Sequence[str],
    kinds: Sequence[Any],
    without_type: Collection[str] = (),
    instead: Mapping[str, str] = {},
) -> str:
    """The query with columns that a Delta table can store. The same query if its columns already are.

    The columns `without_type` are left out. `instead` gives other types for columns. Raises DATA_ERROR that names the
    column for a type that cannot be stored, and for two columns with one name.
    """
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise refused(f"Two columns are called {twice[0]!r}: give one of them another name with AS", column=twice[0])
    kept = [(n, k) for n, k in zip(names, kinds, strict=True) if n not in without_type]
    if not kept:
        message = f"All columns ({', '.join(names)}) are NULL without a type: CAST one, for example NULL::VARCHAR"
        raise refused(message, columns=list(names))
    stored = [instead.get(name) or stored_type(name, kind) for name, kind in kept]
    same = all(str(kind) == new for (_, kind), new in zip(kept, stored, strict=True))
    if same and len(kept) == len(names):
        return sql
    wanted = ", ".join(f"{exact(quoted(n), k, t, n)} AS {quoted(n)}" for (n, k), t in zip(kept, stored, strict=True))
    return f"SELECT {wanted} FROM ({sql}\n) AS transformed"


def stored_type(column: str, kind: Any) -> str:
    """The type in a Delta table for a column of this type."""
    name = kind.id
    if name in _STORED_AS:
        return _STORED_AS[name]
    if name in _AS_THEY_ARE:
        return str(kind) if str(kind) != "JSON" else "VARCHAR"
    if name in ("list", "array", "struct", "map"):
        return _named(kind, lambda inner: stored_type(column, inner))
    raise refused(
        f"Column {column!r} is {kind}, which a Delta table cannot hold: CAST it, for example to VARCHAR",
        column=column,
        type=str(kind),
    )


def _named(kind: Any, leaf: Callable[[Any], str]) -> str:
    """The name of a type. `leaf` names its inner types; fields without a name (`row(…)`) are v1, v2, … …"""
    if kind.id in ("list", "array"):
        return f"{_named(kind.children[0][1], leaf)}[]"
    if kind.id == "struct":
        fields = ((name or f"v{position}", inner) for position, (name, inner) in enumerate(kind.children, 1))
        return f"STRUCT({', '.join(f'{quoted(name)} {_named(inner, leaf)}' for name, inner in fields)})"
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        return f"MAP({_named(key, leaf)}, {_named(value, leaf)})"
    return leaf(kind)


def _probing(kind: Any) -> str:
    return _PROBE if str(kind) == _SUSPECT else str(kind)


def _inner(kind: Any) -> list[Any]:
    return [each for _, each in kind.children] if kind.id in ("struct", "map") else [kind.children[0][1]]


def _is_nested(kind: Any) -> bool:
    return kind.id in ("list", "array", "struct", "map")


def _has(kind: Any, name: str) -> bool:
    return any(_has(each, name) for each in _inner(kind)) if _is_nested(kind) else str(kind) == name


def _differs(kind: Any, met: Any) -> bool:
    if _is_nested(kind):
        return any(_differs(one, other) for one, other in zip(_inner(kind), _inner(met), strict=True))
    return bool(kind.id == "integer" and met.id == "tinyint")


def _kept(kind: Any, met: Any) -> str:
    """The type to store if some inner NULLs have no type: they become VARCHAR."""
    if kind.id in ("list", "array"):
        return f"{_kept(kind.children[0][1], met.children[0][1])}[]"
    if kind.id == "struct":
        pairs = zip(kind.children, met.children, strict=True)
        fields = ((name or f"v{at}", _kept(one, other)) for at, ((name, one), (_, other)) in enumerate(pairs, 1))
        return f"STRUCT({', '.join(f'{quoted(name)} {inner}' for name, inner in fields)})"
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        (_, met_key), (_, met_value) = met.children
        return f"MAP({_kept(key, met_key)}, {_kept(value, met_value)})"
    return "VARCHAR" if _differs(kind, met) else stored_type("?", kind)


def described(fields: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The columns of a Delta schema (its JSON fields) as `{name, type}` with DuckDB's type names."""
    return [{"name": each["name"], "type": _duckdb_type(each["type"])} for each in fields]


def _duckdb_type(kind: Any) -> str:
    if isinstance(kind, str):
        return _DELTA.get(kind, kind.upper())
    if kind["type"] == "array":
        return f"{_duckdb_type(kind['elementType'])}[]"
    if kind["type"] == "map":
        return f"MAP({_duckdb_type(kind['keyType'])}, {_duckdb_type(kind['valueType'])})"
    fields = (f"{quoted(each['name'])} {_duckdb_type(each['type'])}" for each in kind["fields"])
    return f"STRUCT({', '.join(fields)})"


def described_types(table: DeltaTable) -> dict[str, Any]:
    """The columns of a Delta table with DuckDB's types, in order."""
    fields = described(json.loads(table.schema().to_json())["fields"])
    kinds = {kind: duckdb.sqltype(kind) for kind in {each["type"] for each in fields}}
    return {each["name"]: kinds[each["type"]] for each in fields}

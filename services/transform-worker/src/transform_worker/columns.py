"""Which of DuckDB's types a Delta table can hold, and what the others become."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from transform_worker.safety import refused

# Wider where Delta has no unsigned type; a value that does not fit fails the query, it is never cut.
_STORED_AS = {
    "hugeint": "BIGINT",
    "uhugeint": "BIGINT",
    "ubigint": "BIGINT",
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


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def storable_query(sql: str, names: Sequence[str], types: Sequence[Any]) -> str:
    """The query whose columns a Delta table can hold; the same where they are already such.

    Raises DATA_ERROR that names the column for a type that has no place there, and for two columns of one name.
    """
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise refused(f"Two columns are called {twice[0]!r}: give one of them another name with AS", column=twice[0])
    stored = [_stored_type(name, kind) for name, kind in zip(names, types, strict=True)]
    if all(str(kind) in (new, "JSON") for kind, new in zip(types, stored, strict=True)):
        return sql
    wanted = ", ".join(f"CAST({quoted(n)} AS {t}) AS {quoted(n)}" for n, t in zip(names, stored, strict=True))
    return f"SELECT {wanted} FROM ({sql}\n) AS transformed"


def _stored_type(column: str, kind: Any) -> str:
    name = kind.id
    if name in _STORED_AS:
        return _STORED_AS[name]
    if name in _AS_THEY_ARE:
        return str(kind)
    if name in ("list", "array"):
        return f"{_stored_type(column, kind.children[0][1])}[]"
    if name == "struct":
        fields = (f"{quoted(field)} {_stored_type(column, inner)}" for field, inner in kind.children)
        return f"STRUCT({', '.join(fields)})"
    if name == "map":
        (_, key), (_, value) = kind.children
        return f"MAP({_stored_type(column, key)}, {_stored_type(column, value)})"
    raise refused(
        f"Column {column!r} is {kind}, which a Delta table cannot hold: CAST it, for example to VARCHAR",
        column=column,
        type=str(kind),
    )


def untyped_nulls(tree: dict[str, Any]) -> list[str]:
    """Columns that are written as bare NULL; DuckDB makes them INTEGER, which is seldom meant."""
    nulls = (each for each in tree["node"].get("select_list", []) if each.get("class") == "CONSTANT")
    return [each["alias"] for each in nulls if each["value"].get("is_null") and each["alias"]]


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

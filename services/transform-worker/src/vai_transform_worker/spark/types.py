"""The types of Spark: how DuckDB's are called there, and which of Spark's values may become which of DuckDB's."""

from typing import Any

from vai_transform_worker.query.safety import refused

_SIMPLE = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INT",
    "bigint": "BIGINT",
    "utinyint": "SMALLINT",
    "usmallint": "INT",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "hugeint": "DECIMAL(38,0)",
    "float": "FLOAT",
    "double": "DOUBLE",
    "varchar": "STRING",
    "enum": "STRING",
    "blob": "BINARY",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "timestamp_s": "TIMESTAMP_NTZ",
    "timestamp_ms": "TIMESTAMP_NTZ",
    "timestamp with time zone": "TIMESTAMP_LTZ",
    "null": "VOID",
    '"null"': "VOID",
}
_WHOLE = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_EXACT = {
    *(("float", "double"), ("date", "timestamp_ntz")),
    *(("timestamp_ntz", "timestamp_ltz"), ("timestamp_ltz", "timestamp_ntz")),  # the session is in UTC
}
_NAMES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "timestamp": "timestamp_ltz"}


def marked(name: str) -> str:
    """A name as Spark takes it: between marks, and never a `$`-substitution."""
    return "`" + name.replace("`", "``") + "`"


def spark_type(column: str, kind: Any) -> str:
    """Spark's name for a type of DuckDB. Raises DATA_ERROR that names the column for one that Spark has not."""
    if kind.id in ("list", "array"):
        return f"ARRAY<{spark_type(column, kind.children[0][1])}>"
    if kind.id == "struct":
        fields = ", ".join(f"{marked(name)}: {spark_type(column, inner)}" for name, inner in kind.children)
        return f"STRUCT<{fields}>"
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        return f"MAP<{spark_type(column, key)}, {spark_type(column, value)}>"
    if kind.id == "decimal":
        (_, precision), (_, scale) = kind.children
        return f"DECIMAL({precision},{scale})"
    found = _SIMPLE.get(kind.id)
    if found is None:
        message = f"Column {column!r} is {kind}, a type that Spark has not: CAST it where it is made, or use duckdb"
        raise refused(message, column=column, type=str(kind))
    return found


def keeps(given: Any, wanted: str) -> bool:
    """Whether each value of Spark's type `given` (of pyspark) is the same value in the type `wanted`, or an error.

    With ANSI rules, a CAST to a narrower whole number, or to a decimal with fewer digits before the point, fails where
    a value does not fit. One that would round or cut is not allowed here.
    """
    there = _NAMES.get(given.simpleString(), given.simpleString())
    return there == "void" or _keeps(there, wanted.lower().replace(", ", ",").replace("`", "").replace(": ", ":"))


def _keeps(there: str, wanted: str) -> bool:
    there, wanted = _NAMES.get(there, there), _NAMES.get(wanted, wanted)
    if there in (wanted, "void"):
        return True
    for outer in ("array", "map", "struct"):
        if there.startswith(f"{outer}<") and wanted.startswith(f"{outer}<"):
            ours, theirs = _inner(there), _inner(wanted)
            return len(ours) == len(theirs) and all(
                _keeps(_typed(one, outer), _typed(other, outer)) for one, other in zip(ours, theirs, strict=True)
            )
    if there in _WHOLE:
        return wanted in _WHOLE or wanted.startswith("decimal(") or wanted == "double"
    if there.startswith("decimal("):
        (_, scale), rest = _digits(there), wanted
        if rest in _WHOLE:
            return scale == 0
        return rest == "double" or (rest.startswith("decimal(") and _digits(rest)[1] >= scale)
    return (there, wanted) in _EXACT or (there.startswith("string") and wanted == "string")


def _digits(decimal: str) -> tuple[int, int]:
    precision, _, scale = decimal.removeprefix("decimal(").removesuffix(")").partition(",")
    return int(precision), int(scale or 0)


def _inner(kind: str) -> list[str]:
    """What stands between the outer < and >, cut at the commas that are in no further bracket."""
    inside, depth, parts = kind[kind.index("<") + 1 : -1], 0, [""]
    for letter in inside:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [each.strip() for each in parts]


def _typed(part: str, outer: str) -> str:
    return part.partition(":")[2] if outer == "struct" else part

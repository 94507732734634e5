"""Writes SQL that converts a value to another type without changing it. A value that does not fit makes the query fail.

Which type may become which is decided in `table.delta_types` and `table.fitting`. This module says how, and with which
error.
"""

import re
from collections.abc import Callable
from typing import Any

import duckdb

from vai_worker.reading.quoting import quoted, text

NOT_EXACT = "vai: "
"""The beginning of our own errors within DuckDB's message. `failures` removes it again."""

_ADVICE = {
    "BIGINT": "is out of range for BIGINT in some rows: CAST it to DECIMAL(38, 0) or VARCHAR",
    "TIMESTAMP": "has nanoseconds in some rows, which Delta cannot hold: CAST it AS TIMESTAMP to cut them, "
    "or keep epoch_ns(…)",
    "DOUBLE": "has whole numbers that DOUBLE does not hold exactly: CAST it AS DOUBLE where that is good enough",
}
_OURS = re.compile(
    rf"Invalid Input Error: {NOT_EXACT}(Column '?.*'? (?:{'|'.join(map(re.escape, _ADVICE.values()))}))(?:\s+LINE .*)?",
    re.DOTALL,
)
_Check = Callable[[str], str]
"""A function from an SQL expression to the condition under which its value stays the same (NULL stays NULL)."""

_CHECKS: dict[tuple[str, str], _Check] = {
    ("hugeint", "BIGINT"): lambda value: f"TRY_CAST({value} AS BIGINT) IS NOT NULL",
    ("uhugeint", "BIGINT"): lambda value: f"TRY_CAST({value} AS BIGINT) IS NOT NULL",
    ("timestamp_ns", "TIMESTAMP"): lambda value: f"epoch_ns({value}) % 1000 = 0",
    ("bigint", "DOUBLE"): lambda value: f"{value} = CAST(CAST({value} AS DOUBLE) AS HUGEINT)",
}


def not_exact(text: str) -> str | None:
    """Our own message within DuckDB's. None if the failure is not ours."""
    found = _OURS.fullmatch(text)
    return found[1] if found else None


def exact(value: str, kind: Any, wanted: str, column: str, depth: int = 0) -> str:
    """SQL for the expression `value` of DuckDB's type `kind`, converted to the type `wanted`. The error names `column`.

    Fields of a struct are matched by name. Missing ones are NULL, further ones are left out.
    """
    check = _CHECKS.get((kind.id, wanted))
    if check is not None:
        said = text(f"{NOT_EXACT}Column {column!r} {_ADVICE[wanted]}")
        return f"CASE WHEN {value} IS NULL OR {check(value)} THEN CAST({value} AS {wanted}) ELSE error({said}) END"
    if str(kind) == wanted:
        return value
    if kind.id in ("list", "array", "struct", "map"):
        return _nested(value, kind, duckdb.sqltype(wanted), column, depth)
    return f"CAST({value} AS {wanted})"


def _nested(value: str, kind: Any, wanted: Any, column: str, depth: int) -> str:
    each, inner = f"each_{depth}", depth + 1
    if kind.id in ("list", "array"):
        item = exact(each, kind.children[0][1], str(wanted.children[0][1]), column, inner)
        listed = f"CAST({value} AS {kind.children[0][1]}[])" if kind.id == "array" else value
        return f"list_transform({listed}, lambda {each}: {item})"
    if kind.id == "map":
        (_, key), (_, item) = kind.children
        (_, new_key), (_, new_item) = wanted.children
        pair = (
            f"struct_pack(k := {exact(f'{each}.key', key, str(new_key), column, inner)}, "
            f"v := {exact(f'{each}.value', item, str(new_item), column, inner)})"
        )
        made = f"map_from_entries(list_transform(map_entries({value}), lambda {each}: {pair}))"
    else:
        made = f"struct_pack({', '.join(_fields(value, kind, wanted, column, inner))})"
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE {made} END"


def _fields(value: str, kind: Any, wanted: Any, column: str, depth: int) -> list[str]:
    there = {name.lower(): (position, inner) for position, (name, inner) in enumerate(kind.children, 1)}
    unnamed = all(not name for name, _ in kind.children)
    fields = []
    for position, (name, inner) in enumerate(wanted.children, 1):
        found = (position, kind.children[position - 1][1]) if unnamed else there.get(name.lower())
        if found is None:
            made = f"CAST(NULL AS {inner})"
        else:
            own = kind.children[found[0] - 1][0]
            place = str(found[0]) if unnamed else text(own)
            made = exact(f"struct_extract({value}, {place})", found[1], str(inner), column, depth)
        fields.append(f"{quoted(name)} := {made}")
    return fields

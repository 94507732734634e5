"""The first rows of a table, and the profile of a column, as JSON for people.

Numbers that a double or 64 bits hold are numbers. DECIMAL, times and what else JSON has no word for are text as DuckDB
writes it, bytes are base64, and what is nested is JSON. Long text is cut.
"""

import math
from typing import Any

import duckdb

from vai_common import numbers
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source

LONGEST = 1_000
"""Characters of one value."""

LARGEST = 1 << 20
"""Characters of all values of a preview."""

MOST_COUNTED = 10_000
"""The largest number of different values for which the most frequent ones are counted."""

_AS_THEY_ARE = {"boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger"}
_FLOATING = {"float", "double"}
_NESTED = {"list", "array", "struct", "map"}
_NUMBERS = (_AS_THEY_ARE - {"boolean"}) | _FLOATING | {"decimal", "hugeint", "uhugeint", "ubigint"}
_ORDERED = _NUMBERS | {"varchar", "date", "timestamp", "timestamp with time zone", "time", "uuid", "boolean"}

Json = dict[str, Any]


def preview(connection: duckdb.DuckDBPyConnection, source: Source, most: int) -> Json:
    """The columns and at most `most` rows; fewer where they would be too large together. Nothing more is read."""
    return first_rows(connection, source.view, most)


def first_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, most: int, longest: int = LONGEST, largest: int = LARGEST
) -> Json:
    """The same of any relation; a value has at most `longest` characters, all values together about `largest`."""
    found = connection.sql(f"FROM {relation}")
    kinds = [kind.id for kind in found.types]
    columns = [{"name": name, "type": str(kind).replace('"', "")} for name, kind in _typed(found)]
    listed = ", ".join(_shown(name, kind, longest) for name, kind in zip(found.columns, kinds, strict=True))
    # the rows are chosen before they are written as text, or all of them would be
    rest = connection.execute(f"SELECT {listed} FROM (SELECT * FROM {relation} LIMIT {most:d})")
    names = list(found.columns)
    others = [(place, kind) for place, kind in enumerate(kinds) if kind not in _AS_THEY_ARE]
    rows: list[Json] = []
    size, is_cut = 0, False
    while size < largest and (row := rest.fetchone()) is not None:
        cells = list(row)
        size += 8 * len(row)
        for place, kind in others:
            value = row[place]
            if isinstance(value, str):
                size += len(value)
                is_cut = is_cut or len(value) > longest
            cells[place] = _cell(value, kind, longest)
        rows.append(dict(zip(names, cells, strict=True)))
    return {"columns": columns, "rows": rows, "cut": is_cut or rest.fetchone() is not None}


def profile(connection: duckdb.DuckDBPyConnection, source: Source, column: str) -> Json | None:
    """The profile of one column. None if the table has no such column. Only this column is read.

    The number of different values and the quartiles are estimates.
    """
    relation = connection.sql(f"FROM {source.view}")
    found = next((pair for pair in _typed(relation) if pair[0].lower() == column.lower()), None)
    if found is None:
        return None
    name, kind = found
    one = quoted(name)
    parts = ["count(*)", f"count({one})", f"approx_count_distinct({one})"]
    ordered, numeric = kind.id in _ORDERED, kind.id in _NUMBERS
    parts += (
        [f"left(min({one})::VARCHAR, {LONGEST})", f"left(max({one})::VARCHAR, {LONGEST})"] if ordered else ["NULL"] * 2
    )
    finite = f"CASE WHEN isfinite({one}::DOUBLE) THEN {one}::DOUBLE END"
    parts += [f"avg({finite})", f"approx_quantile({finite}, [0.25, 0.5, 0.75])"] if numeric else ["NULL"] * 2
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {source.view}").fetchone()
    assert row is not None
    rows, there, different, least, greatest, mean, quartiles = row
    return {
        "column": name,
        "type": str(kind).replace('"', ""),
        "rows": rows,
        "nulls": rows - there,
        "distinct": min(different, there),
        "min": least,
        "max": greatest,
        "mean": mean,
        "quartiles": quartiles,
        "mostFrequent": _most_frequent(connection, source, one) if different <= MOST_COUNTED else None,
    }


def _most_frequent(connection: duckdb.DuckDBPyConnection, source: Source, one: str) -> list[Json]:
    found = connection.execute(
        f"""SELECT left({one}::VARCHAR, {LONGEST}) AS value, count(*) AS rows FROM {source.view}
            WHERE {one} IS NOT NULL GROUP BY ALL ORDER BY rows DESC, value LIMIT 10"""
    ).fetchall()
    return [{"value": value, "rows": rows} for value, rows in found]


def _typed(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, Any]]:
    return list(zip(relation.columns, relation.types, strict=True))


def _shown(name: str, kind: str, longest: int) -> str:
    """The column as SQL gives it to us: text where JSON has no such type; one character more than is shown."""
    one = quoted(name)
    if kind in _AS_THEY_ARE or kind in _FLOATING:
        return one
    if kind == "blob":
        return f"left(base64({one}), {longest + 1})"
    if kind == "varchar":
        return f"left({one}, {longest + 1})"
    return f"left({f'to_json({one})' if kind in _NESTED else one}::VARCHAR, {longest + 1})"


def _cell(value: Any, kind: str, longest: int) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, str):
        return value
    if len(value) > longest:
        return f"{value[:longest]}…"
    if kind in _NESTED:
        try:
            return numbers.kept(value)
        except ValueError:
            return value
    return value

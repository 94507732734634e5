"""Finds columns by which two tables can probably be joined: by names, types, and common values."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from vai_worker.reading.quoting import quoted

MOST_PAIRS = 40
"""How many pairs of columns have their values compared. The pairs with the most similar names come first."""

_VALUES = 1_000
_LEAST_OVERLAP = 0.1
_NUMBERS = {"tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint"}
_FAMILIES = {**dict.fromkeys(_NUMBERS, "number"), "varchar": "text", "uuid": "text"}
_KEYS = ("id", "key", "code", "number", "no", "uuid", "sku", "handle", "slug")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True)
class Side:
    """A column that can be one side of a join. `column` is its name in DuckDB, `called` its own."""

    dataset: str
    view: str
    column: str
    called: str
    kind: str
    distinct: int
    rows: int
    is_key: bool


def likely_joins(connection: duckdb.DuckDBPyConnection, sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Joins from a column to a likely key of another table, the most certain first.

    `overlap` is the share (0 to 1) of the first side's values, at most a thousand of them, that the second side has.
    """
    pairs = sorted(_pairs(sides), key=lambda pair: -pair[0])[:MOST_PAIRS]
    found = []
    for score, one, other in pairs:
        overlap = _overlap(connection, one, other)
        if overlap is not None and overlap >= _LEAST_OVERLAP:
            found.append({
                "from": {"dataset": one.dataset, "column": one.called},
                "to": {"dataset": other.dataset, "column": other.called},
                "overlap": overlap,
                "by_name": score >= 2,
            })  # fmt: skip
    return sorted(found, key=lambda each: (-each["by_name"], -each["overlap"]))


def _pairs(sides: Sequence[Side]) -> Iterator[tuple[int, Side, Side]]:
    """Pairs of columns with a score by their names, the second one a key. 3: `customer_id` and `customers.id`; 2: the
    same name.
    """
    keys = [side for side in sides if side.is_key and side.kind in _FAMILIES]
    for other in keys:
        singular = _table(other.dataset)
        for one in sides:
            if one.dataset == other.dataset or _FAMILIES.get(one.kind) != _FAMILIES[other.kind] or not one.distinct:
                continue
            name, target = _name(one.called), _name(other.called)
            if name in (f"{singular}{target}", f"{singular}id") and target in _KEYS:
                yield 3, one, other
            elif name == target and name not in _KEYS:
                yield 2, one, other


def _overlap(connection: duckdb.DuckDBPyConnection, one: Side, other: Side) -> float | None:
    mine, theirs = f"{quoted(one.column)}::VARCHAR", f"{quoted(other.column)}::VARCHAR"
    row = connection.execute(
        f"""WITH v AS (SELECT DISTINCT {mine} AS value FROM (SELECT {quoted(one.column)} FROM {one.view}
                       WHERE {quoted(one.column)} IS NOT NULL LIMIT 20000) LIMIT {_VALUES})
            SELECT count(*), count(*) FILTER (value IN (SELECT {theirs} FROM {other.view})) FROM v"""
    ).fetchone()
    return None if row is None or not row[0] else round(row[1] / row[0], 4)


def _name(column: str) -> str:
    return "".join(part.lower() for part in _PARTS.findall(column))


def _table(dataset: str) -> str:
    """The noun in a table's name: `customer` for `silver.stg_shopify_customers`."""
    last = [part.lower() for part in _PARTS.findall(dataset.rpartition(".")[2])][-1:]
    word = last[0] if last else ""
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")

"""Decides whether rows fit into an existing table. Equal types and wider ones are accepted, everything else is a
DATA_ERROR.

The types are compared before anything is written. A column of the table is widened if that keeps all its values.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from vai_transform_worker.query.exact import exact
from vai_transform_worker.query.safety import refused
from vai_worker.reading.quoting import quoted

_WHOLE = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}  # digits; in the order of their width
_MOST_DIGITS = 38

Columns = Mapping[str, Any]
"""Columns: names and DuckDB's types, in order."""


@dataclass(frozen=True)
class Fit:
    """How the rows come into the table.

    `types` are the table's types afterwards, by its own column names. `given` is the name of each column in the rows,
    if they have it.
    """

    types: dict[str, str]
    given: dict[str, str]
    widened: list[str]
    added: list[str]
    nulls: list[str]

    def rows(self, source: Columns, relation: str, only: Container[str] | None = None) -> str:
        """SQL for the rows of `relation` with the table's types. All columns that the rows have, or `only` some of
        them.

        If only the keys are needed, name only these, since DuckDB reads each column that a query names.
        """
        columns = (
            f"CAST(NULL AS {kind}) AS {quoted(name)}"
            if name in self.nulls
            else f"{exact(quoted(self.given[name]), source[self.given[name]], kind, name)} AS {quoted(name)}"
            for name, kind in self.types.items()
            if (name in self.given or name in self.nulls) and (only is None or name in only)
        )
        return f"SELECT {', '.join(columns)} FROM {relation}"

    def column(self, name: str, target: Columns, alias: str) -> str:
        """A column of the table, with its type afterwards."""
        return f"{exact(f'{alias}.{quoted(name)}', target[name], self.types[name], name)} AS {quoted(name)}"


def fit(table: str, source: Columns, target: Columns, keys: Sequence[str], without_type: Sequence[str] = ()) -> Fit:
    """How rows with the columns `source`, merged by `keys`, fit into the `table`, which has the columns `target`.

    `without_type` are columns of the rows that are always NULL. Raises DATA_ERROR that names the column, both types and
    the necessary CAST.
    """
    there = {name.lower(): name for name in target}
    own = {each.lower() for each in keys}
    types = {name: str(kind) for name, kind in target.items()}
    given: dict[str, str] = {}
    widened, added = [], []
    for name, kind in source.items():
        found = there.get(name.lower())
        if found is None:
            types[name], given[name] = str(kind), name
            added.append(name)
            continue
        met, now = meet(kind, target[found]), str(target[found])
        if met is None or (met != now and name.lower() in own):
            raise _unfit(table, found, kind, now, is_key=name.lower() in own)
        given[found] = name
        if met != now:
            types[found] = met
            widened.append(found)
    nulls = [there[name.lower()] for name in without_type if name.lower() in there]
    return Fit(types, given, widened, added, nulls)


def _unfit(table: str, column: str, kind: Any, there: str, is_key: bool) -> Exception:
    word, keeps = ("key", ", and keys never change their type") if is_key else ("column", "")
    message = (
        f"The rows do not fit into {table}: {word} {column!r} is {kind} in the SQL and {there} in the table{keeps}. "
        f"Write CAST({quoted(column)} AS {there}) in the SQL, or run it as full_refresh once to change the table"
    )
    return refused(message, table=table, column=column, given=str(kind), there=there)


def meet(given: Any, there: Any) -> str | None:
    """The type that holds every value of both types. None if a table cannot unite them.

    BIGINT may become DOUBLE if each value stays exact; that is checked row by row.
    """
    if str(given) == str(there):
        return str(there)
    if given.id in _WHOLE:
        return _whole(given.id, there)
    if given.id == "float" and there.id == "double":
        return "DOUBLE"
    if given.id == "double" and there.id == "float":
        return "DOUBLE"
    if given.id == there.id == "decimal":
        return _decimal(_digits(given), _digits(there))
    if given.id == "date" and there.id == "timestamp":
        return str(there)
    if given.id == there.id and given.id in _NESTED:
        return _NESTED[given.id](given, there)
    return None


def _whole(given: str, there: Any) -> str | None:
    if there.id in _WHOLE:
        return str(max(given, there.id, key=_WHOLE.__getitem__)).upper()
    if there.id == "decimal":
        return _decimal((_WHOLE[given], 0), _digits(there))
    if there.id == "double" or (there.id == "float" and _WHOLE[given] <= 5):
        return str(there)
    return None


def _digits(kind: Any) -> tuple[int, int]:
    (_, precision), (_, scale) = kind.children
    return precision, scale


def _decimal(one: tuple[int, int], other: tuple[int, int]) -> str | None:
    scale = max(one[1], other[1])
    precision = max(one[0] - one[1], other[0] - other[1]) + scale
    return f"DECIMAL({precision},{scale})" if precision <= _MOST_DIGITS else None


def _list(given: Any, there: Any) -> str | None:
    inner = meet(given.children[0][1], there.children[0][1])
    return f"{inner}[]" if inner else None


def _map(given: Any, there: Any) -> str | None:
    (_, key), (_, value) = given.children
    (_, other_key), (_, other_value) = there.children
    inner = meet(value, other_value) if str(key) == str(other_key) else None
    return f"MAP({key}, {inner})" if inner else None


def _struct(given: Any, there: Any) -> str | None:
    """The table's fields, then the new ones. A field that the rows do not have is NULL."""
    new = {name.lower(): (name, kind) for name, kind in given.children}
    fields = []
    for name, kind in there.children:
        found = new.pop(name.lower(), None)
        inner = meet(found[1], kind) if found else str(kind)
        if inner is None:
            return None
        fields.append((name, inner))
    fields += [(name, str(kind)) for name, kind in new.values()]
    return str(duckdb.sqltype(f"STRUCT({', '.join(f'{quoted(name)} {kind}' for name, kind in fields)})"))


_NESTED: dict[str, Callable[[Any, Any], str | None]] = {"list": _list, "map": _map, "struct": _struct}

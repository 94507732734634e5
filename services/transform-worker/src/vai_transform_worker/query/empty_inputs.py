"""Inputs without rows whose columns nobody knows yet: the table of a transform that has not run, an empty extraction.

They have whatever columns the SQL asks for. The transform's own table has the types that the SQL itself gives its
columns. Another column has the type of another input's of that name, or is NULL without a type.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import duckdb

from vai_common.errors import RunError
from vai_worker.reading.quoting import quoted

PLACEHOLDER = "no column yet"
"""The only column of an input that was asked for none."""

_MOST = 500  # columns
_MISSING = re.compile(
    r'Referenced column "(?P<a>(?:[^"]|"")+)" not found'
    r'|does not have a column named "(?P<b>(?:[^"]|"")+)"'
    r'|Column "(?P<c>(?:[^"]|"")+)" does not exist on (?:left|right) side'
    r"|does not contain column (?P<d>\w+)"
)
UNTYPED = '"NULL"'
_GUESSES = (UNTYPED, "TIMESTAMP", "VARCHAR", "BIGINT", "DOUBLE", "DATE")
_MOST_TURNS = 3
Stored = Callable[[str], Mapping[str, str]]
"""From SQL to its columns, as a table has them."""


class Blanks:
    """The views of such inputs: from the name of each to what SQL calls it; `own` is the transform's own table.

    `tree` is the query as DuckDB parsed it, `known` the types of other inputs' columns, by names in lower case.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        views: Mapping[str, str],
        own: str | None,
        known: Mapping[str, str],
        tree: Mapping[str, Any],
    ) -> None:
        self._connection, self._views, self._own, self._known = connection, views, own, known
        self._asked_for = asked_for(tree, views)
        self._columns: dict[str, dict[str, str]] = {}
        self._begin(UNTYPED)

    def bound(self, sql: str, unfiltered: str | None, stored: Stored) -> duckdb.DuckDBPyRelation:
        """The SQL bound to views with the columns that it asks for; `unfiltered` is the same SQL without its filters.

        The second run will find the transform's own table as it is shown here.
        """
        if self._own is None:
            return self._guessed(sql)
        relation = self._typed_by_itself(self._own, sql, unfiltered, stored) if unfiltered else None
        if relation is not None:
            return relation
        self._guessed(sql)
        before = self._columns[self._own]
        try:
            self._show(self._own, _with(before, stored(sql)))
            return self._connection.sql(sql)
        except (duckdb.Error, RunError):
            self._show(self._own, before)
            return self._connection.sql(sql)

    def _typed_by_itself(self, own: str, sql: str, unfiltered: str, stored: Stored) -> duckdb.DuckDBPyRelation | None:
        """With the types for its own table that the SELECT gives whatever is filtered; None where it gives none."""
        for guess in _GUESSES:
            try:
                self._begin(guess, own)
                self._completed(unfiltered, guess)
                types = self._settled(own, unfiltered, stored)
            except (duckdb.Error, RunError):
                continue
            for other in _GUESSES:  # for columns that only the filters ask for
                try:
                    self._begin(other, own, types)
                    return self._completed(sql, other)
                except duckdb.Error:
                    continue
        return None

    def _settled(self, own: str, sql: str, stored: Stored) -> Mapping[str, str]:
        """The types of the output, which is the own table of the next run: until they stay the same."""
        types: Mapping[str, str] = {}
        before = self._columns[own]
        for _ in range(_MOST_TURNS):
            found = stored(sql)
            if found == types:
                break
            types = found
            self._show(own, _with(before, types))
        return types

    def _guessed(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Without types where that is enough; else the first type for what has none with which the SQL makes sense."""
        failure: duckdb.Error | None = None
        for guess in _GUESSES:
            self._begin(guess)
            try:
                return self._completed(sql, guess)
            except duckdb.BinderException as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _begin(self, guess: str, own: str | None = None, types: Mapping[str, str] = {}) -> None:
        """Show the columns that are asked for; the `own` table knows none but `types`."""
        for name, columns in self._asked_for.items():
            known: Mapping[str, str] = {} if name == own else self._known
            shown = {column: known.get(column.lower(), guess) for column in columns}
            self._columns[name] = _with(shown, types) if name == own else shown
            self._show(name, self._columns[name])

    def _completed(self, sql: str, guess: str) -> duckdb.DuckDBPyRelation:
        for _ in range(_MOST):
            try:
                return self._connection.sql(sql)
            except duckdb.BinderException as error:
                missing = _MISSING.search(str(error))
                column = next((each for each in missing.groups() if each), "").replace('""', '"') if missing else ""
                if not column or all(column.lower() in map(str.lower, own) for own in self._columns.values()):
                    raise
                for name, own in self._columns.items():
                    own.setdefault(column, self._known.get(column.lower(), guess))
                    self._show(name, own)
        return self._connection.sql(sql)

    def _show(self, name: str, columns: Mapping[str, str]) -> None:
        listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(column)}" for column, kind in columns.items())
        listed = listed or f"CAST(NULL AS {UNTYPED}) AS {quoted(PLACEHOLDER)}"
        self._connection.execute(f"CREATE OR REPLACE VIEW {self._views[name]} AS SELECT {listed} WHERE false")


def _with(columns: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """The columns with those types, and further ones; names are the same whatever their case."""
    typed = {name.lower() for name in types}
    return {name: kind for name, kind in columns.items() if name.lower() not in typed} | dict(types)


def asked_for(tree: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[str]]:
    """The columns that the query plainly wants of each of those tables: `t.x`, `x` where no other is there, USING."""
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    todo: list[tuple[Any, dict[str, str], str | None]] = [(tree, {}, None)]  # aliases; the only table there is
    while todo:
        node, aliases, only = todo.pop()
        if isinstance(node, list):
            todo += [(each, aliases, only) for each in node]
        elif isinstance(node, dict):
            if node.get("type") == "SELECT_NODE":
                tables = list(_tables(node.get("from_table")))
                own = {alias: name for alias, name in tables if name in found}
                aliases, only = aliases | own, tables[0][1] if len(tables) == 1 and own else None
            for column, name in _wanted(node, aliases, only):
                found[name].setdefault(column.lower(), column)
            todo += [(each, aliases, only) for each in node.values() if isinstance(each, dict | list)]
    return {name: list(columns.values()) for name, columns in found.items()}


def _wanted(node: Mapping[str, Any], aliases: Mapping[str, str], only: str | None) -> Iterator[tuple[str, str]]:
    path = node.get("column_names", []) if node.get("class") == "COLUMN_REF" else []
    if len(path) > 1 and path[0].lower() in aliases:
        yield path[1], aliases[path[0].lower()]
    elif len(path) == 1 and only:
        yield path[0], only
    for column in node.get("using_columns") or []:
        for alias, name in _tables(node):
            if alias in aliases:
                yield column, name


def _tables(relation: Any) -> Iterator[tuple[str, str]]:
    """The tables that stand side by side, as they are called and by their names; of a subquery an empty name."""
    todo = [relation]
    while todo:
        each = todo.pop()
        if not isinstance(each, dict) or each.get("type") in ("EMPTY", "EMPTY_FROM"):
            continue
        if each.get("type") == "JOIN":
            todo += [each["left"], each["right"]]
        elif each.get("type") == "BASE_TABLE":
            name = each["table_name"].lower() if each.get("schema_name") else ""
            yield (each.get("alias") or each["table_name"]).lower(), name
        else:
            yield (each.get("alias") or "").lower(), ""

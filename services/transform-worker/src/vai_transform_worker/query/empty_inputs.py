"""Inputs without rows whose columns are not known yet: the table of a transform that has not run, an empty extraction.

They get the columns that the SQL names. In the transform's own table, columns have the types that the SQL itself gives
them. Any other column has the type of a column with the same name in another input, or is NULL without a type.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import duckdb

from vai_common.errors import RunError
from vai_worker.reading.quoting import quoted

PLACEHOLDER = "no column yet"
"""The only column of an input of which the SQL names no column."""

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
"""A function that returns the columns of SQL, as a table has them."""


class Blanks:
    """The views of such inputs: {input's name: view's name}. `own` is the transform's own table.

    `tree` is the query as DuckDB parsed it. `known` are the types of other inputs' columns, by names in lower case.
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
        """Bind the SQL to views with the columns that it names. `unfiltered` is the same SQL without its filters.

        The second run finds the transform's own table with the columns that are used here.
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
        """Bind with the types that the SELECT without filters gives the own table. None if it gives none."""
        for guess in _GUESSES:
            try:
                self._begin(guess, own)
                self._completed(unfiltered, guess)
                types = self._settled(own, unfiltered, stored)
            except (duckdb.Error, RunError):
                continue
            for other in _GUESSES:  # for columns that only the filters name
                try:
                    self._begin(other, own, types)
                    return self._completed(sql, other)
                except duckdb.Error:
                    continue
        return None

    def _settled(self, own: str, sql: str, stored: Stored) -> Mapping[str, str]:
        """The types of the output, which the next run reads as its own table. Repeated until they no longer change."""
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
        """Bind without types if that is enough; else give columns without a type the first type with which the SQL is
        valid.
        """
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
        """Make the views with the columns that are named. The `own` table only has those in `types`."""
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
    """The columns with these types, and further ones. Upper and lower case in names do not matter."""
    typed = {name.lower() for name in types}
    return {name: kind for name, kind in columns.items() if name.lower() not in typed} | dict(types)


def asked_for(tree: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[str]]:
    """The columns that the query certainly takes from each table: `t.x`, `x` if there is no other table, USING."""
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
    """The tables of a FROM, by alias and by name. A subquery has an empty name."""
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

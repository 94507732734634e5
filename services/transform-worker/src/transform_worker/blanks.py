"""Inputs without rows whose columns nobody knows yet: the table of a transform that has not run, an empty extraction.

They have whatever columns the SQL asks for. The type is that of the SQL's own column of that name, or of another
input's; where there is neither, the column is NULL without a type.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import duckdb

from transform_worker.quoting import quoted

PLACEHOLDER = "no column yet"
"""The only column of an input that was asked for none."""

_MOST = 500  # columns
_MISSING = re.compile(
    r'Referenced column "(?P<a>(?:[^"]|"")+)" not found'
    r'|does not have a column named "(?P<b>(?:[^"]|"")+)"'
    r'|Column "(?P<c>(?:[^"]|"")+)" does not exist on (?:left|right) side'
    r"|does not contain column (?P<d>\w+)"
)
_UNTYPED = '"NULL"'
_GUESSES = (_UNTYPED, "TIMESTAMP", "VARCHAR", "BIGINT", "DOUBLE", "DATE")
Bind = Callable[[], duckdb.DuckDBPyRelation]


class Blanks:
    """The views of such inputs; `views` are their names, `own` the one that is the transform's own table."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        views: Sequence[str],
        own: str | None,
        known: Mapping[str, str],
    ) -> None:
        self._connection, self._views, self._own, self._known = connection, list(views), own, known
        self._columns: dict[str, str] = {}
        self._show(self._columns)

    def bound(self, bind: Bind) -> duckdb.DuckDBPyRelation:
        """What `bind` answers as soon as the views have the columns that it asks for."""
        relation = self._guessed(bind)
        if self._own is None:
            return relation
        wanted = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
        wanted.pop(PLACEHOLDER, None)
        try:  # the second run will find the table like this
            self._show({**self._columns, **wanted}, self._own)
            return bind()
        except duckdb.Error:
            self._show(self._columns, self._own)
            return bind()

    def _guessed(self, bind: Bind) -> duckdb.DuckDBPyRelation:
        """Without types where that is enough; else the first type for what has none with which the SQL makes sense."""
        failure: duckdb.Error | None = None
        for guess in _GUESSES:
            self._columns = {}
            try:
                return self._asked(bind, guess)
            except duckdb.BinderException as error:
                failure = failure or error
                if _UNTYPED not in self._columns.values() and guess == _UNTYPED:
                    break
        assert failure is not None
        raise failure

    def _asked(self, bind: Bind, guess: str) -> duckdb.DuckDBPyRelation:
        self._show(self._columns)
        for _ in range(_MOST):
            try:
                return bind()
            except duckdb.BinderException as error:
                missing = _MISSING.search(str(error))
                name = next((each for each in missing.groups() if each), "").replace('""', '"') if missing else ""
                if not name or name.lower() in (each.lower() for each in self._columns):
                    raise
                self._columns[name] = self._known.get(name.lower(), guess)
                self._show(self._columns)
        return bind()

    def _show(self, columns: Mapping[str, str], only: str | None = None) -> None:
        listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
        listed = listed or f"CAST(NULL AS {_UNTYPED}) AS {quoted(PLACEHOLDER)}"
        for view in [only] if only else self._views:
            self._connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {listed} WHERE false")

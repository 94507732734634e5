"""Follows the columns of a transform's query back to its inputs, in a thread beside the query, for a limited time."""

import ctypes
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from vai_common.clock import steady_seconds
from vai_transform_worker.query.column_sources import ColumnSources, sources_of
from vai_worker.reading.sources import SCHEMA, Source

SECONDS = 5.0
"""How long it may take; what takes longer is not known."""
_AGAIN = 0.05
"""Seconds until a thread that works on is told again that it is late."""


class _Late(BaseException):
    """Thrown into the thread, so that it does not work on for nobody."""


class Following:
    """The work on one query. It begins at once."""

    def __init__(self, sql: str, names: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> None:
        self._names = list(names)
        self._found: ColumnSources | None = None
        self._until = steady_seconds() + SECONDS
        self._thread = threading.Thread(target=self._work, args=(sql, inputs), name="columns", daemon=True)
        self._thread.start()

    def _work(self, sql: str, inputs: Mapping[str, Sequence[str]]) -> None:
        try:
            self._found = sources_of(sql, self._names, inputs)
        except _Late:
            return

    def found(self) -> ColumnSources:
        """What it has found. Waits for it until its time is over."""
        self._thread.join(max(0.0, self._until - steady_seconds()))
        if (found := self._found) is not None:
            return found
        threading.Thread(target=self._end, name="columns-end", daemon=True).start()
        return ColumnSources(unknown=self._names, reason=f"Following its columns took longer than {SECONDS:.0f} s")

    def _end(self) -> None:
        """Throws until the thread has ended: what is thrown while garbage is collected or in a `__del__` is lost."""
        while self._thread.is_alive():
            thread = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_Late))
            self._thread.join(_AGAIN)


def columns_of(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of each view of the inputs."""
    rows = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = ? ORDER BY table_name, column_index",
        [SCHEMA],
    ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found


def reported(found: ColumnSources, sources: Mapping[str, Source]) -> dict[str, Any]:
    """What the worker records: each pair with the id of its dataset; a path may mean several datasets."""
    pairs = [
        [each.output, identity, each.column, each.how]
        for each in found.sources
        for identity in (sources[each.input].ids if each.input in sources else ())
    ]
    return {"pairs": pairs, "unknown": found.unknown, "reason": found.reason}

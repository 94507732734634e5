"""Reads SQLite files; they are opened read-only. Values are taken as they are stored, whatever type the column
declares.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker.values.columns import array_of
from vai_extract_worker.values.common_columns import joined
from vai_worker.sql import batches, faults
from vai_worker.sql.relations import Answer, Column, Form, Question, Relation, from_clause

_LITERAL = re.compile(
    r"-?\d[\d.e+-]*|-?9\.0e\+999|X'[0-9A-Fa-f]*'|CAST\(X'[0-9A-Fa-f]*' AS TEXT\)|'(?:[^']|'')*'", re.IGNORECASE
)
_STEPS: Final = 100_000
"""How many instructions of SQLite run between two checks whether the run has to stop."""

_BUSY_SECONDS: Final = 60.0
_ROWID: Final = Column("rowid", "INTEGER", Form.STORED, "rowid", nullable=False)


class Sqlite:
    """One file. `check` raises if the run has to stop."""

    def __init__(self, file: str, place: str, check: Callable[[], None]) -> None:
        self.place = place
        self._file, self._check = file, check
        self._conn: sqlite3.Connection | None = None
        self._stop: BaseException | None = None
        self._shown = place

    # What the database has -------------------------------------------------------------------------------------------

    def relations(self, schema: str | None) -> list[Relation]:
        if schema not in (None, "main"):
            text = f"A SQLite file has the one schema main, and no {schema}: leave schema out."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "schema"})
        found = self.fetch(
            "SELECT name, type FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
        )
        return [Relation("main", str(name), kind == "view", None, self._guess(str(name))) for name, kind in found]

    def _guess(self, table: str) -> int | None:
        """The largest rowid, which SQLite finds quickly. None if there is none."""
        with suppress(RunError):
            ((largest,),) = self.fetch(f"SELECT max(rowid) FROM main.{self.name(table)}")
            return int(largest or 0)
        return None

    def hold(self, relation: Relation) -> None:
        """A reader sees the whole file at one moment."""

    def described(self, relation: Relation) -> Relation:
        self._shown = relation.shown
        rows = self.fetch(f"PRAGMA main.table_xinfo({self.name(relation.name)})")
        columns, keyed = [], []
        for _, name, kind, _, _, key, hidden in rows:
            if hidden == "1":
                continue
            columns.append(Column(str(name), str(kind), Form.STORED, self.name(str(name))))
            if key not in (None, "0"):
                keyed.append((int(str(key)), columns[-1]))
        found = replace(relation, columns=tuple(columns))
        if len(keyed) != 1 and relation.rows is not None and not any(one.name.lower() == "rowid" for one in columns):
            return replace(found, key=(_ROWID,))
        return replace(found, key=tuple(column for _, column in sorted(keyed, key=lambda one: one[0])))

    # Transactions ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self.end()
        if self._conn is None:
            self._conn = self._opened()
        self.fetch("BEGIN")
        self.fetch("SELECT count(*) FROM main.sqlite_schema")

    def end(self) -> None:
        if self._conn is not None and self._conn.in_transaction:
            self._conn.rollback()

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # SQL -------------------------------------------------------------------------------------------------------------

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def literal(self, value: str, column: Column) -> str:
        if not _LITERAL.fullmatch(value):
            raise ValueError(f"no literal of SQLite: {value[:60]!r}")
        return value

    def text(self, expression: str, column: Column) -> str:
        return _quote(expression)

    def given(self, value: str | int | float | Decimal) -> str:
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)

    def plain(self, value: str) -> str | int | float:
        if value.startswith("'"):
            return value[1:-1].replace("''", "'")
        if value.startswith("CAST"):
            return bytes.fromhex(value.split("'")[1]).decode("utf-8", "replace")
        return int(value) if value.lstrip("-").isdigit() else float(value)

    def soon(self, column: Column) -> str | None:
        return None

    def fetch(self, sql: str) -> list[tuple[str | None, ...]]:
        with _InOurWords(self), closing(self._open.execute(sql)) as cursor:
            return [tuple(None if value is None else str(value) for value in row) for row in cursor.fetchall()]

    # Rows ------------------------------------------------------------------------------------------------------------

    def pages(self, question: Question) -> Iterator[Answer]:
        self._shown = question.relation.shown
        read = [column.read for column in question.columns]
        if question.marked:
            whole = " || ',' || ".join(_quote(column.read) for column in question.told_by)
            read.append(f"CASE WHEN {question.marked} THEN {whole} END")
        sql = f"SELECT {', '.join(read)} FROM {from_clause(self, question.relation)}"
        sql += f" WHERE {question.where}" if question.where else ""
        sql += f" LIMIT {question.limit}" if question.limit is not None else ""
        with _InOurWords(self):
            cursor = self._open.execute(sql)

        def fetch(count: int) -> list[Any]:
            with _InOurWords(self):
                return cursor.fetchmany(count)

        names = [column.name for column in question.columns]
        with closing(cursor):
            for columns, size in batches.pages(fetch, lambda _, values: array_of(values), _joined):
                marks = columns[-1] if question.marked else None
                yield Answer(pa.table(columns[: len(names)], names), size, marks)

    # The file --------------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> sqlite3.Connection:
        if self._conn is None:
            raise LookupError("begin was not called")
        return self._conn

    def _opened(self) -> sqlite3.Connection:
        """Restrict the connection: a stranger's file may run nothing but SQL's own functions, and may not write."""
        with _InOurWords(self):
            conn = sqlite3.connect(
                f"file:{quote(self._file)}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
            )
            conn.text_factory = _text
            conn.set_progress_handler(self._look, _STEPS)
            for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
                conn.execute(f"PRAGMA {pragma}")
        return conn

    def _look(self) -> int:
        try:
            self._check()
        except BaseException as error:
            self._stop = error
            return 1
        return 0

    def _fault(self, error: sqlite3.Error) -> BaseException:
        if self._stop is not None:
            return self._stop
        message, code = str(error), getattr(error, "sqlite_errorname", "") or type(error).__name__
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            text = f"{self.place} is no SQLite file, or is damaged ({code}). Put a whole one there."
            return Permanent(ErrorCode.DATA_ERROR, text, {"path": self.place})
        if "no such table" in message:
            return faults.gone(self._shown)
        passing = code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN"))
        return faults.failed(self.place, self._shown, code, message, passing)


class _InOurWords:
    """Turn the library's exceptions into `RunError`s, or into `Stop` if the run has to stop."""

    def __init__(self, database: Sqlite) -> None:
        self._database = database

    def __enter__(self) -> None:
        """Nothing has to be locked."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, sqlite3.Error):
            raise self._database._fault(error) from error


def _joined(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Each value has its own type, so parts of one column may have different ones."""
    if len({chunk.type for chunk in chunks}) == 1:
        return pa.chunked_array(chunks)
    return joined([pa.table([chunk], ["value"]) for chunk in chunks])["value"]


def _quote(expression: str) -> str:
    """SQL for a value as a literal. SQLite's own `quote` ends at a NUL within a text."""
    as_bytes = f"'CAST(X''' || hex({expression}) || ''' AS TEXT)'"
    has_nul = f"typeof({expression}) = 'text' AND instr({expression}, char(0))"
    return f"CASE WHEN {has_nul} THEN {as_bytes} ELSE quote({expression}) END"


def _text(value: bytes) -> str | bytes:
    """Text, or the bytes if they are no UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value

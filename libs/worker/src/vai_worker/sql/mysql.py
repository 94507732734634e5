"""Reads MySQL and MariaDB by PyMySQL: the bytes as the server sends them, unconverted, a few megabytes at a time."""

import re
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
import pymysql

from vai_common.egress.addresses import Policy
from vai_common.egress.pymysql_guard import connect
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.connections.databases import Database as Place
from vai_worker.sql import batches, faults
from vai_worker.sql.mysql_types import COLUMNS, KEYS, RELATIONS, column_of
from vai_worker.sql.relations import IN_TIME, Answer, Column, Form, Question, Relation, from_clause
from vai_worker.sql.texts import Typing

CONNECT_SECONDS = 10.0

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_NUMBERS: Final = (Form.WHOLE, Form.UNSIGNED, Form.DECIMAL, Form.NUMBER)
_SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600, net_read_timeout = 3600, "
    "wait_timeout = 28800, lock_wait_timeout = 60",
)
_WITHOUT_LIMIT: Final = ("SET SESSION max_statement_time = 0", "SET SESSION max_execution_time = 0")
"""Statements that switch the time limit off: MariaDB knows the first, MySQL the second."""

_BEGIN: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_REFUSED: Final = frozenset((1045, 1698, 1251, 2059))
_GONE: Final = frozenset((1146, 1049))
_DENIED: Final = frozenset((1044, 1142, 1143, 1227))
_LOST: Final = frozenset((1053, 1927, 2006, 2013, 2014, 4031))
_PASSING: Final = frozenset((1028, 1037, 1038, 1040, 1041, 1203, 1205, 1213, 1317, 1412, 1969, 3024))
_SILENT: Final = "timed out"
_BROKEN: Final = (OSError, struct.error, IndexError, AssertionError, AttributeError)
"""Further exceptions that PyMySQL raises if the server does not speak its protocol."""


class Mysql:
    """One server. `check` raises if the run has to stop."""

    def __init__(
        self, place: Place, policy: Policy, typing: Typing, check: Callable[[], None], read_seconds: float
    ) -> None:
        self.place = place.place
        self._at, self._policy, self._typing, self._check = place, policy, typing, check
        self._read_seconds = read_seconds
        self._conn: Any = None
        self._shown = self.place

    # What the database has -------------------------------------------------------------------------------------------

    def relations(self, schema: str | None) -> list[Relation]:
        if schema is None and self._at.name is None:
            text = f"{self.place}: no schema is named. Name it as schema, or as the connection's config.database."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "schema"})
        found = []
        for row in self.fetch(RELATIONS.format(schema=_quoted(schema))):
            size, rows = (None if value is None else int(value) for value in row[3:5])
            found.append(Relation(str(row[0]), str(row[1]), row[2] == "1", size, rows))
        return found

    def hold(self, relation: Relation) -> None:
        """A table that was rewritten since the snapshot gives the error 1412. Then the run is tried again."""

    def described(self, relation: Relation) -> Relation:
        self._shown = relation.shown
        where = {"schema": _quoted(relation.schema), "table": _quoted(relation.name)}
        columns = tuple(column_of(row, self.name) for row in self.fetch(COLUMNS.format(**where)))
        named = {column.name: column for column in columns}
        for _, parts in groupby(self.fetch(KEYS.format(**where)), lambda row: row[0]):
            key = list(parts)
            if all(row[1] in named and row[2] != "YES" and row[3] is None for row in key):
                return replace(relation, columns=columns, key=tuple(named[str(row[1])] for row in key))
        return replace(relation, columns=columns)

    # Transactions ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        if self._conn is not None:
            with suppress(RunError):
                self._execute("ROLLBACK")
                self._execute(_BEGIN)
                return
        self._connect()
        for statement in _SESSION:
            self._execute(statement)
        for statement in _WITHOUT_LIMIT:
            with suppress(RunError):
                self._execute(statement)
        self._execute(_BEGIN)

    def end(self) -> None:
        if self._conn is not None:
            with suppress(RunError):
                self._execute("ROLLBACK")

    def close(self) -> None:
        self._drop()

    # SQL -------------------------------------------------------------------------------------------------------------

    def name(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def literal(self, value: str, column: Column) -> str:
        if column.form is Form.BINARY:
            return f"X'{bytes.fromhex(value).hex()}'"
        if column.form in _NUMBERS and _NUMBER.fullmatch(value):
            return value
        return _quoted(value)

    def text(self, expression: str, column: Column) -> str:
        return f"HEX({expression})" if column.form is Form.BINARY else f"CAST({expression} AS CHAR)"

    def given(self, value: str | int | float | Decimal) -> str:
        return str(value)

    def plain(self, value: str) -> str | int | float:
        return value

    def soon(self, column: Column) -> str | None:
        if column.form not in IN_TIME:
            return None
        tomorrow = "UTC_TIMESTAMP() + INTERVAL 1 DAY"
        return f"DATE({tomorrow})" if column.form is Form.DATE else f"({tomorrow})"

    def fetch(self, sql: str) -> list[tuple[str | None, ...]]:
        with self._in_our_words(), closing(self._conn.cursor()) as cursor:
            cursor.execute(sql)
            return [tuple(None if value is None else value.decode() for value in row) for row in cursor.fetchall()]

    # Rows ------------------------------------------------------------------------------------------------------------

    def pages(self, question: Question) -> Iterator[Answer]:
        self._shown = question.relation.shown
        is_whole = False
        try:
            with self._in_our_words():
                cursor = self._conn.cursor(pymysql.cursors.SSCursor)
                cursor.execute(self._select(question))

            def fetch(count: int) -> list[Any]:
                self._check()
                with self._in_our_words():
                    return list(cursor.fetchmany(count))

            for parts, size in batches.pages(fetch, lambda _, values: pa.array(values, pa.binary())):
                yield self._answer(parts, size, question)
            is_whole = True
        finally:
            if not is_whole:
                self._drop()

    def _answer(self, parts: list[pa.ChunkedArray], size: int, question: Question) -> Answer:
        columns = question.columns
        typed = [self._typing.typed(part, column) for part, column in zip(parts, columns, strict=False)]
        marks = parts[-1] if question.marked else None
        return Answer(pa.table(typed, [column.name for column in columns]), size, marks)

    def _select(self, question: Question) -> str:
        read = [column.read for column in question.columns]
        if question.marked:
            whole = ", ".join(f"QUOTE({column.read})" for column in question.told_by)
            read.append(f"CASE WHEN {question.marked} THEN CONCAT_WS(',', {whole}) END")
        sql = f"SELECT {', '.join(read)} FROM {from_clause(self, question.relation)}"
        sql += f" WHERE {question.where}" if question.where else ""
        return sql + (f" LIMIT {question.limit}" if question.limit is not None else "")

    # The connection --------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        at = self._at
        given = (at.host, at.port, at.user or "", at.password, at.name, at.sslmode, at.ca_certificate)
        try:
            self._conn = connect(self._policy, *given, CONNECT_SECONDS, self._read_seconds)
        except RunError:
            raise
        except Exception as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> RunError:
        """The error for a connection that could not be opened."""
        place = self.place
        code = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
        cause = getattr(error, "original_exception", error)
        if code in _REFUSED:
            return faults.refuses(place, self._at.user)
        if code in (1044, 1049):
            text = f"{place} has no database {self._at.name!r} for the user {self._at.user!r}; correct config.database."
            return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})
        if code == 2026:
            return faults.no_tls(place)
        if isinstance(cause, ssl.SSLError):
            return faults.untrusted(place, str(getattr(cause, "verify_message", cause.reason)))
        if code in _PASSING or code in _LOST or isinstance(cause, OSError):
            return faults.unreachable(place, str(code or type(cause).__name__))
        text = f"{place} does not speak MySQL; check the connection's host and port."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})

    def _execute(self, sql: str) -> None:
        with self._in_our_words(), closing(self._conn.cursor()) as cursor:
            cursor.execute(sql)

    def _in_our_words(self) -> "_InOurWords":
        return _InOurWords(self)

    def _fault(self, error: Exception) -> RunError:
        """The error for a statement that failed."""
        code = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
        message = str(error.args[1]) if len(error.args) > 1 else ""
        if code in _LOST and _SILENT in message:
            return faults.silent(self.place, self._read_seconds)
        if code in _LOST or not isinstance(code, int) or code == 0:
            return faults.lost(self.place, str(code or type(error).__name__))
        if code in _GONE:
            return faults.gone(self._shown)
        if code in _DENIED:
            return faults.may_not_read(self._shown)
        return faults.failed(self.place, self._shown, str(code), message, code in _PASSING)

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn._force_close()


class _InOurWords:
    """Turn the library's exceptions into `RunError`s."""

    def __init__(self, database: Mysql) -> None:
        self._database = database

    def __enter__(self) -> None:
        if self._database._conn is None:
            raise faults.lost(self._database.place, "it was closed")

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(
            error, pymysql.MySQLError | OSError | struct.error | IndexError | AssertionError | AttributeError
        ):
            raise self._database._fault(error) from error


def _quoted(value: str | None) -> str:
    """A text literal for the session's own `sql_mode`, in which backslashes escape."""
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"

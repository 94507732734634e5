"""Reads PostgreSQL by COPY: the server writes texts and Arrow reads them, so Python handles no single row.

asyncpg runs in its own thread, so that the next megabytes arrive while the last ones are processed.
"""

import asyncio
import io
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeVar

import asyncpg
import pyarrow as pa
from pyarrow import csv

from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.egress.asyncpg_guard import connect
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.connections.databases import Database as Place
from vai_worker.sql import faults
from vai_worker.sql.postgres_types import COLUMNS, KEY, RELATIONS, column_of
from vai_worker.sql.relations import IN_TIME, Answer, Column, Question, Relation, from_clause
from vai_worker.sql.texts import Part, Typing, arrow_type, decoded

T = TypeVar("T")

CONNECT_SECONDS = 20.0

_BLOCK: Final = 4 * 1024 * 1024
_LOOK_SECONDS: Final = 0.5
_LET_GO_SECONDS: Final = 5.0
_BEGIN: Final = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL standard_conforming_strings = on;
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '60s';
SET LOCAL jit = off;
"""
_PASSING: Final = ("40", "53", "55P03", "57")
"""Classes of SQLSTATE that may not occur again in another attempt: conflicts, too few resources, locks, interventions
by an operator.
"""


class Postgres:
    """One database. `check` raises if the run has to stop."""

    def __init__(
        self, place: Place, policy: Policy, typing: Typing, check: Callable[[], None], read_seconds: float
    ) -> None:
        self.place = place.place
        self._at, self._policy, self._typing, self._check = place, policy, typing, check
        self._read_seconds = read_seconds
        self._conn: asyncpg.Connection[Any] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres", daemon=True)
        self._thread.start()
        self._shown = self.place

    # What the database has -------------------------------------------------------------------------------------------

    def relations(self, schema: str | None) -> list[Relation]:
        found = []
        for row in self._rows(RELATIONS, schema):
            size, rows = (None if value is None else int(value) for value in row[3:5])
            is_view, hides, locks = (row[index] == "true" for index in (2, 5, 6))
            found.append(Relation(str(row[0]), str(row[1]), is_view, size, rows, hides_rows=hides, locks=locks))
        return found

    def hold(self, relation: Relation) -> None:
        """Lock the table before the transaction's snapshot is taken: with an older snapshot, a table that was rewritten
        in between looks empty.
        """
        self._shown = relation.shown
        if not relation.locks or self._conn is None:
            return
        try:
            self._run(self._conn.execute(f"LOCK TABLE {from_clause(self, relation)} IN ACCESS SHARE MODE"))
        except Permanent as error:
            if error.code is not ErrorCode.AUTH_ERROR:
                raise
            self.begin()  # a user who may read only some of the columns may not lock

    def described(self, relation: Relation) -> Relation:
        self._shown = relation.shown
        where = (relation.schema, relation.name)
        columns = tuple(column_of(row, self.name) for row in self._rows(COLUMNS, *where))
        keys = [json.loads(str(row[0])) for row in self._rows(KEY, *where)]
        named = {column.name: column for column in columns}
        key = tuple(named[name] for name in keys[0]) if keys else ()
        return replace(relation, columns=columns, key=key)

    # Transactions ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self.end()
        if self._conn is not None and not self._conn.is_closed():
            with suppress(RunError):
                self._run(self._conn.execute(_BEGIN))
                return
        self._drop()
        self._conn = self._connect()
        self._run(self._conn.execute(_BEGIN))

    def end(self) -> None:
        conn = self._conn
        if conn is None:
            return
        try:
            if conn.is_closed() or conn.is_in_transaction():
                self._run(conn.execute("ROLLBACK"))
        except RunError:
            self._drop()

    def close(self) -> None:
        self._drop()
        self._call(_let_go()).result(_LET_GO_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # SQL -------------------------------------------------------------------------------------------------------------

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def literal(self, value: str, column: Column) -> str:
        quoted = value.replace("'", "''")
        return f"'{quoted}'::{column.kind}"

    def text(self, expression: str, column: Column) -> str:
        return f"({expression})::text"

    def given(self, value: str | int | float | Decimal) -> str:
        return str(value)

    def plain(self, value: str) -> str | int | float:
        return value

    def soon(self, column: Column) -> str | None:
        if column.form not in IN_TIME:
            return None
        return f"(now() + interval '1 day')::{column.kind}"

    def fetch(self, sql: str) -> list[tuple[str | None, ...]]:
        return self._rows(sql)

    # Rows ------------------------------------------------------------------------------------------------------------

    def pages(self, question: Question) -> Iterator[Answer]:
        self._shown = question.relation.shown
        blocks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=2)
        copying = self._call(self._copy(self._select(question), blocks))
        is_whole = False
        try:
            while (block := self._next(blocks)) is not None:
                yield self._parsed(block, question)
            self._wait(copying)
            is_whole = True
        finally:
            if not is_whole:
                self._drop()

    async def _copy(self, sql: str, blocks: "asyncio.Queue[bytes | None]") -> None:
        """Blocks of complete rows: the server sends each row as one message, and asyncpg passes on whole messages."""
        buffer = bytearray()

        async def take(data: bytes) -> None:
            buffer.extend(data)
            if len(buffer) >= _BLOCK:
                await blocks.put(bytes(buffer))
                buffer.clear()

        assert self._conn is not None
        try:
            await self._conn.copy_from_query(sql, output=take, format="csv", encoding="UTF8")
            if buffer:
                await blocks.put(bytes(buffer))
            await blocks.put(None)
        except BaseException:
            while not blocks.empty():
                blocks.get_nowait()
            blocks.put_nowait(None)
            raise

    def _next(self, blocks: "asyncio.Queue[bytes | None]") -> bytes | None:
        return self._wait(self._call(blocks.get()))

    def _select(self, question: Question) -> str:
        read = [column.read for column in question.columns]
        if question.marked:
            whole = ", ".join(self.name(column.name) for column in question.told_by)
            read.append(f"CASE WHEN {question.marked} THEN ROW({whole})::text END")
        sql = f"SELECT {', '.join(read)} FROM {from_clause(self, question.relation)}"
        sql += f" WHERE {question.where}" if question.where else ""
        return sql + (f" LIMIT {question.limit}" if question.limit is not None else "")

    def _parsed(self, block: bytes, question: Question) -> Answer:
        columns = question.columns
        names = [str(number) for number in range(len(columns) + bool(question.marked))]
        types = dict.fromkeys(names, pa.string())
        types |= {
            name: kind for name, column in zip(names, columns, strict=False) if (kind := arrow_type(column)) is not None
        }
        try:
            read = _read(block, types)
        except pa.ArrowInvalid:  # a value does not fit its column's type: such columns become text
            read = _read(block, dict.fromkeys(names, pa.binary()))
        typed = [self._column(read.column(index), column) for index, column in enumerate(columns)]
        marks = decoded(read.column(len(columns))) if question.marked else None
        return Answer(pa.table(typed, [column.name for column in columns]), len(block), marks)

    def _column(self, part: pa.ChunkedArray, column: Column) -> Part:
        return part if part.type == arrow_type(column) else self._typing.typed(part, column)

    # The connection --------------------------------------------------------------------------------------------------

    def _connect(self) -> "asyncpg.Connection[Any]":
        at = self._at
        given = (at.host, at.port, at.user or "", at.password, at.name or at.user or "", at.sslmode, at.ca_certificate)
        try:
            return self._wait_for(self._call(connect(self._policy, *given)), CONNECT_SECONDS)
        except RunError:
            raise
        except Exception as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> RunError:
        """The error for a connection that could not be opened."""
        place = self.place
        if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
            return faults.refuses(place, self._at.user)
        if isinstance(error, asyncpg.InvalidCatalogNameError):
            text = f"{place} has no database {self._at.name or self._at.user!r}; correct the connection's database."
            return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})
        if isinstance(error, ssl.SSLCertVerificationError):
            return faults.untrusted(place, error.verify_message)
        if isinstance(error, ssl.SSLError):
            return faults.untrusted(place, str(error.reason))
        if isinstance(error, ConnectionError) and "rejected SSL" in str(error):
            return faults.no_tls(place)
        if isinstance(error, OSError | TimeoutError | asyncpg.PostgresConnectionError):
            return faults.unreachable(place, type(error).__name__)
        if isinstance(error, asyncpg.PostgresError):
            return self._fault(error)
        text = f"{place} does not speak PostgreSQL; check the connection's host and port."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})

    def _rows(self, sql: str, *values: Any) -> list[tuple[str | None, ...]]:
        assert self._conn is not None
        return [tuple(row) for row in self._run(self._conn.fetch(sql, *values))]

    def _call(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._wait(self._call(work))

    def _wait(self, future: "Future[T]") -> T:
        try:
            return self._wait_for(future, self._read_seconds)
        except TimeoutError as error:
            self._drop()
            raise faults.silent(self.place, self._read_seconds) from error
        except RunError:
            raise
        except Exception as error:
            raise self._fault(error) from error

    def _wait_for(self, future: "Future[T]", seconds: float) -> T:
        """Wait for a result. Raises TimeoutError, and whatever `check` raises."""
        until = steady_seconds() + seconds
        while steady_seconds() < until:
            try:
                return future.result(_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
            self._check()
        future.cancel()
        raise TimeoutError

    def _fault(self, error: BaseException) -> RunError:
        """The error for a statement that failed."""
        if isinstance(error, asyncpg.UndefinedTableError | asyncpg.InvalidSchemaNameError):
            return faults.gone(self._shown)
        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            return faults.may_not_read(self._shown)
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.PostgresConnectionError):
            code = str(error.sqlstate)
            if code in ("57P01", "57P02", "57P03"):
                return faults.lost(self.place, code)
            return faults.failed(self.place, self._shown, code, str(error), code.startswith(_PASSING))
        return faults.lost(self.place, type(error).__name__)

    def _drop(self) -> None:
        """Close the connection and end what was under way on it: a copy that was broken off waits for a reader."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(TimeoutError):
                self._call(_let_go(conn)).result(_LET_GO_SECONDS)


async def _let_go(conn: "asyncpg.Connection[Any] | None" = None) -> None:
    """Cancel what still waits on this loop and close the connection, so that nothing is left open."""
    waiting = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in waiting:
        task.cancel()
    if conn is not None:
        conn.terminate()
    await asyncio.gather(*waiting, return_exceptions=True)


def _read(block: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    return csv.read_csv(
        io.BytesIO(block),
        csv.ReadOptions(column_names=list(types), use_threads=False, block_size=len(block) + 1),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )

"""Tables of a connection's database, read in part for `explain_schema`: read-only, so many rows and bytes of each.

The rows are copied into DuckDB, which describes them as it describes tables of the lake. The way to the database is
that of an extraction: the same addresses, the same sessions (`vai_worker.sql`).
"""

from collections.abc import Iterator
from contextlib import closing
from difflib import get_close_matches
from typing import Final

import duckdb
import pyarrow as pa

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.connections.credentials import secret_texts
from vai_records.definitions.dataset_names import MOST_DATASETS
from vai_records.definitions.explain_schema import ExplainSchema
from vai_records.secrets.hiding import Hidden
from vai_transform_worker.asking.seen_tables import Seen, has_time
from vai_transform_worker.interruption import Watch
from vai_worker.children.job import Job
from vai_worker.reading.quoting import quoted
from vai_worker.sql import faults
from vai_worker.sql.behind import database_behind
from vai_worker.sql.relations import Database, Question, Relation
from vai_worker.sql.texts import Typing

LARGEST: Final = 32 << 20
"""Bytes of one table, as the database sends them; no more of its rows are looked at."""


_SHARE: Final = 0.25
"""Of the run's time, that a table which nobody has named may say nothing: a slow view costs the others not all."""


def of_database(
    job: Job, connection: duckdb.DuckDBPyConnection, watch: Watch, definition: ExplainSchema, left: list[str]
) -> Iterator[Seen]:
    """The named tables, or the first of the schema; `left` gets the names of those that are not described."""
    assert job.connection is not None
    hidden = Hidden(secret_texts(job.connection.credentials))
    policy, seconds = Policy.parse(job.prepared["addresses"]), float(job.prepared["seconds"])
    if not definition.tables:
        seconds *= _SHARE
    try:
        database = database_behind(job.connection, policy, Typing(), watch.check, seconds)
        with closing(database):
            yield from _seen(job, connection, watch, definition, left, database)
    except RunError as error:
        raise hidden.error(error) from error.__cause__


def _seen(
    job: Job,
    connection: duckdb.DuckDBPyConnection,
    watch: Watch,
    definition: ExplainSchema,
    left: list[str],
    database: Database,
) -> Iterator[Seen]:
    database.begin()
    wanted = _chosen(database.relations(definition.schema_), definition, database.place)
    for number, relation in enumerate(wanted):
        if number >= MOST_DATASETS or not has_time(watch, job, left):
            left.append(relation.shown)
            continue
        watch.check()
        try:
            yield _copied(connection, database, relation, definition, f"part_{number}")
        except faults.Silent as error:
            watch.check()
            if definition.tables:
                raise _slow(relation, error) from error
            left.append(relation.shown)
            watch.warn("table_not_read", _slow(relation, error).message, {"table": relation.shown, "code": "TIMEOUT"})
        except RunError as error:
            watch.check()
            if definition.tables:
                raise
            left.append(relation.shown)
            watch.warn("table_not_read", error.message[:500], {"table": relation.shown, "code": error.code.value})


def _slow(relation: Relation, error: RunError) -> Permanent:
    text = f"{relation.shown} sent no row for {error.details['seconds']:g} s: it is a slow view, or waits for a lock. "
    return Permanent(ErrorCode.TIMEOUT, text + "Name other tables, or fewer sample_rows.", {"table": relation.shown})


def _chosen(there: list[Relation], definition: ExplainSchema, place: str) -> list[Relation]:
    """Tables before views. Raises DATA_ERROR for a name that is not there, and where there is nothing."""
    if not there:
        where = f"schema {definition.schema_}" if definition.schema_ else "the user's schema"
        text = f"There are no tables at {place}, {where}: check the schema, and what the user may see."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "schema"})
    if not definition.tables:
        return sorted(there, key=lambda one: (one.is_view, one.name))
    by_name = {one.name: one for one in there}
    for name in definition.tables:
        if name not in by_name:
            raise faults.gone(name, get_close_matches(name, by_name, 3, 0.5))
    return [by_name[name] for name in dict.fromkeys(definition.tables)]


def _copied(
    connection: duckdb.DuckDBPyConnection,
    database: Database,
    relation: Relation,
    definition: ExplainSchema,
    view: str,
) -> Seen:
    database.begin()  # each table as it is now; and the transaction of the one before may be broken off
    described = database.described(relation)
    if not described.columns:
        raise faults.gone(relation.shown)
    table, is_cut = _read(database, described, definition.sample_rows)
    names = [f"c{number}" for number in range(len(described.columns))]  # a database may have `a` beside `A`
    connection.register("arrived", table.rename_columns(names))
    connection.execute(f"CREATE TABLE {quoted(view)} AS FROM arrived")
    connection.unregister("arrived")
    seen = len(table)
    is_sampled = is_cut or seen >= definition.sample_rows
    rows = seen if not is_sampled else None if relation.rows is None else max(relation.rows, seen)
    more = {"is_view": relation.is_view, "declared_key": [column.name for column in described.key]}
    called = {name: column.name for name, column in zip(names, described.columns, strict=True)}
    types = {name: column.kind for name, column in zip(names, described.columns, strict=True)}
    return Seen(relation.shown, quoted(view), quoted(view), rows, seen, is_sampled, more, called, types)


def _read(database: Database, relation: Relation, most: int) -> tuple[pa.Table, bool]:
    """The first rows, and whether there were too many bytes for all that were asked for."""
    empty = pa.table([pa.array([], pa.string()) for _ in relation.columns], [one.name for one in relation.columns])
    parts, received = [], 0
    with closing(database.pages(Question(relation, relation.columns, limit=most))) as pages:  # type: ignore[type-var]
        for page in pages:
            parts.append(page.table)
            received += page.received
            if received >= LARGEST:
                return _joined(parts), True
    return (_joined(parts) if parts else empty), False


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Columns whose pages have different types, since a value did not fit the database's own, are texts."""
    if all(part.schema == parts[0].schema for part in parts):
        return pa.concat_tables(parts)
    names = parts[0].column_names
    columns = [_united([part.column(place) for part in parts]) for place in range(len(names))]
    return pa.table(columns, names)


def _united(chunked: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    kinds = {part.type for part in chunked}
    parts = chunked if len(kinds) == 1 else [part.cast(pa.string()) for part in chunked]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)

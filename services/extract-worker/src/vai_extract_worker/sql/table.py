"""One table or view as a resource: its slices, their rows, its cursor."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker import log_texts
from vai_extract_worker.modes import mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.source import Page
from vai_extract_worker.sql import cuts
from vai_extract_worker.sql.cursors import SqlCursor
from vai_extract_worker.sql.cuts import Stretch
from vai_extract_worker.sql.opened_database import Session
from vai_extract_worker.values.columns import free_name, with_declared
from vai_extract_worker.values.known_rows import MOST_KNOWN
from vai_records.definitions.dlt_extract import SqlDatabase
from vai_records.definitions.sources.sql_resources import SqlResource
from vai_worker.sql.relations import Column, Database, Question, Relation

SMALL_BYTES = 8 * 1024 * 1024
"""A table up to this size (by the database's estimate) is one slice."""


@dataclass(frozen=True)
class _Opened:
    """What an attempt has found out about its table."""

    relation: Relation
    columns: tuple[Column, ...]
    names: list[str]
    by: Column | None
    cursor: SqlCursor | None
    stretches: list[Stretch]


class SqlTable:
    """One table as a resource. All its slices of one attempt are read in one transaction, so they show the same
    moment.
    """

    sliced = True

    def __init__(self, session: Session, definition: SqlDatabase, resource: SqlResource) -> None:
        mode = mode_of(definition, resource)
        saved = session.means.cursors.get(resource.name)
        self.name = resource.name
        self.table = resource.table_name
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._saved: Json | None = saved["value"] if saved and mode.begins else None
        self._session, self._definition, self._resource = session, definition, resource
        self._opened: _Opened | None = None
        self._is_complete = False

    @property
    def _database(self) -> Database:
        return self._session.database

    def begin(self, state: ResourceProgress) -> None:
        relation = self._session.begin(self._resource.schema_ or self._definition.schema_, self._resource.relation)
        columns = self._chosen(relation)
        by, cursor = self._cut_by(relation), None
        if (asked := self._resource.incremental) is not None:
            cursor_column = self._sorted(relation, asked.cursor_path, "incremental.cursor_path")
            cursor = SqlCursor(self._database, relation, cursor_column, asked, self._saved)
        if state.plan is None:
            plan = cursor.plan(self._definition.start) if cursor else {"by": by.name if by else None}
            state.plan = plan | {"cuts": self._cuts(relation, by, cursor)}
        elif (was := state.plan["by"]) is not None and (by is None or by.name != was):
            text = f"{relation.shown} was cut by {was} when this run began, and cannot be cut so any more: its key has "
            raise Permanent(ErrorCode.DATA_ERROR, text + "changed. Start a new run.", {"table": relation.shown})
        if cursor is not None:
            cursor.go_on(state.plan, state.cursor)
        found = cuts.stretches(state.plan["cuts"], with_apart=cursor is not None and cursor.has_apart)
        taken: set[str] = set()
        names = [free_name(column.name, taken) for column in columns]
        self._opened = _Opened(relation, columns, names, by, cursor, found)
        self._tell_before(self._opened)

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        return self._found.stretches[state.slices_done :]

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        found, stretch = self._found, part
        everything = found.cursor is None
        where = (
            " AND ".join(cuts.within(self._database, stretch, found.by, everything))
            if found.cursor is None
            else found.cursor.where(stretch)
        )
        marked = found.cursor.marked(stretch) if found.cursor else ""
        limit = self._definition.limit_rows
        yield Page(self._named(self._session.empty(found.columns)))
        for answer in self._database.pages(Question(found.relation, found.columns, where, marked, limit)):
            table = found.cursor.fresh(answer.table, answer.marks, stretch) if found.cursor else answer.table
            yield Page(self._named(table), answer.received)
        if found.cursor:
            found.cursor.ended(stretch)
        if stretch.last:
            self._is_complete = True
            self._tell_after(found)
            self._database.end()

    def cursor(self) -> Json | None:
        cursor = self._opened and self._opened.cursor
        return cursor.state(self._is_complete) if cursor and self.tracks else None

    @property
    def _found(self) -> _Opened:
        if self._opened is None:
            raise LookupError("begin was not called")
        return self._opened

    # Columns ---------------------------------------------------------------------------------------------------------

    def _chosen(self, relation: Relation) -> tuple[Column, ...]:
        if not (wanted := self._resource.only_columns):
            return relation.columns
        return tuple(self._column(relation, name, "only_columns") for name in wanted)

    def _column(self, relation: Relation, name: str, field: str) -> Column:
        if (found := relation.column(name)) is not None:
            return found
        names = [column.name for column in relation.columns]
        near = [one for one in names if one.lower() == name.lower()] or get_close_matches(name, names, 3)
        hint = f" There is {', '.join(near)}." if near else ""
        text = f"{relation.shown} has no column {name}.{hint} Correct {field}."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": field, "column": name})

    def _sorted(self, relation: Relation, name: str, field: str) -> Column:
        column = self._column(relation, name, field)
        if not column.sorts:
            text = f"{relation.shown}.{name} has the type {column.kind}, by which rows cannot be sorted. Take "
            raise Permanent(
                ErrorCode.DATA_ERROR, text + f"a number, a time or a short text as {field}.", {"field": field}
            )
        return column

    def _cut_by(self, relation: Relation) -> Column | None:
        """The column by which slices are cut. None if the whole table is one slice."""
        slices, incremental = self._resource.slices, self._resource.incremental
        if incremental is not None:
            return self._sorted(relation, incremental.cursor_path, "incremental.cursor_path")
        if slices is not None and slices.column is not None:
            return self._sorted(relation, slices.column, "slices.column")
        first = relation.key[0] if relation.key else None
        if slices is not None and (first is None or not first.sorts):
            text = f"{relation.shown} has no key to cut it by: name one of its columns as slices.column."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.column"})
        return first if first is not None and first.sorts else None

    def _cuts(self, relation: Relation, by: Column | None, cursor: SqlCursor | None) -> list[str]:
        slices = self._resource.slices
        is_small = relation.size is not None and relation.size <= SMALL_BYTES and not relation.is_view
        if by is None or self._definition.limit_rows is not None or (slices is None and is_small):
            return []
        where = cursor.new_rows() if cursor else ""
        if slices is not None and slices.days is not None:
            return cuts.by_days(self._database, relation, by, slices.days, where)
        rows = slices.rows if slices is not None and slices.rows else self._definition.slice_rows
        return cuts.by_rows(self._database, relation, by, rows, where)

    def _named(self, table: pa.Table) -> pa.Table:
        return with_declared(table.rename_columns(self._found.names), self._resource.columns)

    # What its user should know ---------------------------------------------------------------------------------------

    def _note(self, note: str) -> None:
        entry = log_texts.resource_note(self.name, note)
        self._session.means.link.log(entry["event"], entry["message"], entry["data"], entry["level"])

    def _tell_before(self, found: _Opened) -> None:
        relation = found.relation
        if relation.hides_rows:
            self._note(f"row-level security of {relation.shown} may hide rows from the connection's user")
        if renamed := [
            f"{column.name} is {name}"
            for column, name in zip(found.columns, found.names, strict=True)
            if column.name != name
        ]:
            self._note(f"columns whose names differ in case alone are told apart: {', '.join(renamed[:20])}")
        large = relation.size is not None and relation.size > SMALL_BYTES
        if found.by is None and large and self._definition.limit_rows is None:
            self._note("it has no key, so it is one slice: an attempt that is interrupted reads it from its beginning")

    def _tell_after(self, found: _Opened) -> None:
        for column, count in self._session.nulled().items():
            self._note(f"{count:,} unusual dates of {column} became null, as unusual_dates says")
        if found.cursor and found.cursor.left_out:
            named = found.cursor.column.name
            self._note(f"{found.cursor.left_out:,} rows without a usual {named} were left out")
        if found.cursor and found.cursor.forgotten:
            entry = log_texts.rows_not_remembered(self.name, found.cursor.forgotten, MOST_KNOWN)
            self._session.means.link.log(entry["event"], entry["message"], entry["data"], entry["level"])

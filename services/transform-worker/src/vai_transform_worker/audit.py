"""Checks a transform before it commits: its checks on the new rows, and the changes of its table's columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from vai_common.errors import RunError
from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_transform_worker.checking import Checker, Found, broken
from vai_transform_worker.interruption import Watch
from vai_transform_worker.new_rows import Bound, NewRows
from vai_transform_worker.query import planning
from vai_transform_worker.table import schema_changes
from vai_transform_worker.table.delta_types import Bind
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source

_NO_ROWS = "(SELECT 1 AS none WHERE false)"


@dataclass
class Audit:
    """`table` is the output's name. `failure` turns an error of DuckDB into the run's error."""

    definition: DuckdbTransform
    table: str
    watch: Watch
    connection: duckdb.DuckDBPyConnection
    bind: Bind
    bound: Bound
    failure: Callable[[Exception], RunError]
    found: list[Found] = field(default_factory=list)
    changes: list[schema_changes.Change] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """The part of the result about checks and changed columns. Empty if there is nothing to report."""
        checked = {"checks": [each.as_json() for each in self.found]} if self.found else {}
        return checked | ({"schemaChanges": self.changes} if self.changes else {})

    def rows(self, relation: str | None, sources: Mapping[str, Source], without_type: Sequence[str]) -> None:
        """Run the checks on the new rows (None: there are none) and report the findings. Raises if one of them is an
        error.
        """
        if not self.definition.checks:
            return
        self.found = self._checker(relation or _NO_ROWS, sources, without_type).run(self.definition.checks)
        for each in self.found:
            if not each.is_passed:
                said = f"Check {each.name} ({each.check.severity}): {each.in_words}"
                self.watch.warn("check_broken", said, each.as_json())
        if (error := broken(self.found)) is not None:
            raise error
        passed = sum(each.is_passed for each in self.found)
        self.watch.log("checks_passed", f"{passed} of {len(self.found)} checks passed", {"passed": passed})

    def columns(self, sql: str | None, known: Mapping[str, str], without_type: Sequence[str]) -> None:
        """How the columns of the table would change. Raises DATA_ERROR if they must not change.

        `known` are the columns that have a type now.
        """
        if sql is None or not known:
            return
        listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in known.items())
        before = dict(zip(known, self.bind(f"SELECT {listed}")[1], strict=True))
        rows = dict(zip(*self.bind(sql), strict=True))
        is_merge = self.definition.mode == "incremental_merge"
        after = schema_changes.merged(before, rows) if is_merge else {name: str(kind) for name, kind in rows.items()}
        kept = {name.lower() for name in without_type}
        self.changes = schema_changes.changes({name: str(kind) for name, kind in before.items()}, after, kept)
        if self.definition.on_schema_change == "fail":
            schema_changes.refuse(self.table, self.changes)

    def written(self, known: Mapping[str, str], after: Mapping[str, str], nulls: Sequence[str]) -> None:
        """How the columns of the table have changed."""
        self.changes = schema_changes.changes(known, after, {name.lower() for name in nulls})
        if self.changes:
            said = f"The columns of {self.table} have changed: {schema_changes.in_words(self.changes)}"
            self.watch.warn("schema_changed", said, {"changes": self.changes})

    def plan(
        self, sql: str | None, known: Mapping[str, str], sources: Mapping[str, Source], without_type: Sequence[str]
    ) -> dict[str, Any]:
        """The result of a dry run: what would be read, and the columns with their types. Nothing is written."""
        names, kinds = self.bind(sql) if sql else ([], [])
        columns = [{"name": name, "type": str(kind)} for name, kind in zip(names, kinds, strict=True)]
        columns += [{"name": name, "type": "NULL"} for name in without_type]
        self.columns(sql, known, without_type)
        plan = planning.plan(self.connection, sql, list(sources.values()))
        if sql and self.definition.checks:
            self._checker(f"({sql}\n)", sources, without_type).judge(self.definition.checks)
        self.watch.log("transform_planned", f"Planned {self.table}: nothing was written", {"columns": len(columns)})
        return {"dryRun": True, "recordsProcessed": 0, "columns": columns} | plan | self.result()

    def _checker(self, relation: str, sources: Mapping[str, Source], without_type: Sequence[str]) -> Checker:
        rows = NewRows(self.connection, self.definition, sources, without_type, self.bound)
        rows.expose(relation)
        return Checker(self.connection, rows.view, rows.column_of, rows.judged, self.failure)

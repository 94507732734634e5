"""Chooses how rows come into an existing table: added, merged by deltalake, or by rewriting the table.

In each case it is one commit with the same result: rows whose keys exist are updated, the others inserted. Deltalake's
merge leaves files without such rows unchanged. But it keeps all new rows in memory, its time grows with the square of
the number of columns, and it cannot widen types. In such cases DuckDB rewrites the table and can use the disk.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, RemoveAction

from vai_transform_worker.query.safety import refused
from vai_transform_worker.table.delta_types import described_types
from vai_transform_worker.table.fitting import Columns, Fit, fit
from vai_transform_worker.table.row_stream import READ_ROWS, Part
from vai_worker.reading.quoting import quoted, text

STAGED = "staged_rows"
_MOST_COLUMNS = 200
_MOST_TOUCHED = 0.5  # of the table's files
_NO_NAME = "`"  # deltalake puts names between such marks and does not double a mark within a name
_SIMPLE = {"tinyint", "smallint", "integer", "bigint", "varchar", "date", "boolean", "decimal"}


@dataclass(frozen=True)
class Staged:
    """Files that are written beside a table's own and not committed: what the log will say, and the table's schema."""

    files: Sequence[AddAction]
    schema: Schema
    rows: int
    folder: str
    gone: Sequence[RemoveAction] = ()
    """Files of the table that these replace, where they are not all."""


@dataclass(frozen=True)
class Way:
    """How the rows of the parts come into the table: they create it, are added to it, or are merged into it by
    `keys`.
    """

    how: Literal["replace", "append", "merge"]
    parts: Sequence[Part]
    keys: Sequence[str] = ()
    unique: str | None = None
    """The application transaction that marks the table's keys as unique afterwards (`unique_by`)."""
    rows: int | None = None
    """How many rows the query gave, if that is known before."""
    files: "Staged | None" = None
    """The rows, if they are in files beside the table already. Then there are no parts."""


def unique_by(keys: Iterable[str]) -> str:
    """The application transaction which says that at its write epoch each of these keys existed only once."""
    return f"vai.unique:{json.dumps(sorted(key.lower() for key in keys), ensure_ascii=False)}"


@dataclass
class Merger:
    """Merges the staged rows, whose keys are unique, into one table by its keys."""

    connection: Any
    table: str
    address: str
    keys: Sequence[str]
    without_type: Sequence[str]
    memory_mb: int
    columns: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def staged(self) -> None:
        """Call it when the rows are staged. It reads their columns and number."""
        relation = self.connection.sql(f"FROM {STAGED}")
        self.columns = dict(zip(relation.columns, relation.types, strict=True))
        found = self.connection.execute(f"SELECT count(*) FROM {STAGED}").fetchone()
        self.count = found[0] if found else 0

    def way(self, table: DeltaTable | None, epoch: int | None) -> Way:
        """The way into the present table. Raises DATA_ERROR if the rows do not fit into it."""
        unique = unique_by(self.keys)
        if table is None:
            return Way("replace", [self._part(f"FROM {STAGED}")], unique=unique, rows=self.count)
        there = described_types(table)
        if _is_empty(table):
            return Way("replace", [self._part(self._first_rows(there))], unique=unique, rows=self.count)
        self._check_keys(list(there))
        fitting = fit(self.table, self.columns, there, self.keys, self.without_type)
        keys = [name for name in there if name.lower() in {key.lower() for key in self.keys}]
        old = self._old(table)
        if epoch is None or table.transaction_version(unique) != epoch:
            self._check_unique(old, keys)
        rows = fitting.rows(self.columns, STAGED)
        keyed = fitting.rows(self.columns, STAGED, only=keys)
        matched, touched = self._met(old, keyed, keys)
        if not matched and not fitting.widened and self._can_append(fitting):
            return Way("append", [self._part(rows)], unique=unique, rows=self.count)
        if self._is_for_deltalake(fitting, there, keys, touched / max(1, len(table.file_uris()))):
            return Way("merge", [self._part(rows)], keys, unique=unique, rows=self.count)
        return Way("replace", self._anew(fitting, there, old, rows, keyed, keys), unique=unique, rows=self.count)

    def _old(self, table: DeltaTable) -> str:
        """The table as it is, as a relation."""
        return f"delta_scan({text(self.address)}, version = {table.version()})"

    def _can_append(self, fitting: Fit) -> bool:
        """Whether rows can be added without writing the others again."""
        return True

    def _first_rows(self, there: Columns) -> str:
        """The rows for a table without rows: they decide the types of its columns."""
        given = {name.lower(): name for name in self.columns}
        known = {name.lower() for name in there}
        listed = [
            f"{quoted(given[name.lower()]) if name.lower() in given else f'CAST(NULL AS {kind})'} AS {quoted(name)}"
            for name, kind in there.items()
        ]
        listed += [quoted(name) for lower, name in given.items() if lower not in known]
        return f"SELECT {', '.join(listed)} FROM {STAGED}"

    def _is_for_deltalake(self, fitting: Fit, there: Columns, keys: Sequence[str], touched: float) -> bool:
        if fitting.widened or touched >= _MOST_TOUCHED or len(fitting.types) > _MOST_COLUMNS:
            return False
        if any(_NO_NAME in name for name in fitting.types):
            return False
        return all(there[key].id in _SIMPLE for key in keys) and self._weight() < (self.memory_mb << 20) // 4

    def _weight(self) -> int:
        """About how many bytes the staged rows need in memory, estimated by the first ones."""
        sample = self.connection.sql(f"FROM {STAGED} LIMIT {READ_ROWS}").to_arrow_table()
        each: float = sample.nbytes / max(1, sample.num_rows)
        return round(self.count * each)

    def _check_keys(self, there: list[str]) -> None:
        known = {name.lower() for name in there}
        for key in self.keys:
            if key.lower() not in known:
                message = f"{self.table} has no column {key!r} to merge on: run it as full_refresh once"
                raise refused(message, merge_key=key, columns=there[:50])

    def _check_unique(self, old: str, keys: Sequence[str]) -> None:
        listed = ", ".join(quoted(key) for key in keys)
        found = self.connection.execute(f"SELECT 1 FROM {old} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1").fetchone()
        if found:
            message = (
                f"{self.table} has rows whose merge_keys ({listed}) are the same: a merge could not tell them apart. "
                "Run it as full_refresh once, with one row for each key, or merge by further columns"
            )
            raise refused(message, merge_keys=list(keys))

    def _met(self, old: str, rows: str, keys: Sequence[str]) -> tuple[int, int]:
        """How many rows of the table are updated, and how many of its files have such rows."""
        found = self.connection.execute(
            f"SELECT count(*), count(DISTINCT t.filename) FROM {old} t SEMI JOIN ({rows}) s ON {same(keys)}"
        ).fetchone()
        return (found[0], found[1]) if found else (0, 0)

    def _anew(self, fitting: Fit, there: Columns, old: str, rows: str, keyed: str, keys: Sequence[str]) -> list[Part]:
        has = {*fitting.given, *fitting.nulls}
        kept = [name for name in fitting.types if name not in has]
        new = ", ".join(_of(name, "t" if name in kept else "s", fitting, there) for name in fitting.types)
        beside = f" LEFT JOIN {old} t ON {same(keys)}" if kept else ""
        others = ", ".join(
            _of(name, "t", fitting, there) if name in there else f"CAST(NULL AS {kind}) AS {quoted(name)}"
            for name, kind in fitting.types.items()
        )
        found = self.connection.execute(f"SELECT count(*) FROM {old}").fetchone()
        return [
            self._part(f"SELECT {new} FROM ({rows}) s{beside}"),
            self._part(
                f"SELECT {others} FROM {old} t ANTI JOIN ({keyed}) s ON {same(keys)}",
                is_new=False,
                most=found[0] if found else None,
            ),
        ]

    def _part(self, sql: str, is_new: bool = True, most: int | None = None) -> Part:
        def rows() -> pa.RecordBatchReader:
            return self.connection.sql(sql).to_arrow_reader(READ_ROWS)

        return Part(rows, is_new, most, sql)


def _is_empty(table: DeltaTable) -> bool:
    """Whether the files' statistics say that they have no rows. Files of other writers may lack them."""
    return all(count == 0 for count in pa.table(table.get_add_actions(flatten=True))["num_records"].to_pylist())


def _of(name: str, alias: str, fitting: Fit, there: Columns) -> str:
    return fitting.column(name, there, alias) if alias == "t" else f"s.{quoted(name)}"


def same(keys: Sequence[str]) -> str:
    """The condition under which a row of the table (`t`) and a new one (`s`) have the same keys."""
    return " AND ".join(f"t.{quoted(key)} IS NOT DISTINCT FROM s.{quoted(key)}" for key in keys)


Chosen = Callable[[DeltaTable | None, int | None], Way]
"""The way into a table (None: it does not exist) at the given write epoch."""

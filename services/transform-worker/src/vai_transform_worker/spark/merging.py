"""Merges in Spark: the same decisions as `table.merging`, with the rows computed and written by the cluster."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import RemoveAction

from vai_common.clock import unix_milliseconds
from vai_transform_worker.spark.inputs import Inputs
from vai_transform_worker.spark.placing import Placing
from vai_transform_worker.spark.types import marked
from vai_transform_worker.table.delta_types import described_types
from vai_transform_worker.table.fitting import Columns, Fit
from vai_transform_worker.table.merging import STAGED, Merger, Staged, Way, same
from vai_transform_worker.table.row_stream import Part
from vai_worker.reading.quoting import quoted

_OWN = "own_table"
_FILE = "vai: file"
"""A column of `_OWN`: the name of the file that the row is in."""

_MOST_FILES = 1_000
"""Of so many files at most, a merge says one by one that they are replaced."""

_SAFE = re.compile(r"[A-Za-z0-9_./=-]+")  # written alike in the log, in addresses and in SQL


class SparkMerger(Merger):
    """`connection` is a `Runner`. A merge adds files, and replaces those that have rows with the keys; others stay.

    It writes the whole table anew where columns are added or widened.
    """

    def begin(self, binds: duckdb.DuckDBPyConnection, inputs: Inputs, placing: Placing, staged: Staged) -> None:
        """Call it when the rows are staged."""
        self._binds, self._inputs, self._placing, self._staged = binds, inputs, placing, staged
        self.columns = dict(zip((found := binds.sql(f"FROM {STAGED}")).columns, found.types, strict=True))
        self.count = staged.rows

    def way(self, table: DeltaTable | None, epoch: int | None) -> Way:
        self._table, self._touched, self._gone = table, set[str](), list[RemoveAction]()
        way = super().way(table, epoch)
        if [part.sql for part in way.parts] == [f"FROM {STAGED}"]:
            return replace(way, parts=(), files=self._staged)
        sql = " UNION ALL ".join(f"({part.sql})" for part in way.parts)
        staged = self._placing.stage(self.connection.frame(sql), self._binds.sql(sql))
        how = "append" if self._gone else way.how
        return replace(way, how=how, parts=(), files=replace(staged, gone=self._gone))

    def _old(self, table: DeltaTable) -> str:
        kinds = described_types(table)
        listed = [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in kinds.items()]
        listed.append(f"CAST(NULL AS VARCHAR) AS {quoted(_FILE)}")
        self._binds.execute(f"CREATE OR REPLACE TEMP VIEW {_OWN} AS SELECT {', '.join(listed)} WHERE false")
        self._show(table)
        return _OWN

    def _show(self, table: DeltaTable, only: Iterable[str] = ()) -> None:
        """The table, or the rows in `only` some of its files."""
        frame = self._inputs.table(self._placing.location, table.version())
        with self._placing.cluster.told():
            frame = frame.selectExpr("*", f"_metadata.file_name AS {marked(_FILE)}")
            if names := ", ".join(f"'{name}'" for name in sorted(only)):
                frame = frame.where(f"{marked(_FILE)} IN ({names})")
        self._placing.cluster.show(self._inputs.view(_OWN), frame)

    def _can_append(self, fitting: Fit) -> bool:
        return not fitting.added  # a commit of files alone cannot add a column

    def _met(self, old: str, rows: str, keys: Sequence[str]) -> tuple[int, int]:
        file = f"t.{quoted(_FILE)}"
        found = self.connection.execute(
            f"SELECT {file}, count(*) FROM {old} t SEMI JOIN ({rows}) s ON {same(keys)} GROUP BY {file}"
        ).fetchall()
        self._touched = {name for name, _ in found}
        return sum(count for _, count in found), len(found)

    def _anew(self, fitting: Fit, there: Columns, old: str, rows: str, keyed: str, keys: Sequence[str]) -> list[Part]:
        if self._table is not None and not fitting.widened and not fitting.added:
            self._gone = _removed(self._table, self._touched)
            self._show(self._table, self._touched if self._gone else ())
        return super()._anew(fitting, there, old, rows, keyed, keys)

    def _is_for_deltalake(self, fitting: Fit, there: Columns, keys: Sequence[str], touched: float) -> bool:
        return False

    def _part(self, sql: str, is_new: bool = True, most: int | None = None) -> Part:
        return Part(_none, is_new, most, sql)


def _removed(table: DeltaTable, names: set[str]) -> list[RemoveAction]:
    """What the log says when these files are replaced. Nothing where they are better replaced all at once."""
    there = pa.table(table.get_add_actions(flatten=True))
    if any(each.startswith("partition") for each in there.column_names) or not 0 < len(names) <= _MOST_FILES:
        return []
    files = list(zip(there["path"].to_pylist(), there["size_bytes"].to_pylist(), strict=True))
    found = [(path, size) for path, size in files if path.rpartition("/")[2] in names]
    if len(found) != len(names) or len(found) == len(files) or not all(_SAFE.fullmatch(path) for path, _ in found):
        return []
    at = unix_milliseconds()
    return [RemoveAction(path, True, at, size, {}) for path, size in found]


def _none() -> Any:
    raise AssertionError("Spark writes these rows")

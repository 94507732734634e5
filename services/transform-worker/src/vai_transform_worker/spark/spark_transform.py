"""A transform in Spark. DuckDB judges and binds the SQL as always; the cluster computes, checks and writes the rows."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vai_transform_worker.audit import Audit
from vai_transform_worker.checking import Checker
from vai_transform_worker.query import merge_keys, safety
from vai_transform_worker.query.planning import LONGEST
from vai_transform_worker.spark import cluster
from vai_transform_worker.spark.inputs import Inputs
from vai_transform_worker.spark.merging import SparkMerger
from vai_transform_worker.spark.placing import Placing
from vai_transform_worker.spark.runner import Runner, shown
from vai_transform_worker.spark.types import marked
from vai_transform_worker.table.delta import DeltaOutput, Written
from vai_transform_worker.table.merging import STAGED, Staged, Way
from vai_transform_worker.transform import Transform
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source

_NEW_ROWS = "lake.rows"


class SparkTransform(Transform):
    """Its `runs` is a `Runner`: what it binds, DuckDB binds, and what it executes, the cluster does."""

    def run(self) -> dict[str, Any]:
        job, prepared = self.job, self.job.prepared["spark"]
        with cluster.opened(prepared, job.org_id, job.run_id, job.epoch, self.watch) as opened:
            self.watch.interrupts(self._interrupt)
            self.cluster = opened
            self.inputs = Inputs(opened, self.connection, self.lake)
            self.runs = Runner(self.connection, opened, self.inputs)
            self.audit = SparkAudit(**vars(self.audit))
            self.audit.begin(self.runs, self.inputs, opened)
            return super().run()

    def _interrupt(self) -> None:
        self.connection.interrupt()
        self.cluster.interrupt()

    def _query(self) -> str | None:
        sql = super()._query()
        self.inputs.refuse_mixed(self.as_text)
        self.inputs.show(self.sources)
        if sql is not None:
            self.runs.frame(sql)  # what Spark cannot do is told before anybody waits for the table
        return sql

    def _has_rows(self, sql: str) -> bool:
        self.inputs.show(self.sources)
        return super()._has_rows(sql)

    def _values(self, sql: str, sources: dict[str, Source]) -> list[str]:
        self._bound(sql, list(sources.values()), safety.check(sql, sources))
        self.inputs.show(sources)
        return [row[0] for row in self.runs.execute(sql).fetchall()]

    def _computed(self, sql: str, output: DeltaOutput) -> Written:
        assert self.locked is not None
        epoch = self.locked["write_epoch"]
        placing = Placing(self.cluster, self.inputs, self.lake, self.location, epoch, self.bounds.output_mb)
        with placing.removed_unless_committed():
            staged = placing.stage(self.runs.frame(sql), self.connection.sql(sql))
            self._show(sql, staged, placing)
            if self.definition.mode == "incremental_merge":
                merge_keys.check_once(self.runs, STAGED, self.definition.merge_keys)
            self.audit.rows(STAGED, self.sources, self._left_out())
            if self.definition.mode == "full_refresh":
                return output.write(lambda table, epoch: Way("replace", (), files=staged, rows=staged.rows))
            merger = SparkMerger(self.runs, self.name, "", self.definition.merge_keys, self.untyped, 0)
            merger.begin(self.connection, self.inputs, placing, staged)
            return output.write(merger.way)

    def _show(self, sql: str, staged: Staged, placing: Placing) -> None:
        """The staged rows as a relation, for who binds and for who computes."""
        bound = self.connection.sql(sql)
        kinds = dict(zip(bound.columns, bound.types, strict=True))
        listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in kinds.items())
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {STAGED} AS SELECT {listed} WHERE false")
        self.cluster.show(self.inputs.view(STAGED), placing.frame(staged, kinds))


class SparkAudit(Audit):
    """Its checks run in the cluster, over the staged rows."""

    def begin(self, runs: Runner, inputs: Inputs, opened: cluster.Cluster) -> None:
        self._runs, self._inputs, self._cluster = runs, inputs, opened

    def plan(
        self, sql: str | None, known: Mapping[str, str], sources: Mapping[str, Source], without_type: Sequence[str]
    ) -> dict[str, Any]:
        planned = super().plan(sql, known, sources, without_type)
        return planned | {"plan": self._explained(sql) if sql else ""}

    def _explained(self, sql: str) -> str:
        said = io.StringIO()
        with self._cluster.told(), contextlib.redirect_stdout(said):
            self._runs.frame(sql).explain("formatted")
        return said.getvalue()[:LONGEST]

    def _checker(self, relation: str, sources: Mapping[str, Source], without_type: Sequence[str]) -> Checker:
        made = super()._checker(relation, sources, without_type)
        self._show(relation, without_type)
        self._inputs.show(sources)
        return replace(made, connection=self._runs, judged=lambda sql: self._judged(made, sql), shown=shown)

    def _show(self, relation: str, without_type: Sequence[str]) -> None:
        """The new rows in the cluster; empty where there are none, or where they are not computed (a dry run)."""
        view = self._inputs.view(_NEW_ROWS)
        if relation != STAGED:
            self._cluster.show(view, self._inputs.empty(_NEW_ROWS_HERE))
            return
        nulls = "".join(f", CAST(NULL AS STRING) AS {marked(name)}" for name in without_type)
        staged = self._inputs.view(STAGED)
        self._cluster.show(view, self._cluster.frame(f"SELECT *{nulls} FROM {staged}"))

    def _judged(self, checker: Checker, sql: str) -> str:
        judged = checker.judged(sql)
        self._runs.frame(judged)
        return judged


_NEW_ROWS_HERE = 'lake."rows"'

"""Runs one case in DuckDB and in Spark, by the code that a transform uses, and compares the rows."""

import tempfile
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import duckdb
import pyarrow as pa

from tests.spark.tables import TABLES, Case
from vai_common.errors import RunError
from vai_transform_worker.spark import cluster, dialect
from vai_transform_worker.spark.inputs import Inputs
from vai_transform_worker.spark.runner import Runner
from vai_worker.lake.places import Lake
from vai_worker.reading.sources import Source


class Outcome(NamedTuple):
    """`said`: same, other, duckdb fails, spark fails, or refused; the text for Spark where there is one."""

    said: str
    detail: str = ""
    sql: str = ""


class Both:
    """The tables of the cases in both engines."""

    def __init__(self, spark: dict[str, str]) -> None:
        self._spark = spark
        self._stack = ExitStack()

    def __enter__(self) -> "Both":
        try:
            return self._entered()
        except BaseException:
            self._stack.close()
            raise

    def _entered(self) -> "Both":
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.duckdb = self._stack.enter_context(duckdb.connect())
        self.duckdb.execute("SET TimeZone = 'UTC'; CREATE SCHEMA lake")
        self.opened = self._stack.enter_context(cluster.opened(self._spark, "o", str(uuid4()), 1, _NoWatch()))  # type: ignore[arg-type]
        sources = {}
        for name, sql in TABLES.items():
            path = folder / f"{name}.parquet"
            self.duckdb.execute(f"COPY ({sql}) TO '{path}'")
            self.duckdb.execute(f"CREATE VIEW lake.{name} AS FROM '{path}'")
            sources[name] = Source(name, name, files=[f"{name}.parquet"])
        inputs = Inputs(self.opened, self.duckdb, Lake(folder.as_uri()))
        inputs.show(sources)
        self.views = inputs.views
        self.runner = Runner(self.duckdb, self.opened, inputs)
        return self

    def __exit__(self, *given: Any) -> None:
        self._stack.close()

    def compare(self, case: Case) -> Outcome:
        sql = case.sql.replace("{t}", f"lake.{case.table}")
        failed, text = False, ""
        try:
            ours = _comparable(self.duckdb.sql(sql).to_arrow_table())
        except (duckdb.Error, ValueError) as error:
            ours = [str(error).split("\n")[0]]
            failed = True
        try:
            text = dialect.to_spark(sql, self.views)
            theirs = _comparable(self.runner.rows(sql))
        except RunError as error:
            kind = "refused" if "engine" not in error.details else "both fail" if failed else "spark fails"
            return Outcome(kind, error.message, text)
        if failed:
            return Outcome("duckdb fails", ours[0], text)
        if ours == theirs:
            return Outcome("same", "", text)
        pairs = [f"{one} != {other}" for one, other in zip(ours, theirs, strict=False) if one != other]
        return Outcome("other", " ; ".join(pairs[:3]) or f"{len(ours)} rows != {len(theirs)} rows", text)


def _comparable(table: pa.Table) -> list[str]:
    """The rows as sorted text; DOUBLE to 13 digits, as the engines' own functions differ in the last ones."""
    return sorted(repr(_short(row)) for row in table.to_pylist())


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.13g}")
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list | tuple) else value


class _NoWatch:
    def check(self) -> None:
        return None

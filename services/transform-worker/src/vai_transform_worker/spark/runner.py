"""DuckDB binds, Spark computes: what the checks and the merge of a transform say in SQL, run by the cluster."""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from vai_transform_worker.query.safety import refused
from vai_transform_worker.spark.cluster import Cluster
from vai_transform_worker.spark.dialect import to_spark
from vai_transform_worker.spark.inputs import Inputs
from vai_transform_worker.spark.types import keeps, marked, spark_type
from vai_worker.reading.looking import first_rows
from vai_worker.reading.quoting import quoted

FETCHED, _ARRIVED = "fetched_rows", "arrived_rows"


class Runner:
    """Looks like a connection of DuckDB to who only binds (`sql`) and asks for few rows (`execute`)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cluster: Cluster, inputs: Inputs) -> None:
        self._connection, self._cluster, self._inputs = connection, cluster, inputs

    def sql(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Bind it in DuckDB: names and types of the columns. Nothing runs."""
        return self._connection.sql(sql)

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run it in Spark; the rows can be fetched as DuckDB's, and are `FETCHED` until the next call."""
        bound = self.sql(sql)
        listed = ", ".join(
            f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}"
            for name, kind in zip(bound.columns, bound.types, strict=True)
        )
        self._connection.register(_ARRIVED, self.rows(sql))
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {FETCHED} AS SELECT {listed} FROM {_ARRIVED}")
        return self._connection.execute(f"FROM {FETCHED}")

    def rows(self, sql: str) -> pa.Table:
        """Its rows, with Spark's types for DuckDB's."""
        return self._cluster.arrow(self.frame(sql))

    def frame(self, sql: str, kinds: Mapping[str, Any] | None = None) -> Any:
        """The query for Spark, with exactly the columns and types (`kinds`) that DuckDB gives it.

        Raises DATA_ERROR that names a column whose values Spark gives in a type that does not hold them.
        """
        if kinds is None:
            bound = self.sql(sql)
            kinds = dict(zip(bound.columns, bound.types, strict=True))
        frame = self._cluster.frame(to_spark(sql, self._inputs.views))
        found = self._cluster.schema(frame)
        there = {name.lower(): (position, kind) for position, (name, kind) in enumerate(found)}
        by_place = len(found) == len(kinds)
        listed = []
        for place, (name, kind) in enumerate(kinds.items()):
            wanted = spark_type(name, kind)
            position, given = (place, found[place][1]) if by_place else there.get(name.lower(), (-1, None))
            if given is None or not keeps(given, wanted):
                raise _other(name, kind, given)
            listed.append((position, name, wanted))
        with self._cluster.told():
            renamed = frame.toDF(*(f"c{position}" for position in range(len(found))))
            return renamed.selectExpr(*(f"CAST(c{at} AS {wanted}) AS {marked(name)}" for at, name, wanted in listed))


def shown(runner: Runner, relation: str, most: int, longest: int, largest: int) -> dict[str, Any]:
    """As `first_rows`, of a relation in the cluster."""
    return first_rows(runner.execute(f"SELECT * FROM {relation} LIMIT {most:d}"), FETCHED, most, longest, largest)


def _other(column: str, kind: Any, given: Any) -> Exception:
    there = "missing" if given is None else given.simpleString().upper()
    message = (
        f"Column {column!r} is {kind} in DuckDB and {there} in Spark, and values could be rounded or read otherwise: "
        f"CAST it AS {kind} in the SQL"
    )
    return refused(message, column=column, duckdb=str(kind), spark=there)

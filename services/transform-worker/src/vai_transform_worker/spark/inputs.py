"""Shows the tables that a run may read, in its Spark session, with the columns and types that DuckDB has for them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb
from deltalake import DeltaTable

from vai_transform_worker.query.engine import AsText
from vai_transform_worker.query.safety import refused
from vai_transform_worker.spark.cluster import Cluster
from vai_transform_worker.spark.types import marked, spark_type
from vai_worker.lake.places import Lake
from vai_worker.reading.quoting import texts
from vai_worker.reading.sources import Source

_GLOB = re.compile(r"([{}\[\]*?\\])")


def address(lake: Lake, path: str) -> str:
    """The address of a file or a folder of the lake, as Spark (Hadoop) takes it, with nothing that is a pattern."""
    full = lake.address(path)
    full = f"s3a://{full.removeprefix('s3://')}" if lake.is_remote else f"file://{full}"
    return _GLOB.sub(r"\\\1", full)


class Inputs:
    """The views, by DuckDB's names of the relations in lower case."""

    def __init__(self, cluster: Cluster, connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
        self._cluster, self._connection, self._lake = cluster, connection, lake
        self.views: dict[str, str] = {}

    def refuse_mixed(self, found: Iterable[AsText]) -> None:
        """Spark has no reader for a column that has several types in its files. Raises DATA_ERROR that names it."""
        for each in found:
            message = (
                f"{each.column} of {each.dataset} has several types in its files ({', '.join(each.kinds)}), which "
                'Spark cannot read as one: extract it again, or take engine "duckdb"'
            )
            raise refused(message, column=each.column, dataset=each.dataset)

    def show(self, sources: Mapping[str, Source]) -> None:
        """Show all that are not shown yet. DuckDB's views must be there."""
        for source in sources.values():
            key = source.view.replace('"', "").lower()
            if key not in self.views or source.is_blank:  # the columns of a blank one may have become others
                self._show(source, key)

    def view(self, relation: str) -> str:
        """The name of the view for a relation: one that nobody can write by chance."""
        return self.views.setdefault(relation.lower(), f"vai_{len(self.views)}")

    def _show(self, source: Source, key: str) -> None:
        found = self._connection.sql(f"FROM {source.view}")
        columns = dict(zip(found.columns, found.types, strict=True))
        self._cluster.show(self.view(key), self._frame(source, columns))

    def empty(self, view: str) -> Any:
        """No rows, with the columns that DuckDB's view has."""
        found = self._connection.sql(f"FROM {view}")
        return self._no_rows(dict(zip(found.columns, found.types, strict=True)))

    def _no_rows(self, columns: Mapping[str, Any]) -> Any:
        return self._cluster.frame(f"SELECT {nulls(columns)} WHERE false")

    def _frame(self, source: Source, columns: Mapping[str, Any]) -> Any:
        if source.location is not None:
            return self._delta(source)
        if source.files:
            return self._files(source, columns)
        return self._no_rows(columns)

    def _files(self, source: Source, columns: Mapping[str, Any]) -> Any:
        without_type = {each["name"]: None for each in source.columns if each["type"] == "NULL"}
        typed = {name: kind for name, kind in columns.items() if name not in without_type}
        lacking = self._lacking(source)
        groups: dict[frozenset[str], list[str]] = {}
        for path in source.files:
            groups.setdefault(lacking.get(path, frozenset()), []).append(address(self._lake, path))
        frames = [self._read(paths, typed, lacks) for lacks, paths in groups.items()]
        with self._cluster.told():
            frame = reduce(lambda one, other: one.unionByName(other), frames)
        return self._with_nulls(frame, list(without_type))

    def _lacking(self, source: Source) -> dict[str, frozenset[str]]:
        """The columns, in lower case, that are NULL without a type in a file. Spark has no reader for these."""
        paths = {self._lake.address(path): path for path in source.files}
        listed = texts(paths)
        rows = self._connection.execute(
            f"""SELECT file_name, name, num_children, duckdb_type FROM parquet_schema({listed}) WHERE file_name IN (
                SELECT file_name FROM parquet_schema({listed}) WHERE duckdb_type = '"NULL"')
                ORDER BY file_name, column_id"""
        ).fetchall()
        found: dict[str, set[str]] = {}
        for file, columns in groupby(rows, key=itemgetter(0)):
            open_groups: list[int] = []  # how many children of each group around are still to come
            for _, name, children, kind in columns:
                if kind == '"NULL"' and len(open_groups) > 1:
                    message = (
                        f"A file of {source.dataset} has NULLs without a type inside of a column (at {name!r}), which "
                        'Spark cannot read: extract it again, or take engine "duckdb"'
                    )
                    raise refused(message, dataset=source.dataset, field=name)
                if kind == '"NULL"':
                    found.setdefault(paths[file], set()).add(name.lower())
                if open_groups:
                    open_groups[-1] -= 1
                open_groups += [children] if children else []
                while open_groups and not open_groups[-1]:
                    open_groups.pop()
        return {path: frozenset(names) for path, names in found.items()}

    def _read(self, paths: list[str], columns: Mapping[str, Any], lacks: frozenset[str]) -> Any:
        """Files that are alike, with NULLs for what they lack."""
        frame = self.parquet(paths, {name: kind for name, kind in columns.items() if name.lower() not in lacks})
        given = [
            f"CAST(NULL AS {spark_type(name, kind)}) AS {marked(name)}"
            for name, kind in columns.items()
            if name.lower() in lacks
        ]
        if not given:
            return frame
        with self._cluster.told():
            return frame.selectExpr("*", *given).select(*map(marked, columns))

    def _with_nulls(self, frame: Any, names: Sequence[str]) -> Any:
        if not names:
            return frame
        with self._cluster.told():
            return frame.selectExpr("*", *(f"NULL AS {marked(name)}" for name in names))

    def _delta(self, source: Source) -> Any:
        assert source.location is not None
        uri, options = self._lake.address(source.location), self._lake.options() or None
        version = DeltaTable(uri, storage_options=options).version() if source.version is None else source.version
        frame = self.table(source.location, version)
        return self._with_nulls(frame, [each["name"] for each in source.columns if each["type"] == "NULL"])

    def table(self, location: str, version: int) -> Any:
        """A Delta table as it is at a version."""
        with self._cluster.told():
            reader = self._cluster.read.format("delta").option("versionAsOf", str(version))
            return reader.load(address(self._lake, location))

    def parquet(self, paths: list[str], columns: Mapping[str, Any]) -> Any:
        """Files of the lake. The types are told, so that Spark opens none of them to find out."""
        listed = ", ".join(f"{marked(name)} {spark_type(name, kind)}" for name, kind in columns.items())
        with self._cluster.told():
            return self._cluster.read.schema(listed).parquet(*paths)


def nulls(columns: Mapping[str, Any]) -> str:
    """NULLs with these names and types, as a list for SELECT."""
    return ", ".join(f"CAST(NULL AS {spark_type(name, kind)}) AS {marked(name)}" for name, kind in columns.items())

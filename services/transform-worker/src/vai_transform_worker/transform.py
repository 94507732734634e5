"""Runs a transform in the child process (rule 12): SQL over views of the lake, its rows into one Delta table."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb

from vai_common.errors import RunError
from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_records.definitions.sql_text import fill_placeholders, settled
from vai_transform_worker import telling
from vai_transform_worker.audit import Audit
from vai_transform_worker.failures import about_text, query_failure, version_gone
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import column_thread, engine, merge_keys, pivots, safety
from vai_transform_worker.query.bounds import Bounds
from vai_transform_worker.query.empty_inputs import PLACEHOLDER, UNTYPED, Blanks
from vai_transform_worker.query.unfiltered import unfiltered
from vai_transform_worker.table import delta_types
from vai_transform_worker.table.delta import Bounded, DeltaOutput, Ticket, Written
from vai_transform_worker.table.merging import STAGED, Merger
from vai_transform_worker.table.row_stream import READ_ROWS
from vai_worker.children.job import Job
from vai_worker.children.link import Link, Stop
from vai_worker.lake.places import Lake
from vai_worker.reading import united_files
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source


def transform(job: Job, link: Link) -> dict[str, Any]:
    """The entry of `duckdb_transform`: returns the run's result (decision 29)."""
    definition = DuckdbTransform.model_validate(job.definition)
    bounds = Bounds.told(job.prepared, definition.timeout_seconds)
    locked: dict[str, Any] | None = None
    with Watch(link, bounds.seconds) as watch:
        while True:
            with engine.opened(job.prepared["memory_mb"], bounds.spill_mb) as connection:
                watch.interrupts(connection.interrupt)
                try:
                    return _way_of(definition)(job, definition, watch, connection, bounds, locked).run()
                except Renewed as renewed:
                    job, locked = renewed.job, renewed.locked
                finally:
                    watch.interrupts(None)


def _way_of(definition: DuckdbTransform) -> type["Transform"]:
    """Spark is loaded late: most runs have nothing to do with it."""
    if definition.engine == "duckdb":
        return Transform
    from vai_transform_worker.spark.spark_transform import SparkTransform

    return SparkTransform


_NOTHING = Written(rows=0, table_rows=0, size=0, version=-1, columns=[])
"""A table without files: it has no rows, and no column with a type yet."""


class Renewed(Exception):
    """The lock was given, but the tables have changed since the run was prepared."""

    def __init__(self, job: Job, locked: dict[str, Any]) -> None:
        super().__init__()
        self.job, self.locked = job, locked


class Transform:
    """One transform. DuckDB binds the SQL and computes; `runs` may be another engine that computes in its place."""

    def __init__(
        self,
        job: Job,
        definition: DuckdbTransform,
        watch: Watch,
        connection: duckdb.DuckDBPyConnection,
        bounds: Bounds,
        locked: dict[str, Any] | None,
    ) -> None:
        self.name = f"{definition.output_layer}.{definition.transform_name}"
        self.bounds = bounds
        self.locked = locked
        self.files: dict[str, Any] = {}
        self.job, self.definition, self.watch, self.connection = job, definition, watch, connection
        self.lake = Lake(job.lake_url, job.org_id)
        self.location: str = job.prepared["output"]["location"]
        self.runs: Any = connection
        self.untyped: list[str] = []
        self.rows_read = False
        self.as_text: list[engine.AsText] = []
        self.sources: dict[str, Source] = {}
        self.following: column_thread.Following | None = None
        self.audit = Audit(definition, self.name, watch, connection, self._bind, self._bound, self._failure)

    def run(self) -> dict[str, Any]:
        if self.locked is None:
            telling.started(self.watch, self.definition)
        try:
            with self._explained():
                sql = self._query()
                if self.definition.dry_run:
                    planned = self.audit.plan(sql, self._known_types(), self.sources, self._left_out())
                    self.watch.progress(telling.progress(self.definition.transform_name, done=True))
                    return planned
            locked = self.locked or self._lock()
            written = self._nothing() if sql is None else self._write(sql, locked)
            self.watch.ask("wrote", self._report(written))
        except (Stop, Renewed):
            raise
        except Exception:
            if self.locked is not None:
                with suppress(Exception):
                    self.watch.ask("unlock", {})
            raise
        telling.ended(self.watch, self.definition.transform_name, written)
        result = {
            "recordsProcessed": written.rows,
            "tables": [self.definition.transform_name],
            "artifacts": [{"name": self.name, "size": written.size}],
            "destination_path": self.lake.url_of(self.location),
        }
        return result | self.audit.result()

    def _lock(self) -> dict[str, Any]:
        """Asks for the lock. Raises `Renewed` if the tables have changed since the run was prepared."""
        self.locked = {}  # every caller may have it
        self.locked = locked = self.watch.ask("lock", {})
        now = {name: locked[name] for name in ("inputs", "output") if name in locked}
        moved = any(self.watch.ask("files", {"path": path}) != found for path, found in self.files.items())
        if moved or any(self.job.prepared[name] != tables for name, tables in now.items()):
            raise Renewed(replace(self.job, prepared=self.job.prepared | now), locked)
        return locked

    def _query(self) -> str | None:
        """The checked SQL over views, with columns that a Delta table can store. None if there is nothing to store."""
        sources = {each["name"]: Source(**each) for each in self.job.prepared["inputs"]}
        self.sources = sources
        named = self.definition.placeholders()
        sql = fill_placeholders(settled(self.definition.sql), lambda name: sources[named[name].name].view)

        def literal(path: str) -> str:
            name = f"path {len(sources)}"  # no input can have this name
            self.files[path] = self.watch.ask("files", {"path": path})
            sources[name] = Source(name=name, dataset=path, **self.files[path])
            return sources[name].view

        sql = safety.without_end(safety.expose_literal_paths(sql, literal))
        folders = [self.location] if self.definition.mode == "incremental_merge" else []
        for each in engine.expose(self.connection, self.lake, list(sources.values()), folders):
            said = united_files.told(each.dataset, each.column, each.kinds)
            self.watch.warn("column_read_as_text", said, each._asdict())
            self.as_text.append(each)
        sql = pivots.with_values(sql, lambda query: self._values(query, sources))
        tree = safety.check(sql, sources)
        relation = self._bound(sql, list(sources.values()), tree)
        names, kinds = relation.columns, relation.types
        if not self.definition.dry_run:
            self.following = column_thread.Following(sql, names, column_thread.columns_of(self.connection))
        without_type = delta_types.untyped(sql, names, kinds, self._bind)
        self._tell_untyped(without_type)
        self.untyped = [name for name, kind in without_type.items() if kind == "NULL"]
        of_nothing = self._is_of_nothing(sql, list(sources.values()))
        typed = self._fixing_no_types(sql, names, kinds) if of_nothing else self._typed_by_the_table(sql, names)
        if typed is not sql:
            if typed is None:
                return None
            sql, (names, kinds) = typed, self._bind(typed)
        merge_keys.check(self.definition.merge_keys, names, self.untyped)
        kept = {name: kind for name, kind in without_type.items() if kind != "NULL" and name in names}
        kept = {} if of_nothing else kept
        return delta_types.storable_query(sql, names, kinds, self.untyped, kept)

    def _is_of_nothing(self, sql: str, sources: list[Source]) -> bool:
        """Whether there are no rows and the columns of an input are not known."""
        return any(each.is_unknown and not each.is_own for each in sources) and not self._has_rows(sql)

    def _has_rows(self, sql: str) -> bool:
        self.rows_read = True
        return self.runs.execute(f"SELECT 1 FROM ({sql}\n) AS found LIMIT 1").fetchone() is not None

    def _fixing_no_types(self, sql: str, names: list[str], kinds: list[Any]) -> str | None:
        """SQL without rows, with the table's types. None if there is no table, and a key or all columns have no type.

        Columns that a table with rows lacks, or that no table can store, are left out until there are rows.
        """
        known = self._known()
        is_merge = self.definition.mode == "incremental_merge"
        given = [name for name in names if name != PLACEHOLDER]
        if PLACEHOLDER not in names:
            merge_keys.check_given(self.definition.merge_keys, names)
        types = {name: known.get(name.lower(), {}).get("type") for name in given}
        for name, kind in zip(names, kinds, strict=True):
            if types.get(name, "") is None and name not in self.untyped and not (known and is_merge):
                with suppress(RunError):
                    types[name] = delta_types.stored_type(name, kind)
        self.untyped = [name for name, kind in types.items() if kind is None]
        keys = {key.lower() for key in self.definition.merge_keys}
        if not known and (len(self.untyped) == len(types) or any(name.lower() in keys for name in self.untyped)):
            self.untyped = given
            return None
        if is_merge or len(self.untyped) == len(types):
            types |= {each["name"]: each["type"] for key, each in known.items() if key not in map(str.lower, given)}
        listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items() if kind)
        return f"SELECT {listed} WHERE false"

    def _known(self) -> dict[str, dict[str, str]]:
        """The table's columns that have a type, by their names in lower case."""
        there = self.job.prepared["output"].get("columns", [])
        return {each["name"].lower(): each for each in there if each["type"] != "NULL"}

    def _known_types(self) -> dict[str, str]:
        return {each["name"]: each["type"] for each in self._known().values()}

    def _left_out(self) -> list[str]:
        """The columns that are NULL without a type. They are not stored."""
        return [name for name in self.untyped if name != PLACEHOLDER]

    def _nothing(self) -> Written:
        """The result for a table without files. Its checks see no rows."""
        with self._explained():
            self.audit.rows(None, self.sources, self._left_out())
        return _NOTHING

    def _typed_by_the_table(self, sql: str, names: list[str]) -> str | None:
        """The SQL in which keys without a type get the table's type. If there are no rows, all columns do.

        None if there are no rows, and neither the SQL nor the table has a type.
        """
        known = self._known()
        is_all = len(self.untyped) == len(names)
        keys = {key.lower() for key in self.definition.merge_keys}
        taken = {
            n: known[n.lower()]["type"] for n in self.untyped if n.lower() in known and (is_all or n.lower() in keys)
        }
        self.untyped = [name for name in self.untyped if name not in taken]
        if taken:
            listed = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in taken.items())
            return f"SELECT * REPLACE ({listed}) FROM ({sql}\n) AS typed"
        if not is_all or self._has_rows(sql):
            return sql
        self.untyped = [name for name in self.untyped if name != PLACEHOLDER]
        listed = ", ".join(f"CAST(NULL AS {each['type']}) AS {quoted(each['name'])}" for each in known.values())
        return f"SELECT {listed} WHERE false" if known else None

    def _bound(self, sql: str, sources: list[Source], tree: dict[str, Any]) -> duckdb.DuckDBPyRelation:
        blank = {each.name: each.view for each in sources if each.is_blank}
        if not blank:
            return self.connection.sql(sql)
        known: dict[str, str] = {}
        for source in (each for each in sources if not each.is_blank):
            names, kinds = self._bind(f"FROM {source.view}")
            known |= {name.lower(): str(kind) for name, kind in zip(names, kinds, strict=True)}
        own = next((each.name for each in sources if each.is_blank and each.is_own), None)
        without_filters = unfiltered(tree) if own else None
        return Blanks(self.connection, blank, own, known, tree).bound(sql, without_filters, self._stored)

    def _stored(self, sql: str) -> dict[str, str]:
        """The columns of the SQL as the table has them. The type of those without a type is `NULL`."""
        names, kinds = self._bind(sql)
        without_type = delta_types.untyped(sql, names, kinds, self._bind)
        return {
            name: UNTYPED
            if without_type.get(name) == "NULL"
            else without_type.get(name) or delta_types.stored_type(name, kind)
            for name, kind in zip(names, kinds, strict=True)
            if name != PLACEHOLDER
        }

    def _values(self, sql: str, sources: dict[str, Source]) -> list[str]:
        relation = self._bound(sql, list(sources.values()), safety.check(sql, sources))
        self.rows_read = True
        return [row[0] for row in relation.fetchall()]

    def _bind(self, sql: str) -> tuple[list[str], list[Any]]:
        relation = self.connection.sql(sql)
        return relation.columns, relation.types

    def _write(self, sql: str, locked: dict[str, Any]) -> Written:
        self.rows_read = True
        write_epoch = locked["write_epoch"]
        ticket = Ticket(self.job.run_id, write_epoch, partial(self._permit, write_epoch), self.job.epoch > 1)
        bounded = Bounded(self.bounds.output_mb, self.job.prepared["memory_mb"], self.bounds.spill_mb)
        uri = self.lake.address(self.location)
        output = DeltaOutput(self.name, uri, self.lake.options(), ticket, self.watch, bounded)
        if (before := output.written_before()) is not None:
            return before
        with self._explained():
            if self.definition.on_schema_change == "fail":
                self.audit.columns(sql, self._known_types(), self._left_out())
            written = self._computed(sql, output)
        output.shorten_log(written.version)
        return written

    def _computed(self, sql: str, output: DeltaOutput) -> Written:
        """Compute the rows, check them, and bring them into the table."""
        if self.definition.mode == "full_refresh":
            rows = self._checked(sql) if self.definition.checks else sql
            return output.replace(lambda: self.connection.sql(rows).to_arrow_reader(READ_ROWS))
        merger = self._staged(sql, self.lake.address(self.location))
        self.audit.rows(STAGED, self.sources, self._left_out())
        return output.write(merger.way)

    def _checked(self, sql: str) -> str:
        """A query for the checked rows. They are in a temporary table that can use the disk."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {STAGED} AS {sql}")
        self.audit.rows(STAGED, self.sources, self._left_out())
        return f"FROM {STAGED}"

    def _staged(self, sql: str, uri: str) -> Merger:
        """Run the SQL into a temporary table that can use the disk: a merge first checks that keys are unique."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {STAGED} AS {sql}")
        merge_keys.check_once(self.runs, STAGED, self.definition.merge_keys)
        memory_mb = self.job.prepared["memory_mb"]
        merger = Merger(self.connection, self.name, uri, self.definition.merge_keys, self.untyped, memory_mb)
        merger.staged()
        return merger

    def _permit(self, write_epoch: int, table_epoch: int | None) -> None:
        self.watch.ask("permit_commit", {"write_epoch": write_epoch, "table_epoch": table_epoch})

    def _report(self, written: Written) -> dict[str, Any]:
        """The result with the table's columns. Those without a type are listed as `NULL` and are not in its files."""
        there = {each["name"].lower() for each in written.columns}
        before = self.job.prepared["output"].get("columns", []) if self.definition.mode == "incremental_merge" else []
        names = [*(each["name"] for each in before if each["type"] == "NULL"), *self.untyped]
        nulls = [n for n in dict.fromkeys(names) if n.lower() not in there and n != PLACEHOLDER]
        self.audit.written(self._known_types(), {each["name"]: each["type"] for each in written.columns}, nulls)
        return {
            "row_count": written.table_rows,
            "rows": written.rows,
            "columns_from": self.following and column_thread.reported(self.following.found(), self.sources),
            "inputs": sorted({each for source in self.sources.values() for each in source.ids}),
            "reads_itself": self.definition.is_made_of_itself(),
            "changes": self.audit.changes,
            "checks": [each.as_json(with_samples=False) for each in self.audit.found],
            "columns": [*written.columns, *({"name": name, "type": "NULL"} for name in nulls)],
            "bytes": written.size,
            "version": written.version,
        }

    def _tell_untyped(self, without_type: dict[str, str]) -> None:
        for name, kind in without_type.items():
            if name == PLACEHOLDER:
                continue
            message = (
                f"Column {name} is NULL without a type: it becomes a column of the table when it has one. "
                "Say CAST(NULL AS …) where you know it"
                if kind == "NULL"
                else f"Column {name} has NULLs without a type inside: they are kept as VARCHAR. Say CAST(… AS …)"
            )
            self.watch.warn("column_untyped", message, {"column": name})

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RunError as error:
            raise about_text(error, self.as_text) from error.__cause__
        except Stop:
            raise
        except (duckdb.Error, OSError, UnicodeDecodeError) as error:
            self.watch.check()  # interrupted: `check` knows the reason
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a fault of this machine, not of the query
            raise about_text(self._failure(error), self.as_text) from error

    def _failure(self, error: Exception) -> RunError:
        if (gone := version_gone(error, self.sources.values())) is not None:
            return gone
        memory_mb, spill_mb = self.job.prepared["memory_mb"], self.bounds.spill_mb
        return query_failure(error, memory_mb, spill_mb, self.definition.sql, self.rows_read)

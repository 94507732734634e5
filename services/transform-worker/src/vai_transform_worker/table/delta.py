"""Writes one Delta table, and refuses writers that come too late (rule 14).

The table itself stores the write epoch of its last writer, as the application transaction "vai". A writer reads it on
the handle on which it commits, and commits as exactly the next version. If anything was written in between, the commit
fails.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, TableFeatures, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import create_table_with_add_actions

from vai_common.errors import ErrorCode, Retryable, RunError
from vai_transform_worker.failures import write_failure
from vai_transform_worker.interruption import Watch
from vai_transform_worker.table import file_columns
from vai_transform_worker.table.delta_types import described
from vai_transform_worker.table.leftovers import Leftovers
from vai_transform_worker.table.merging import Chosen, Way
from vai_transform_worker.table.row_stream import Part, Rows, Stream
from vai_worker.lake.delta_log import APPLICATION
from vai_worker.reading.quoting import quoted

RUN_ID = "vai.run_id"
ROWS = "vai.rows"

_TRIES = 10
_CHECKPOINT_EVERY = 10  # versions
_LOOKED_BACK = 100  # how many versions are searched for the commit of an earlier attempt


@dataclass(frozen=True)
class Ticket:
    """A writer's turn: its run, the write epoch that Postgres gave it, and a function that asks whether it may commit
    now.
    """

    run_id: str
    write_epoch: int
    permit: Callable[[int | None], None]
    is_repeated: bool = False
    """Whether an earlier attempt of the run may have written."""


@dataclass(frozen=True)
class Bounded:
    """The bounds of a write: size of the rows (uncompressed), and memory and disk for a merge."""

    output_mb: int = 51_200
    memory_mb: int = 512
    spill_mb: int = 10_240


@dataclass(frozen=True)
class Written:
    """The result of a commit. `rows` came from the query; the other values are for the whole table (`size` in bytes).

    `version` is -1 if there is no table yet.
    """

    rows: int
    table_rows: int
    size: int
    version: int
    columns: list[dict[str, str]]


class DeltaOutput:
    """One table of silver or gold, as one run may write it."""

    def __init__(
        self, name: str, uri: str, options: dict[str, str], ticket: Ticket, watch: Watch, bounded: Bounded
    ) -> None:
        self._name, self._uri, self._options = name, uri, options
        self._ticket, self._watch, self._bounded = ticket, watch, bounded

    def written_before(self) -> Written | None:
        """What an earlier attempt of this run committed before it died. None if it committed nothing.

        A run must write only once: the SQL may read its own table, so a second write could add rows twice.
        """
        table = self._open() if self._ticket.is_repeated else None
        return self._own_commit(table) if table else None

    def _own_commit(self, table: DeltaTable) -> Written | None:
        commits = (each for each in table.history(_LOOKED_BACK) if each.get(RUN_ID) == self._ticket.run_id)
        commit = next(commits, None)
        if commit is None:
            return None
        there = _described(table, 0)
        rows = commit.get(ROWS) or commit.get("operationMetrics", {}).get("num_added_rows", there.table_rows)
        name = self._name.partition(".")[2]
        message = f"An earlier attempt of this run wrote {self._name} and was lost before it could say so: it stays"
        self._watch.log("transform_repeated", message, {"transform": name})
        return replace(there, rows=int(rows))

    def replace(self, rows: Rows) -> Written:
        """Make the rows the whole table, with their schema."""
        return self.write(lambda table, epoch: Way("replace", [Part(rows)]))

    def write(self, choose: Chosen) -> Written:
        """Bring rows into the table, in the way that suits the present table."""
        table = self._open()
        with Leftovers(self._uri, table, self._open).removed_unless_committed():
            return self._tried(table, choose)

    def _tried(self, table: DeltaTable | None, choose: Chosen) -> Written:
        for attempt in range(_TRIES):
            self._check_write_epoch(table)
            if table and self._ticket.is_repeated and (done := self._own_commit(table)):
                return done  # the earlier attempt had its permit and may have committed until now
            way = choose(table, _epoch(table))
            permit = partial(self._ticket.permit, _epoch(table))
            stream = None if way.files else Stream(way.parts, self._watch, permit, self._bounded.output_mb)
            try:
                committed = self._committed(table, way, stream) if stream else self._placed(table, way, permit)
            except RunError:
                raise
            except Exception as error:
                if stream and stream.failure is not None:
                    raise stream.failure from None
                if not self._overtaken(table, error):
                    raise write_failure(error, self._name, self._bounded.memory_mb) from error
            else:
                return _described(committed, stream.count if stream and way.rows is None else way.rows or 0)
            self._watch.pause(random.uniform(0, 0.1 * 2**attempt))
            table = self._open()
        message = f"{self._name} is written by somebody else all the time: find out who else writes there"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, {"table": self._name})

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(self._uri, storage_options=self._options or None)
        except TableNotFoundError:
            return None
        except OSError as error:
            raise write_failure(error, self._name, self._bounded.memory_mb) from error

    def _check_write_epoch(self, table: DeltaTable | None) -> None:
        """Raises if the write epoch in the table is not lower than the writer's."""
        there, own = _epoch(table), self._ticket.write_epoch
        if there is None or there < own:
            return
        self._ticket.permit(there)  # stops a writer whose turn is over
        message = f"{self._name} has write epoch {there}, this run has {own}: the database is older than the lake"
        raise Retryable(ErrorCode.INTERNAL_ERROR, message, {"table": self._name, "there": there, "own": own})

    def _overtaken(self, table: DeltaTable | None, error: Exception) -> bool:
        return isinstance(error, CommitFailedError) or (table is None and self._open() is not None)

    def _commit(self, way: Way) -> CommitProperties:
        # no retries: deltalake would add a late commit after the newer version
        names = [APPLICATION, way.unique] if way.unique else [APPLICATION]
        return CommitProperties(
            custom_metadata={RUN_ID: self._ticket.run_id} | ({} if way.rows is None else {ROWS: str(way.rows)}),
            max_commit_retries=0,
            app_transactions=[Transaction(name, self._ticket.write_epoch) for name in names],
        )

    def _committed(self, table: DeltaTable | None, way: Way, stream: Stream) -> DeltaTable:
        if table is not None and way.how == "merge":
            return self._merge(table, way, stream)
        return self._write(table, way, stream)

    def _placed(self, table: DeltaTable | None, way: Way, permit: Callable[[], None]) -> DeltaTable:
        """Commit files that are written already. Like a stream, it asks for the permit last."""
        assert way.files is not None
        files, schema, commit = way.files.files, way.files.schema, self._commit(way)
        if table is not None:
            _allow_naive_times(table, pa.schema(schema.to_arrow()))
        self._watch.check()
        permit()
        if table is None:
            options = self._options or None
            create_table_with_add_actions(
                self._uri, schema, list(files), mode="error", storage_options=options, commit_properties=commit
            )
            return DeltaTable(self._uri, storage_options=options)
        written = table.version() + 1
        mode = "append" if way.how == "append" else "overwrite"
        table.create_write_transaction([*files, *way.files.gone], mode, schema, commit_properties=commit)
        return DeltaTable(self._uri, version=written, storage_options=self._options or None)

    def _write(self, table: DeltaTable | None, way: Way, stream: Stream) -> DeltaTable:
        adds = table is not None and way.how == "append"
        if table is not None and adds:
            _allow_naive_times(table, stream.reader.schema)
        options: dict[str, Any] = {
            "mode": "error" if table is None else "append" if adds else "overwrite",
            "schema_mode": None if table is None else "merge" if adds else "overwrite",
            "storage_options": self._options or None,
            "target_file_size": stream.file_size,
            "writer_properties": file_columns.properties(stream.reader.schema, stream.has_few_rows),
            "commit_properties": self._commit(way),
        }
        write_deltalake(self._uri if table is None else table, stream.reader, **options)
        return table or DeltaTable(self._uri, storage_options=self._options or None)

    def _merge(self, table: DeltaTable, way: Way, stream: Stream) -> DeltaTable:
        _allow_naive_times(table, stream.reader.schema)
        (
            table.merge(
                stream.reader,
                " AND ".join(f"(t.{quoted(key)} IS NOT DISTINCT FROM s.{quoted(key)})" for key in way.keys),
                source_alias="s",
                target_alias="t",
                merge_schema=True,
                writer_properties=file_columns.properties(_with(table, stream.reader.schema)),
                max_spill_size=self._bounded.memory_mb << 20,
                max_temp_directory_size=self._bounded.spill_mb << 20,
                commit_properties=self._commit(way),
            )
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )
        return table

    def shorten_log(self, version: int) -> None:
        """From time to time, write a checkpoint. A failure is ignored; the next time tries again.

        A reader must read a file for each version after the last checkpoint. All else is the table's upkeep.
        """
        if not version or version % _CHECKPOINT_EVERY:
            return
        try:
            if table := self._open():
                table.create_checkpoint()
        except Exception as error:
            message = f"{self._name} got no checkpoint: {error}"
            self._watch.warn("checkpoint_failed", message, {"table": self._name})


def _described(table: DeltaTable, rows: int) -> Written:
    files = pa.table(table.get_add_actions(flatten=True))
    return Written(
        rows=rows,
        # files of other writers may lack the number of rows
        table_rows=sum(count or 0 for count in files["num_records"].to_pylist()),
        size=sum(files["size_bytes"].to_pylist()),
        version=table.version(),
        columns=described(json.loads(table.schema().to_json())["fields"]),
    )


def _epoch(table: DeltaTable | None) -> int | None:
    return None if table is None else table.transaction_version(APPLICATION)


def _with(table: DeltaTable, schema: pa.Schema) -> pa.Schema:
    """The table's columns, then those that the rows add."""
    there = pa.schema(table.schema().to_arrow())
    return pa.schema([*there, *(field for field in schema if field.name not in there.names)])


def _allow_naive_times(table: DeltaTable, schema: pa.Schema) -> None:
    """Add the table feature that deltalake's merge forgets with the first TIMESTAMP. Without it the table could not be
    read.
    """
    if "timestampNtz" in (table.protocol().writer_features or []) or not any(
        map(file_columns.has_naive_times, schema.types)
    ):
        return
    table.alter.add_feature(
        TableFeatures.TimestampWithoutTimezone,
        allow_protocol_versions_increase=True,
        commit_properties=CommitProperties(max_commit_retries=0),
    )

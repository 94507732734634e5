"""Writes one Delta table and fences the writers off that come late (rule 14).

The table itself carries the write epoch of its last writer as the application transaction "vai". A writer reads it on
the handle on which it commits, and commits as exactly the next version: whatever was written in between refuses it.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, TableFeatures, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from common.errors import ErrorCode, Retryable, RunError
from transform_worker.columns import described, quoted
from transform_worker.failures import write_failure
from transform_worker.leftovers import Leftovers
from transform_worker.safety import refused
from transform_worker.watch import Watch

APPLICATION = "vai"
RUN_ID = "vai.run_id"

_TRIES = 10
_VACUUM_EVERY = 10  # versions
_KEEP_HOURS = 24

Rows = Callable[[], pa.RecordBatchReader]


@dataclass(frozen=True)
class Ticket:
    """A writer's turn: its run, the write epoch that Postgres gave it, and the question whether it may commit now."""

    run_id: str
    write_epoch: int
    permit: Callable[[int | None], None]


@dataclass(frozen=True)
class Written:
    """What a commit left: `rows` came from the query, the rest is of the whole table (`size` in bytes)."""

    rows: int
    table_rows: int
    size: int
    version: int
    columns: list[dict[str, str]]


class _Stream:
    """Rows on their way to the table; after the last one it asks whether the writer may commit."""

    def __init__(self, rows: pa.RecordBatchReader, watch: Watch, permit: Callable[[], None], most_mb: int) -> None:
        self.count = self.size = 0
        self._most_mb = most_mb
        self.failure: Exception | None = None
        self._rows, self._watch, self._permit = rows, watch, permit
        self.reader = pa.RecordBatchReader.from_batches(rows.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._rows:
                self._watch.check()
                self.count += batch.num_rows
                self.size += batch.nbytes
                self._check_size()
                yield batch
            self._permit()
        except Exception as error:
            self.failure = error  # on the far side of the Arrow stream only its text would be left
            raise

    def _check_size(self) -> None:
        if self.size > self._most_mb << 20:
            message = (
                f"The SQL gives more than {self._most_mb:,} MB of rows: filter or aggregate, "
                "or let the workers write more (VAI_OUTPUT_MB)"
            )
            raise refused(message, rows=self.count, most_mb=self._most_mb)


class DeltaOutput:
    """One table of silver or gold, as one run may write it."""

    def __init__(
        self, name: str, uri: str, options: dict[str, str], ticket: Ticket, watch: Watch, *, most_mb: int = 51_200
    ) -> None:
        self._name, self._uri, self._options = name, uri, options
        self._ticket, self._watch, self._most_mb = ticket, watch, most_mb

    def written_by(self) -> str | None:
        """The run that made the table's newest version; None where there is no table, or somebody else made it."""
        table = self._open()
        newest = table.history(1) if table else []
        return str(newest[0][RUN_ID]) if newest and RUN_ID in newest[0] else None

    def replace(self, rows: Rows) -> Written:
        """Make the rows the whole table, with their schema."""
        return self._until_committed(rows, self._replace)

    def merge(self, rows: Rows, keys: list[str]) -> Written:
        """Update the rows whose keys are there, insert the others; new columns are added to the table."""
        return self._until_committed(rows, lambda table, reader: self._merge(table, reader, keys))

    def _until_committed(
        self, rows: Rows, write: Callable[[DeltaTable | None, pa.RecordBatchReader], DeltaTable]
    ) -> Written:
        try:
            with Leftovers(self._uri, self._open).removed_unless_committed():
                return self._tried(rows, write)
        except RunError:
            self.tidy(0)  # a table whose runs never succeed has no version at which it would be tidied
            raise

    def _tried(self, rows: Rows, write: Callable[[DeltaTable | None, pa.RecordBatchReader], DeltaTable]) -> Written:
        for attempt in range(_TRIES):
            table = self._fenced()
            stream = _Stream(rows(), self._watch, partial(self._ticket.permit, _epoch(table)), self._most_mb)
            try:
                committed = write(table, stream.reader)
            except RunError:
                raise
            except Exception as error:
                if stream.failure is not None:
                    raise stream.failure from None
                if not self._overtaken(table, error):
                    raise write_failure(error, self._name) from error
            else:
                return _described(committed, stream.count)
            self._watch.pause(random.uniform(0, 0.1 * 2**attempt))
        message = f"{self._name} is written by somebody else all the time: find out who else writes there"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, {"table": self._name})

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(self._uri, storage_options=self._options or None)
        except TableNotFoundError:
            return None

    def _fenced(self) -> DeltaTable | None:
        """The handle to commit on. Raises where the table's write epoch is not lower than the writer's."""
        table = self._open()
        there, own = _epoch(table), self._ticket.write_epoch
        if there is None or there < own:
            return table
        self._ticket.permit(there)  # tells a writer that is out of turn to stop
        message = f"{self._name} has write epoch {there}, this run has {own}: the database is older than the lake"
        raise Retryable(ErrorCode.INTERNAL_ERROR, message, {"table": self._name, "there": there, "own": own})

    def _overtaken(self, table: DeltaTable | None, error: Exception) -> bool:
        return isinstance(error, CommitFailedError) or (table is None and self._open() is not None)

    def _commit(self) -> CommitProperties:
        # no retries: deltalake would put a late commit on top of the newer version
        return CommitProperties(
            custom_metadata={RUN_ID: self._ticket.run_id},
            max_commit_retries=0,
            app_transactions=[Transaction(APPLICATION, self._ticket.write_epoch)],
        )

    def _replace(self, table: DeltaTable | None, reader: pa.RecordBatchReader) -> DeltaTable:
        write_deltalake(
            self._uri if table is None else table,
            reader,
            mode="error" if table is None else "overwrite",
            schema_mode=None if table is None else "overwrite",
            storage_options=self._options or None,
            commit_properties=self._commit(),
        )
        return table or DeltaTable(self._uri, storage_options=self._options or None)

    def _merge(self, table: DeltaTable | None, reader: pa.RecordBatchReader, keys: list[str]) -> DeltaTable:
        if table is None:
            return self._replace(None, reader)
        self._check_keys(table, keys)
        _allow_naive_times(table, reader.schema)
        (
            table.merge(
                reader,
                " AND ".join(f"(t.{quoted(key)} IS NOT DISTINCT FROM s.{quoted(key)})" for key in keys),
                source_alias="s",
                target_alias="t",
                merge_schema=True,
                commit_properties=self._commit(),
            )
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )
        return table

    def _check_keys(self, table: DeltaTable, keys: list[str]) -> None:
        there = [field.name for field in table.schema().fields]
        for key in keys:
            if key not in there:
                message = f"{self._name} has no column {key!r} to merge on: run it as full_refresh once"
                raise refused(message, merge_key=key, columns=there)

    def tidy(self, version: int) -> None:
        """Now and then, remove files that no version of the last day holds; whatever fails is tried next time."""
        if version % _VACUUM_EVERY:
            return
        try:
            table = self._open()
            if table is None:
                return
            table.vacuum(
                retention_hours=_KEEP_HOURS,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except Exception as error:
            self._watch.warn("tidy_failed", f"{self._name} could not be tidied: {error}", {"table": self._name})


def _described(table: DeltaTable, rows: int) -> Written:
    files = pa.table(table.get_add_actions(flatten=True))
    return Written(
        rows=rows,
        # other writers' files need not say how many rows they have
        table_rows=sum(count or 0 for count in files["num_records"].to_pylist()),
        size=sum(files["size_bytes"].to_pylist()),
        version=table.version(),
        columns=described(json.loads(table.schema().to_json())["fields"]),
    )


def _epoch(table: DeltaTable | None) -> int | None:
    return None if table is None else table.transaction_version(APPLICATION)


def _allow_naive_times(table: DeltaTable, schema: pa.Schema) -> None:
    """Add the table feature that a merge forgets with its first TIMESTAMP: nothing could read the table then."""
    if "timestampNtz" in (table.protocol().writer_features or []) or not any(map(_is_naive, schema.types)):
        return
    table.alter.add_feature(
        TableFeatures.TimestampWithoutTimezone,
        allow_protocol_versions_increase=True,
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def _is_naive(kind: Any) -> bool:
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return any(_is_naive(kind.field(position).type) for position in range(kind.num_fields))

"""Lets Spark write rows to files beside a table's own. Nobody reads them before the worker has committed them.

Spark never writes to the table's log, so a job that nobody waits for any more can change nothing (decision 80).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from deltalake import DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction

from vai_transform_worker.query.safety import refused
from vai_transform_worker.spark.cluster import Cluster
from vai_transform_worker.spark.inputs import Inputs, address
from vai_transform_worker.table.merging import Staged
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import open_lake

_FILE = "vai_file"


@dataclass
class Placing:
    """The folders of one attempt, under `location` of the table. Each has the write epoch in its name."""

    cluster: Cluster
    inputs: Inputs
    lake: Lake
    location: str
    write_epoch: int
    most_mb: int
    folders: list[str] = field(default_factory=list)

    def stage(self, frame: Any, bound: duckdb.DuckDBPyRelation) -> Staged:
        """Write the rows of a DataFrame, with the columns of `bound`. Raises DATA_ERROR if they are too large."""
        folder = f"spark-e{self.write_epoch}-{uuid4().hex[:12]}"
        self.folders.append(folder)
        with self.cluster.told(runs=True):
            options = {"compression": "snappy", "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
            frame.write.options(**options).mode("error").parquet(self._address(folder))
        kinds = dict(zip(bound.columns, bound.types, strict=True))
        found = self._found(folder, kinds)
        if sum(each.size for each, _ in found) > self.most_mb << 20:
            message = (
                f"The SQL gives more than {self.most_mb:,} MB of files: filter or aggregate, "
                "or let the workers write more (VAI_OUTPUT_MB)"
            )
            raise refused(message, most_mb=self.most_mb)
        schema = Schema.from_arrow(bound.limit(0).to_arrow_table().schema)
        return Staged([each for each, _ in found], schema, sum(rows for _, rows in found), folder)

    def frame(self, staged: Staged, kinds: dict[str, Any]) -> Any:
        """The rows of staged files."""
        return self.inputs.parquet([self._address(staged.folder)], kinds)

    def _address(self, folder: str) -> str:
        return f"{address(self.lake, self.location)}/{folder}"

    def _found(self, folder: str, kinds: dict[str, Any]) -> list[tuple[AddAction, int]]:
        """The files with their numbers of rows, as Spark counts them: the worker opens none."""
        frame = self.inputs.parquet([self._address(folder)], kinds)
        listed = [
            f"_metadata.file_name AS {_FILE}",
            "_metadata.file_size AS size",
            "unix_millis(_metadata.file_modification_time) AS modified",
        ]
        with self.cluster.told(runs=True):
            counted = frame.selectExpr(*listed).groupBy(_FILE, "size", "modified").count()
        found = []
        for row in self.cluster.arrow(counted).to_pylist():
            path, rows = f"{folder}/{row[_FILE]}", row["count"]
            stats = json.dumps({"numRecords": rows})
            action = AddAction(path, row["size"], {}, row["modified"], data_change=True, stats=stats)
            found.append((action, rows))
        return found

    @contextmanager
    def removed_unless_committed(self) -> Iterator[None]:
        """Remove what was staged and is in no table at the end. If the table cannot be asked, upkeep does it."""
        try:
            yield
        finally:
            with suppress(Exception):
                self._remove()

    def _remove(self) -> None:
        storage = open_lake(self.lake.url)
        there = self._committed()
        for folder in self.folders:
            prefix = f"{self.location}/{folder}"
            rest = [
                each.path
                for each in storage.files(prefix)
                if folder not in there or each.path.rpartition("/")[2].startswith((".", "_"))
            ]
            if rest:
                storage.delete(rest)
            if not self.lake.is_remote:
                _remove_empty(Path(self.lake.address(prefix)))

    def _committed(self) -> set[str]:
        """The folders whose files a version of the table has. Who is not sure removes nothing."""
        try:
            table = DeltaTable(self.lake.address(self.location), storage_options=self.lake.options() or None)
        except TableNotFoundError:
            return set()
        uris = table.file_uris()
        return {folder for folder in self.folders if any(f"/{folder}/" in uri for uri in uris)}


def _remove_empty(folder: Path) -> None:
    """The folder and those in it that hold no file."""
    for each in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            each.rmdir()
    with suppress(OSError):
        folder.rmdir()

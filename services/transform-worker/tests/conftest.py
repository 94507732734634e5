"""A lake in a folder, and a worker that says yes: what tests of a transform's child side stand on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from records.definitions.duckdb_transform import DuckdbTransform
from testkit.link import RecordingLink
from transform_worker.transform import transform
from worker.job import Job

ORG = "018f0000-0000-7000-8000-000000000001"


class Workshop:
    """Makes bronze files and Delta tables, runs transforms on them, shows what came out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self.org_id = ORG
        self.write_epoch = 0
        self.inputs: dict[str, dict[str, Any]] = {}
        self.link = RecordingLink()

    def bronze(self, name: str, *batches: list[dict[str, Any]]) -> dict[str, str]:
        """Files of a bronze table, one for each batch; answers the input that names them."""
        dataset, files = f"bronze.{name}", []
        for number, rows in enumerate(batches):
            path = f"{ORG}/bronze/{name.replace('.', '/')}/connection=none/run=r/slice=full/e1-{number}.parquet"
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows), self.folder / path)
            files.append(path)
        self.inputs[dataset] = {"files": files, "columns": []}
        return {"bronze_dataset": dataset}

    def silver(self, name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
        """A silver table that somebody else writes."""
        location = f"{ORG}/silver/{name}"
        (self.folder / location).parent.mkdir(parents=True, exist_ok=True)
        write_deltalake(self.folder / location, pa.Table.from_pylist(rows), mode="overwrite", schema_mode="overwrite")
        self.inputs[name] = {"location": location}
        return {"silver_dataset": name}

    def job(self, sql: str, *inputs: dict[str, str], epoch: int = 1, memory_mb: int = 512, **fields: Any) -> Job:
        definition = {"transform_name": "out", "sql": sql, "inputs": list(inputs)} | fields
        made = DuckdbTransform.model_validate(definition)
        prepared = {
            "inputs": [{"name": i.name, "dataset": i.dataset, **self.inputs[i.dataset]} for i in made.inputs],
            "output": {"location": f"{ORG}/{made.output_layer}/{made.transform_name}"},
            "memory_mb": memory_mb,
        }
        return Job("run-1", ORG, epoch, 1, "duckdb_transform", definition, None, None, self.url, prepared)

    def perform(self, job: Job, **answers: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Runs the child's entry here; what it said is in `link` afterwards."""
        self.link = RecordingLink({"lock": self._lock} | answers)
        return transform(job, self.link)

    def run(self, sql: str, *inputs: dict[str, str], **fields: Any) -> dict[str, Any]:
        return self.perform(self.job(sql, *inputs, **fields))

    def table(self, name: str = "out", layer: str = "silver") -> DeltaTable:
        return DeltaTable(self.folder / ORG / layer / name)

    def rows(self, sql: str = "SELECT * FROM out ORDER BY ALL", name: str = "out", layer: str = "silver") -> list[Any]:
        with duckdb.connect() as connection:
            connection.register("out", self.table(name, layer).to_pyarrow_table())
            return connection.execute(sql).fetchall()

    def asked(self, question: str) -> list[dict[str, Any]]:
        return [payload for asked, payload in self.link.asked if asked == question]

    def _lock(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.write_epoch += 1
        return {"write_epoch": self.write_epoch}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)

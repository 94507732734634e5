"""The fixtures of the tests of transforms.

`workshop`: a lake in a folder and a worker that permits everything, for the child's side. `bench`: datasets and held
runs in a real Postgres, for the worker's side.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from vai_common import db
from vai_common.ids import uuid7
from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_records.lake import manifest as lake
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.link import RecordingLink
from vai_testkit.owned import Reports
from vai_transform_worker.query import warm
from vai_transform_worker.transform import transform
from vai_transform_worker.wiring import PRELOADED
from vai_worker.children import frames
from vai_worker.children.forks import Forks
from vai_worker.children.job import Job
from vai_worker.owned import Means, Owned

ORG = "018f0000-0000-7000-8000-000000000001"


class Workshop:
    """Makes bronze files and Delta tables, runs transforms on them, shows what came out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self.org_id = ORG
        self.write_epoch = 0
        self.columns: list[dict[str, str]] = []
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
        location = f"{ORG}/{made.output_layer}/{made.transform_name}"
        found = [{"name": i.name, "dataset": i.dataset, **self.inputs[i.dataset]} for i in made.inputs]
        if made.reads_itself():
            there = {"location": location} if DeltaTable.is_deltatable(str(self.folder / location)) else {}
            without_type = [each for each in self.columns if each["type"] == "NULL"] if there else []
            own = {"name": "this", "dataset": made.transform_name, "is_own": True, "columns": without_type, **there}
            found.append(own)
        prepared = {
            "inputs": found,
            "output": {"location": location, "columns": self.columns},
            "memory_mb": memory_mb,
        }
        return Job("run-1", ORG, epoch, 1, "duckdb_transform", definition, None, None, self.url, prepared)

    def perform(self, job: Job, **answers: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Runs the child's entry here; what it said is in `link` afterwards."""
        self.link = RecordingLink({"lock": self._lock} | answers)
        result = transform(job, self.link)
        frames.encode(result)
        self.columns = self.asked("wrote")[0]["columns"]
        return result

    def planned(self, job: Job) -> dict[str, Any]:
        """Runs the entry of a dry run, which asks for nothing."""
        self.link = RecordingLink()
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


@pytest.fixture(autouse=True)
def unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature of the Delta extension (80 MB) is not checked in the tests' process: 0.6 s for a transform.

    A worker opens the extension once in its fork server; the tests that start one check the signature as it does.
    """
    monkeypatch.setitem(warm._CONFIG, "allow_unsigned_extensions", True)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


class Bench:
    """Makes datasets and runs that a worker holds."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.lake_url = "file:///lake"
        self.org_id = uuid4()
        self.reports = Reports()
        self.means: dict[str, Any] = {}
        """Further parts for its runs: a keyring, a policy of addresses."""

    async def run(self, sql: str = "SELECT 1 AS n", *inputs: dict[str, str], **fields: Any) -> Owned:
        """A new run, claimed by a process of its own."""
        definition = {"transform_name": "out", "sql": sql, "inputs": list(inputs)} | fields
        new = NewRun(self.org_id, "duckdb_transform", definition, "api")
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'api-gateway'")
            await statements.create(conn, [new])
        return await self.claimed(new.id)

    async def run_of(self, kind: str, definition: dict[str, Any]) -> Owned:
        """A new run of another kind, claimed in the same way."""
        new = NewRun(self.org_id, kind, definition, "api")
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'api-gateway'")
            await statements.create(conn, [new])
        return await self.claimed(new.id, kind)

    async def claimed(self, run_id: UUID, kind: str = "duckdb_transform") -> Owned:
        owner = uuid7()
        (row,) = await statements.claim(self.pool, owner, [kind], [run_id], 1, "w")
        return self._owned(row, owner)

    async def taken_over(self, run: Owned) -> Owned:
        """Give the same run to another worker, as if the first one was taken for dead."""
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'watchdog'")
            await conn.execute(
                "UPDATE runs SET phase = 'queued', lease_owner = NULL, due_at = NULL, recovered = true WHERE id = $1",
                run.id,
            )
        return await self.claimed(run.id)

    async def bronze(self, name: str, *paths: str, columns: lake.Columns | None = None) -> None:
        location = f"{self.org_id}/bronze/{name.replace('.', '/')}"
        async with self.pool.acquire() as conn, conn.transaction():
            made = await lake.ensure_dataset(conn, self.org_id, "bronze", name, location)
            load = lake.Load(self.org_id, made.id, None, uuid7(), 1, "r")
            files = [lake.NewFile(f"{location}/{path}", "1", 5, 100) for path in paths]
            await lake.add_files(conn, load, files, visible=True)
            await lake.add_files(
                conn, load, [lake.NewFile(f"{location}/unseen{''.join(paths)}", "2", 5, 100)], visible=False
            )
            await lake.save_columns(conn, load, columns or [], replaced=False)

    async def delta(self, layer: str, name: str, rows: int | None = 1) -> None:
        async with self.pool.acquire() as conn, conn.transaction():
            made = await lake.ensure_dataset(conn, self.org_id, layer, name, f"{self.org_id}/{layer}/{name}")
            if rows is not None:
                await lake.wrote(conn, made.id, rows, [], 0)

    async def id_of(self, layer: str, name: str) -> str:
        found = await lake.dataset(self.pool, self.org_id, layer, name)
        assert found is not None
        return str(found.id)

    async def output(self) -> lake.Dataset:
        found = await lake.dataset(self.pool, self.org_id, "silver", "out")
        assert found is not None
        return found

    def _owned(self, row: Any, owner: UUID) -> Owned:
        async def steady() -> None:
            return None

        life = SimpleNamespace(id=owner, steady=steady)
        means = SimpleNamespace(
            pool=self.pool,
            life=life,
            reports=self.reports,
            lake_url=self.lake_url,
            announce=lambda told: None,
            **{"keyring": None} | self.means,
        )
        return Owned(row, cast(Means, means))


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:  # noqa: F811
    pool = await db.open_pool(database_url, "transform-worker")
    yield Bench(pool)
    await pool.close()


@pytest.fixture
async def forks(bench: Any, tmp_path: Path) -> AsyncIterator[Forks]:
    """Real child processes that work in a lake in a folder."""
    bench.lake_url = tmp_path.as_uri()
    forks = Forks(PRELOADED, 2048, bench.lake_url)
    yield forks
    forks.kill_children()
    await forks.stop()

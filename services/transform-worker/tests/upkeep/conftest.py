"""Tables in a real Postgres and in a lake in a folder, and a keeper that works without a process of its own."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from vai_common import db
from vai_common.ids import uuid7
from vai_records.lake import manifest
from vai_records.lake.upkeep import Turn
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_transform_worker.upkeep.__main__ import answer
from vai_transform_worker.upkeep.keeper import Keeper

_NAIVE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Here(Keeper):
    """Works without a process of its own, which takes a second; `before` is done before it answers."""

    before: Any = None

    async def _ordered(self, turn: Turn, order: dict[str, Any]) -> Any:
        found = await asyncio.to_thread(answer, {"lake_url": self._lake_url, **order})
        if self.before is not None:
            await self.before(found)
        return found


@dataclass
class House:
    """An organisation's tables, in a real Postgres and a lake in a folder."""

    pool: Any
    folder: Path
    org_id: UUID = field(default_factory=uuid4)

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def keeper(self) -> Here:
        return Here(self.pool, self.url)

    async def bronze(self, count: int, name: str = "s.t", run: UUID | None = None, rows: int = 3) -> UUID:
        """A table with so many files more, each of a run that is forgotten, or of this one."""
        location = f"{self.org_id}/bronze/{name.replace('.', '/')}"
        async with self.pool.acquire() as conn, conn.transaction():
            made = await manifest.ensure_dataset(conn, self.org_id, "bronze", name, location)
            for number in range(count):
                run_id = run or uuid7()
                path = f"{location}/connection=none/run={run_id}/slice={number}/e1-0.parquet"
                (self.folder / path).parent.mkdir(parents=True)
                table = pa.table({"id": [number * rows + n for n in range(rows)], "v": [math.nan] * rows})
                pq.write_table(table, self.folder / path)
                load = manifest.Load(self.org_id, made.id, None, run_id, 1, "t")
                size = (self.folder / path).stat().st_size
                await manifest.add_files(conn, load, [manifest.NewFile(path, str(number), rows, size)], visible=True)
        return made.id

    async def files(self, dataset_id: UUID) -> list[str]:
        return [each.path for each in await manifest.visible_files(self.pool, dataset_id)]

    async def ids(self, dataset_id: UUID) -> list[int]:
        """As a reader of the table gets them."""
        paths = await self.files(dataset_id)
        return sorted(n for path in paths for n in pq.ParquetFile(self.folder / path).read()["id"].to_pylist())

    async def done(self, dataset_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = await self.pool.fetchval("SELECT upkeep FROM datasets WHERE id = $1", dataset_id)
        return found

    async def delta(self, versions: int, name: str = "t") -> UUID:
        """A Delta table to which so many versions have added a row each."""
        location = f"{self.org_id}/silver/{name}"
        for number in range(versions):
            rows = pa.table({"id": [number], "x": [math.nan], "at": [_NAIVE]})
            write_deltalake(
                self.folder / location,
                rows,
                mode="append",
                commit_properties=CommitProperties(app_transactions=[Transaction("vai", number + 1)]),
            )
        async with self.pool.acquire() as conn, conn.transaction():
            made = await manifest.ensure_dataset(conn, self.org_id, "silver", name, location)
            await manifest.wrote(conn, made.id, versions, [], versions - 1)
        return made.id

    def table(self, name: str = "t") -> DeltaTable:
        return DeltaTable(self.folder / str(self.org_id) / "silver" / name)

    async def run(self) -> UUID:
        """A run that a worker has claimed."""
        new = NewRun(self.org_id, "duckdb_transform", {"transform_name": "t", "sql": "SELECT 1 AS n"}, "api")
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'api-gateway'")
            await statements.create(conn, [new])
        await statements.claim(self.pool, uuid7(), ["duckdb_transform"], [new.id], 1, "w")
        return new.id

    async def ended(self, run_id: UUID, status: str, result: dict[str, Any] | None = None) -> None:
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL session_replication_role = replica")
            await conn.execute(
                """UPDATE runs SET phase = 'done', status = $2, result = $3, completed_at = now(), lease_owner = NULL,
                       due_at = NULL WHERE id = $1""",
                *(run_id, status, result),
            )


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    pool = await db.open_pool(database_url, "transform-worker")
    yield House(pool, tmp_path / "lake")
    await pool.close()

"""A small installation: a database that names two files of bronze and a Delta table, and the lake that has them."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake

from vai_common.ids import uuid7
from vai_records.lake import manifest
from vai_records.lake.manifest import Load, NewFile
from vai_testkit.database import Database

GOLD = "o/gold/sums"


@dataclass
class Installation:
    """`lake` is its folder."""

    database: Database
    lake: Path
    load: Load
    gold: UUID

    @property
    def lake_url(self) -> str:
        return self.lake.as_uri()

    async def extract(self, number: int, named: bool = True) -> str:
        """A file of bronze; the database hears of it, or not yet."""
        path = f"o/bronze/e{number}-0.parquet"
        (self.lake / path).parent.mkdir(parents=True, exist_ok=True)
        (self.lake / path).write_bytes(b"rows")
        if named:
            file = NewFile(path, f"{number}", 1, 4)
            await manifest.add_files(await self.database.owner(), self.load, [file], visible=True)
        return path

    async def transform(self, rows: int, told: bool = True) -> int:
        """A version of the Delta table, by the next writer; the database gives it its turn, and hears of it or not."""
        pool = await self.database.owner()
        epoch = await pool.fetchval(
            "UPDATE datasets SET write_epoch = write_epoch + 1 WHERE id = $1 RETURNING write_epoch", self.gold
        )
        version: int = await pool.fetchval(
            "SELECT coalesce(delta_version, -1) + 1 FROM datasets WHERE id = $1", self.gold
        )
        commit = CommitProperties(app_transactions=[Transaction("vai", epoch)])
        table = pa.table({"n": list(range(rows))})
        write_deltalake(str(self.lake / GOLD), table, mode="overwrite", commit_properties=commit)
        if told:
            columns = [{"name": "n", "type": "BIGINT"}]
            await manifest.wrote(pool, self.gold, rows, columns, version)
        return version


@pytest.fixture
async def installation(own_database: Database, tmp_path: Path) -> Installation:
    org, pool = uuid7(), await own_database.owner()
    bronze = await manifest.ensure_dataset(pool, org, "bronze", "sample.orders", "o/bronze")
    gold = await manifest.ensure_dataset(pool, org, "gold", "sums", GOLD)
    made = Installation(own_database, tmp_path / "lake", Load(org, bronze.id, None, uuid7(), 1, "orders"), gold.id)
    await made.extract(1)
    await made.extract(2)
    await made.transform(1)
    await made.transform(2)
    return made

"""A database and a lake that were restored together agree; where they don't, the doctor says what is missing."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vai_common.ids import uuid7
from vai_devstack.servers.postgres import binaries
from vai_records.lake import manifest
from vai_records.lake.manifest import Load, NewFile
from vai_testkit.database import Database, execute, in_database
from vai_worker.doctor.tables import tables

FILE, LATER, GOLD = "o/bronze/e1-0.parquet", "o/bronze/e2-0.parquet", "o/gold/sums"


async def _fill(database: Database, lake: Path) -> None:
    """A bronze file and a gold table, in the lake and in the database."""
    org, pool = uuid7(), await database.owner()
    for path in (FILE, f"{GOLD}/_delta_log/0.json"):
        (lake / path).parent.mkdir(parents=True, exist_ok=True)
        (lake / path).write_bytes(b"rows")
    bronze = await manifest.ensure_dataset(pool, org, "bronze", "sample.orders", "o/bronze")
    load = Load(org, bronze.id, None, uuid7(), 1, "orders")
    await manifest.add_files(pool, load, [NewFile(FILE, "s", 1, 4)], visible=True)
    gold = await manifest.ensure_dataset(pool, org, "gold", "sums", GOLD)
    await pool.execute("UPDATE datasets SET row_count = 1 WHERE id = $1", gold.id)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command[0]


@pytest.fixture
async def restored(own_database: Database, postgres_server: str, tmp_path: Path) -> AsyncIterator[Any]:
    """A pool of the restored database, and the restored lake: the dump first, then the copy, rows in between."""
    await _fill(own_database, tmp_path / "lake")
    dump, name = tmp_path / "vai.dump", f"restored_{uuid7().hex}"
    await _run(str(binaries() / "pg_dump"), "--format=custom", "--no-owner", f"--file={dump}", own_database.url)
    (tmp_path / "lake" / LATER).write_bytes(b"of a run that ended after the dump")
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")

    await execute(postgres_server, f"CREATE DATABASE {name}")
    url = in_database(postgres_server, name)
    await _run(str(binaries() / "pg_restore"), "--no-owner", f"--dbname={url}", str(dump))
    database = Database(url)
    yield await database.pool("watchdog"), tmp_path / "copy"
    await database.close()
    await execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def test_what_was_restored_together_agrees_and_what_was_lost_is_named(restored: Any) -> None:
    pool, lake = restored
    found = await tables(pool, f"file://{lake}")
    assert found.seen == "1 files and 1 Delta tables are as the database says", found

    (lake / FILE).write_bytes(b"ro")
    assert f"{FILE} has 2 bytes instead of 4" in (await tables(pool, f"file://{lake}")).fault
    (lake / FILE).unlink()
    shutil.rmtree(lake / GOLD)
    found = await tables(pool, f"file://{lake}")
    assert found.fault == f"{FILE} is missing, gold.sums has no Delta log at {GOLD}"
    assert "restore" in found.advice

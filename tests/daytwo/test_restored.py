"""A backup under load, restored into a new installation: nothing that had ended by then is missing, and it works on."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.integration.load import under_load
from tests.integration.runs import all_ended, assert_told_once, journal, sample
from vai_devstack.config import Config
from vai_devstack.home import Home
from vai_devstack.servers.ports import random_base
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

_ENDED = "SELECT id, status, result FROM runs WHERE phase = 'done' AND status = 'completed'"
_FILES = "SELECT path, row_count FROM lake_files WHERE visible AND removed_at IS NULL"
_TABLES = "SELECT name, location, row_count FROM datasets WHERE layer <> 'bronze' AND row_count IS NOT NULL"
_SUMS = {"transform_name": "sums", "sql": "SELECT count(*) AS n, {n} AS turn FROM range(10)"}


def _make(target: str, home: Home, **variables: str) -> str:
    """What `make` does, in another stack's folder; its output."""
    line = (sys.executable, "-m", "vai_devstack", target)
    environment = {**os.environ, "VAI_HOME": str(home.root), **variables}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def _transform_on(api: httpx2.AsyncClient, stopping: asyncio.Event) -> list[str]:
    """A table that gets a version more, again and again."""
    ids: list[str] = []
    while not stopping.is_set():
        definition = _SUMS | {"sql": _SUMS["sql"].format(n=len(ids))}
        ids.append((await create_run(api, "duckdb_transform", definition))["id"])
        await run_when(api, ids[-1], timeout=90)
    return ids


@pytest.mark.timeout(400)
async def test_a_backup_under_load_is_restored_as_it_was_and_works_on(
    stack: Stack, api: httpx2.AsyncClient, database: Any, tmp_path: Path
) -> None:
    stopping = asyncio.Event()
    async with under_load(api) as load:
        transforming = asyncio.create_task(_transform_on(api, stopping))
        slow = await create_run(api, "dlt_extract", sample(3_000, slices=60, rows_per_second=100, source_name="slow"))
        await wait_for(lambda: len(load.made) > 100, 60, what="there is load")
        await wait_for(lambda: database.fetchval(f"SELECT count(*) > 0 FROM ({_TABLES}) t"), 60, what="a table")
        before = {row["id"] for row in await database.fetch(_ENDED)}
        told = await asyncio.to_thread(_make, "backup", stack.home, TO=str(tmp_path / "backup"))
        assert told.startswith("Saved ")
        reached = len(load.made)
        await wait_for(lambda: len(load.made) > reached + 20, 60, what="more came after the backup")
    stopping.set()
    await transforming

    home = Home.of(tmp_path / "restored")
    home.root.mkdir()
    shutil.copy(stack.home.secrets, home.secrets)
    told = await asyncio.to_thread(_make, "restore", home, FROM=str(tmp_path / "backup"))
    assert "Database and lake agree" in told
    restored = Stack(Config(home, port_base=random_base()))
    try:
        await restored.start()
        await _assert_is_whole(restored, before, slow["id"])
    finally:
        await restored.stop()


async def _assert_is_whole(restored: Stack, before: set[UUID], slow: str) -> None:
    """All that had ended is there with its data; what was at work goes on, once; new work is done."""
    database: Any = await asyncpg.connect(restored.database)
    try:
        assert before <= {row["id"] for row in await database.fetch(_ENDED)}
        everything = [str(row["id"]) for row in await database.fetch("SELECT id FROM runs")]
        await all_ended(database, everything, timeout=120)
        assert await database.fetchval("SELECT status FROM runs WHERE id = $1", UUID(slow)) == "completed"
        assert await database.fetch("SELECT id, error FROM runs WHERE status <> 'completed'") == []
        assert_told_once(await journal(database, everything), everything)
        async with client_of(restored) as api:
            again = await create_run(api, "duckdb_transform", _SUMS | {"sql": "SELECT 1 AS n"})
            assert (await run_when(api, again["id"], timeout=60))["status"] == "completed"
        for path, rows in await database.fetch(_FILES):
            assert pq.read_metadata(restored.home.lake / path).num_rows == rows, path
        for name, location, rows in await database.fetch(_TABLES):
            assert DeltaTable(str(restored.home.lake / location)).to_pyarrow_table().num_rows == rows, name
        told = await asyncio.to_thread(_make, "doctor", restored.home)
        assert "WRONG" not in told
    finally:
        await database.close()

"""Where a database and a lake are not of one moment, the doctor says what is wrong and what to do."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

from vai_common.clock import now
from vai_testkit.installation import GOLD, Installation
from vai_worker.backup.comparison import UNCOLLECTED
from vai_worker.doctor.finding import Finding
from vai_worker.doctor.tables import tables


async def _found(installation: Installation) -> Finding:
    return await tables(await installation.database.pool("watchdog"), installation.lake_url)


async def test_files_that_are_lost_or_changed_are_named(installation: Installation) -> None:
    assert (await _found(installation)).seen == "2 files and 1 Delta tables are as the database says"
    (installation.lake / "o/bronze/e1-0.parquet").write_bytes(b"ro")
    assert "e1-0.parquet has 2 bytes instead of 4" in (await _found(installation)).fault
    (installation.lake / "o/bronze/e1-0.parquet").unlink()
    found = await _found(installation)
    assert "e1-0.parquet is missing" in found.fault
    assert "restore" in found.advice


async def test_a_file_that_nobody_reads_any_more_may_be_gone(installation: Installation) -> None:
    pool = await installation.database.owner()
    await pool.execute("UPDATE lake_files SET visible = false, removed_at = now() WHERE path LIKE '%e1-0%'")
    (installation.lake / "o/bronze/e1-0.parquet").unlink()
    assert (await _found(installation)).is_ok


async def test_files_that_no_table_names_are_counted_and_are_wrong_where_nobody_collects_them(
    installation: Installation,
) -> None:
    path = installation.lake / await installation.extract(7, named=False)
    assert "1 files are not named" in (await _found(installation)).seen
    old = (now() - UNCOLLECTED - timedelta(hours=1)).timestamp()
    os.utime(path, (old, old))
    assert "1 files that no table names are older than 3 days" in (await _found(installation)).fault


def _put_back(lake: Path, before: Path) -> None:
    shutil.rmtree(lake)
    shutil.copytree(before, lake)


async def test_a_delta_table_of_an_older_or_of_a_later_moment_is_named(
    installation: Installation, tmp_path: Path
) -> None:
    shutil.copytree(installation.lake, tmp_path / "before")
    await installation.transform(3)
    shutil.copytree(installation.lake, tmp_path / "after")
    _put_back(installation.lake, tmp_path / "before")
    found = await _found(installation)
    assert found.fault == "gold.sums is at version 1, and the database knows version 2"

    _put_back(installation.lake, tmp_path / "after")
    pool = await installation.database.owner()
    await pool.execute("UPDATE datasets SET write_epoch = write_epoch - 1, delta_version = 1 WHERE layer = 'gold'")
    found = await _found(installation)
    assert found.fault == "gold.sums was written with write epoch 3, and the database has given 2 at most"
    assert "older than the lake" in found.advice


async def test_a_delta_table_without_its_log_or_without_a_file_is_named(installation: Installation) -> None:
    next((installation.lake / GOLD).glob("*.parquet"))
    newest = max((installation.lake / GOLD).glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    assert "gold.sums lacks 1 of its 1 files" in (await _found(installation)).fault
    shutil.rmtree(installation.lake / GOLD)
    assert (await _found(installation)).fault == f"gold.sums has no Delta log at {GOLD}"


async def test_a_table_that_is_only_remembered_needs_no_files(installation: Installation) -> None:
    """Its run had no rows and no column with a type: there was nothing to write."""
    shutil.rmtree(installation.lake / GOLD)
    pool = await installation.database.owner()
    remembered = """UPDATE datasets SET row_count = 0, delta_version = NULL, columns = '[{"name":"n","type":"NULL"}]'"""
    await pool.execute(f"{remembered} WHERE layer = 'gold'")
    assert (await _found(installation)).is_ok

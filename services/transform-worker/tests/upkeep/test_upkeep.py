"""Upkeep of tables: what readers see stays what it was."""

import math
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from vai_records.lake import garbage, manifest
from vai_transform_worker.table import file_columns
from vai_transform_worker.upkeep import bronze, tables
from vai_transform_worker.upkeep.keeper import Keeper
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import open_lake
from vai_worker.reading import extensions
from vai_worker.reading.united_files import united

# What readers see ----------------------------------------------------------------------------------------------------

_ODD: list[dict[str, list[Any]]] = [
    {"id": [1, None], "v": [2**60 + 1, -1]},
    {"v": [1.5, math.nan], "id": [2, 3]},
    {"id": [4], "late": ["x"], "v": [7]},
    {"id": [5], "v": ["text"]},
    {"id": [6], "v": [Decimal("12345678901234567890.123456789")]},
    {"id": [7], "v": [datetime(2026, 1, 1, tzinfo=UTC)]},
    {"id": [8], "nested": [[{"a": 1}]]},
    {"id": [9], "v": [True]},
    {"id": [10], "bytes": [b"\x00\xff"]},
]


def _seen(folder: Path, paths: list[str]) -> tuple[Any, ...]:
    """Columns, their types and all rows, as any reader unites the files."""
    with duckdb.connect() as connection:
        relation = united(connection, [str(folder / path) for path in sorted(paths)]).relation
        found = connection.sql(f"FROM {relation}")
        return found.columns, list(map(str, found.types)), sorted(map(repr, found.fetchall()))


def test_whatever_the_files_hold_readers_see_the_same_columns_types_and_rows(tmp_path: Path) -> None:
    """Files of nine sorts, in turn: those of one sort become one, and take the place of the first."""
    files = []
    for number in range(9 * 8):
        path = f"o/bronze/s/t/run={number:03d}/e1-0.parquet"
        (tmp_path / path).parent.mkdir(parents=True)
        table = pa.table(_ODD[number % 9])
        pq.write_table(table, tmp_path / path)
        files.append({"path": path, "rows": len(table), "bytes": (tmp_path / path).stat().st_size})
    before = _seen(tmp_path, [str(each["path"]) for each in files])
    made = bronze.put_together(open_lake(tmp_path.as_uri()), [files])
    assert [len(each["of"]) for each in made] == [8] * 9
    assert _seen(tmp_path, [each["path"] for each in made]) == before


def test_a_file_without_the_rows_that_the_manifest_says_is_not_put_together(tmp_path: Path) -> None:
    files = []
    for number in range(8):
        pq.write_table(pa.table({"id": [1]}), tmp_path / f"{number}.parquet")
        files.append({"path": f"{number}.parquet", "rows": 2, "bytes": 100})
    with pytest.raises(bronze.NotTheSame, match="8 rows, the manifest says 16"):
        bronze.put_together(open_lake(tmp_path.as_uri()), [files])
    assert len(list(tmp_path.iterdir())) == 8


async def test_small_files_of_bronze_become_one_and_old_readers_keep_theirs(house: Any) -> None:
    dataset = await house.bronze(12)
    before = await house.files(dataset)
    await house.keeper().work_once()
    (file,) = await house.files(dataset)
    assert await house.ids(dataset) == list(range(36))
    assert all((house.folder / path).exists() for path in before)
    assert (await house.done(dataset)) | {"at": "", "seconds": 0} == {
        "compacted": 12, "into": 1, "at": "", "seconds": 0
    }  # fmt: skip
    row = await house.pool.fetchrow("SELECT * FROM lake_files WHERE path = $1", file)
    assert (row["row_count"], row["resource"], row["byte_count"]) == (36, "t", (house.folder / file).stat().st_size)
    assert await house.pool.fetchval("SELECT row_count FROM datasets WHERE id = $1", dataset) == 36
    assert await garbage.unknown(house.pool, [file, *before]) == []
    assert not await house.keeper().turn_once(), "once an hour, and only where it was written"


async def test_a_process_of_its_own_does_the_work(house: Any) -> None:
    dataset, silver = await house.bronze(8), await house.delta(8)
    await Keeper(house.pool, house.url).work_once()
    assert (await house.done(dataset))["into"] == (await house.done(silver))["into"] == 1


async def test_what_replaces_the_rows_of_a_connection_replaces_what_was_put_together(house: Any) -> None:
    dataset = await house.bronze(8)
    await house.keeper().work_once()
    load = manifest.Load(house.org_id, dataset, None, await house.run(), 1, "t")
    async with house.pool.acquire() as conn, conn.transaction():
        await manifest.add_files(conn, load, [manifest.NewFile("new", "full", 1, 1)], visible=False)
        await manifest.publish_resource(conn, load, replace=True)
    assert await house.files(dataset) == ["new"]


async def test_files_that_are_replaced_meanwhile_stay_replaced(house: Any) -> None:
    dataset = await house.bronze(9)
    keeper = house.keeper()

    async def replaced(found: Any) -> None:
        await house.pool.execute(
            "UPDATE lake_files SET visible = false, removed_at = now() WHERE path = $1", found[0]["of"][3]
        )

    keeper.before = replaced
    before = await house.files(dataset)
    await keeper.work_once()
    assert len(await house.files(dataset)) == 8
    assert set(await house.files(dataset)) < set(before)
    assert len(list(house.folder.rglob("*.parquet"))) == 9, "the new file is deleted"


async def test_files_of_a_run_that_may_go_on_are_left_alone(house: Any) -> None:
    """One that works; one that failed, or brought a part only, and can be retried; then one that brought all."""
    run_id = await house.run()
    dataset = await house.bronze(8, run=run_id)
    ways: list[Any] = [None, ("failed", None), ("completed", {"resource_errors": {"t": {}}}), ("completed", {})]
    for way, files in zip(ways, (8, 8, 8, 1), strict=True):
        if way is not None:
            await house.ended(run_id, *way)
        await house.pool.execute("UPDATE datasets SET upkept_at = NULL")
        await house.keeper().work_once()
        assert len(await house.files(dataset)) == files, way


# Delta tables --------------------------------------------------------------------------------------------------------


async def test_a_delta_table_is_compacted_and_its_versions_can_still_be_read(house: Any) -> None:
    dataset = await house.delta(12)
    await house.keeper().work_once()
    table = house.table()
    assert len(table.file_uris()) == 1
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == list(range(12))
    assert table.transaction_version("vai") == 12, "the fence of writers stays"
    assert await house.pool.fetchval("SELECT delta_version FROM datasets WHERE id = $1", dataset) == table.version()
    with duckdb.connect() as connection:
        extensions.load(connection, "delta")
        folder = house.folder / str(house.org_id) / "silver" / "t"
        count = f"SELECT count(*) FROM delta_scan('{folder}', can_have_nan = true"
        assert connection.execute(f"{count}, version = 3)").fetchone() == (4,)
        assert connection.execute(f"{count}) WHERE isnan(x) AND x > 5").fetchone() == (12,), "filters find NaN"
    assert (await house.done(dataset))["compacted"] == 12
    assert (await house.done(dataset))["removed"] == 0


def test_files_of_old_versions_go_and_those_of_newer_ones_stay(tmp_path: Path) -> None:
    for number in range(3):
        write_deltalake(tmp_path / "t", pa.table({"id": [number]}), mode="overwrite")
    lake = Lake(tmp_path.as_uri())
    assert tables.remove_old(lake, "t", 24) == {"version": 2, "removed": 0}
    assert tables.remove_old(lake, "t", 0)["removed"] == 2
    assert DeltaTable(tmp_path / "t").to_pyarrow_table()["id"].to_pylist() == [2]
    orphan, fresh = tmp_path / "t/part-orphan.parquet", tmp_path / "t/part-fresh.parquet"
    for file in (orphan, fresh):
        file.write_bytes(b"left by a writer that died")
    os.utime(orphan, (0, 0))
    assert tables.remove_old(lake, "t", 24)["removed"] == 1
    assert (orphan.exists(), fresh.exists()) == (False, True)
    assert tables.compact(lake, "none") == tables.remove_old(lake, "none", 24) == {}


def test_whoever_wrote_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer between the read and the commit of a compaction: its version stays, the compaction is for next time."""
    for number in range(8):
        write_deltalake(tmp_path / "t", pa.table({"id": [number]}), mode="append")

    def properties(*given: Any) -> Any:
        write_deltalake(tmp_path / "t", pa.table({"id": [99]}), mode="overwrite")
        return made(*given)

    made = file_columns.properties
    monkeypatch.setattr(file_columns, "properties", properties)
    assert tables.compact(Lake(tmp_path.as_uri()), "t")["compacted"] == 0
    assert DeltaTable(tmp_path / "t").to_pyarrow_table()["id"].to_pylist() == [99]

"""What is saved while others write is restored as it was when the dump saw it, database and lake alike."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from vai_testkit.database import Database
from vai_testkit.installation import GOLD, Installation
from vai_worker.backup import copying, record, saving
from vai_worker.backup.errors import BackupError
from vai_worker.backup.restoring import restore
from vai_worker.backup.saving import save
from vai_worker.doctor.tables import tables
from vai_worker.lake.storage import open_lake

Empty = Callable[[], Awaitable[str]]


async def _says_well(url: str, lake: Path) -> str:
    database = Database(url)
    found = await tables(await database.pool("watchdog"), lake.as_uri())
    await database.close()
    assert found.is_ok, found
    return found.seen


async def test_what_came_after_the_dump_is_left_out_by_both(
    installation: Installation, empty_database: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lake is copied later, and has more by then: the database's moment is the moment of both."""
    await installation.extract(3, named=False)
    url, backup = installation.database.url, (tmp_path / "backup").as_uri()
    copy_named = copying.copy_named

    async def later(*given: Any) -> copying.Copied:
        (installation.lake / "o/bronze/e9-0.parquet").write_bytes(b"of a run that ended after the dump")
        return await copy_named(*given)

    monkeypatch.setattr(saving, "copy_named", later)
    made, copied = await save(url, installation.lake_url, backup, lake_only=False)
    assert (made.files, made.tables, copied.kept) == (2, 1, 0)
    # The folder of the backup may have later versions of the table, of a later backup, say.
    await installation.transform(3)
    await installation.extract(4)
    second, copied = await save(url, installation.lake_url, backup, lake_only=False)
    assert copied.kept > 0, "what is there is not copied again"

    for name, rows, files in ((made.name, 2, 2), (second.name, 3, 3)):
        into, lake = await empty_database(), tmp_path / name
        restored, _ = await restore(into, lake.as_uri(), backup, name, lake_only=False)
        assert restored is not None
        assert DeltaTable(str(lake / GOLD)).to_pyarrow_table().num_rows == rows
        assert len([path for path in (lake / "o/bronze").iterdir() if path.is_file()]) == files
        assert await _says_well(into, lake) == f"{files} files and 1 Delta tables are as the database says"


async def test_a_writer_that_had_not_told_yet_keeps_what_it_wrote(
    installation: Installation, empty_database: Empty, tmp_path: Path
) -> None:
    """Its turn was given before the dump: when its run goes on, it finds its own commit."""
    await installation.transform(5, told=False)
    backup, into, lake = (tmp_path / "backup").as_uri(), await empty_database(), tmp_path / "restored"
    await save(installation.database.url, installation.lake_url, backup, lake_only=False)
    await restore(into, lake.as_uri(), backup, "", lake_only=False)
    assert DeltaTable(str(lake / GOLD)).to_pyarrow_table().num_rows == 5
    await _says_well(into, lake)


async def test_a_backup_of_a_lake_that_lacks_something_is_none(installation: Installation, tmp_path: Path) -> None:
    (installation.lake / "o/bronze/e1-0.parquet").unlink()
    backup = (tmp_path / "backup").as_uri()
    with pytest.raises(BackupError, match=r"e1-0\.parquet is missing"):
        await save(installation.database.url, installation.lake_url, backup, lake_only=False)
    assert record.records(open_lake(backup)) == []
    with pytest.raises(BackupError, match="no finished backup"):
        await restore(installation.database.url, (tmp_path / "new").as_uri(), backup, "", lake_only=False)


async def test_only_what_is_empty_is_filled(installation: Installation, empty_database: Empty, tmp_path: Path) -> None:
    url, backup = installation.database.url, (tmp_path / "backup").as_uri()
    await save(url, installation.lake_url, backup, lake_only=False)
    with pytest.raises(BackupError, match="the database holds"):
        await restore(url, (tmp_path / "new").as_uri(), backup, "", lake_only=False)
    into = await empty_database()
    with pytest.raises(BackupError, match="is not empty"):
        await restore(into, installation.lake_url, backup, "", lake_only=False)
    await restore(into, (tmp_path / "new").as_uri(), backup, "", lake_only=False)
    with pytest.raises(BackupError, match="backups of another database"):
        await save(into, (tmp_path / "new").as_uri(), backup, lake_only=False)

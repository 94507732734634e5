"""A backup whose tool fails, and one without a dump, with everything on S3 (with a dump: tests/daytwo)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vai_testkit.installation import Installation
from vai_testkit.servers.s3 import opened
from vai_worker.backup.errors import BackupError
from vai_worker.backup.restoring import restore
from vai_worker.backup.saving import save
from vai_worker.doctor.tables import tables


async def test_a_failing_pg_dump_is_told_in_its_own_words_and_without_the_password(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pg_dump").write_text('#!/bin/sh\necho "pg_dump: error: version mismatch, $@" >&2\nexit 1\n')
    (tmp_path / "bin/pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    with pytest.raises(BackupError, match="version mismatch") as told:
        await save(installation.database.url, installation.lake_url, (tmp_path / "backup").as_uri(), lake_only=False)
    assert ":test@" not in str(told.value)
    assert [path for path in (tmp_path / "backup").rglob("*") if path.is_file()] == []
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="there is no pg_dump"):
        await save(installation.database.url, installation.lake_url, (tmp_path / "backup").as_uri(), lake_only=False)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with opened() as bucket:
        for name, value in {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
        yield bucket


async def test_the_database_may_be_saved_by_other_means_and_all_of_it_may_lie_on_s3(
    installation: Installation, tmp_path: Path, s3: Any
) -> None:
    """First the database, by a snapshot of its server, say; afterwards the lake."""
    url, backup, lake = installation.database.url, "s3://backups/vai", "s3://lake/new"
    made, _ = await save(url, installation.lake_url, backup, lake_only=True)
    assert "without the database" in made.line()
    with pytest.raises(BackupError, match="has no database in it"):
        await restore(url, lake, backup, "", lake_only=False)
    await restore(url, lake, backup, "", lake_only=True)
    pool = await installation.database.pool("watchdog")
    assert (await tables(pool, lake)).seen == "2 files and 1 Delta tables are as the database says"
    del s3.objects["new/o/bronze/e1-0.parquet"]
    assert "e1-0.parquet is missing" in (await tables(pool, lake)).fault

"""Odd places for backups: what is no copy is none, what others keep there disturbs nobody, each fault is a sentence."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from vai_records.lake.named import NamedFile
from vai_records.schema.needed import NEEDED
from vai_testkit.installation import Installation
from vai_worker.backup import record
from vai_worker.backup.__main__ import main
from vai_worker.backup.copying import copy_named
from vai_worker.backup.errors import BackupError
from vai_worker.backup.place import address, check_apart
from vai_worker.backup.restoring import restore
from vai_worker.backup.saving import save
from vai_worker.lake.storage import Folder, open_lake


@pytest.mark.parametrize(
    ("backup", "lake"),
    [
        ("file:///data", "file:///data/lake"),  # the copy `lake/` would be the lake itself
        ("file:///data/lake", "file:///data/lake"),
        ("file:///data/lake/", "file:///data/lake"),
        ("file:///data/lake/backups", "file:///data/lake"),
        ("file:///data/../data/la%6be", "file:///data/lake"),
        ("s3://acme", "s3://acme/lake"),
        ("s3://acme/lake/backups/", "s3://acme/lake"),
        ("s3://acme/lake", "s3://acme/lake/"),
    ],
)
def test_a_backup_within_the_lake_or_around_it_is_refused(backup: str, lake: str) -> None:
    for ours, theirs in ((backup, lake), (lake, backup)):
        with pytest.raises(BackupError, match="one within the other"):
            check_apart(ours, theirs)


@pytest.mark.parametrize(
    ("backup", "lake"),
    [
        ("file:///data/backups", "file:///data/lake"),
        ("file:///data/lake-2", "file:///data/lake"),
        ("s3://acme/lake-2", "s3://acme/lake"),
        ("s3://acme-backups/lake", "s3://acme/lake"),
        ("file:///acme/lake", "s3://acme/lake"),
    ],
)
def test_places_beside_each_other_are_two(backup: str, lake: str) -> None:
    check_apart(backup, lake)


def test_a_link_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    with pytest.raises(BackupError, match="one within the other"):
        check_apart((tmp_path / "link/backups").as_uri(), (tmp_path / "lake").as_uri())


def test_what_is_typed_becomes_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ops")
    assert address("~/b") == "file:///home/ops/b"
    assert address("a b#c") == (tmp_path / "a b#c").as_uri()
    assert address("s3://acme/b") == "s3://acme/b"


@pytest.mark.parametrize("typed", ["", " ", "s3:/acme/b", "s3:///b", "file://b", "ftp://acme/b", "S3://acme/b"])
def test_what_is_no_place_is_refused(typed: str) -> None:
    with pytest.raises(BackupError, match="is no place for backups"):
        address(typed)


async def test_what_others_keep_there_is_left_alone(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name, text in (("notes.json", '{"a": 1}'), ("half.json", "{"), ("20261129.json", "[]")):
        (folder / name).write_text(text)
    made, _ = await save(installation.database.url, installation.lake_url, folder.as_uri(), lake_only=True)
    assert record.records(open_lake(folder.as_uri())) == [made]


@pytest.mark.parametrize("damage", ["", "[]", '{"name": "x"}', '{"of_a_later_version": 1, '])
async def test_a_damaged_record_is_named(installation: Installation, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "backups"
    made, _ = await save(installation.database.url, installation.lake_url, folder.as_uri(), lake_only=True)
    written = folder / f"{made.name}.json"
    written.write_text(damage + written.read_text()[1:] if damage.endswith(", ") else damage)
    with pytest.raises(BackupError, match=f"{made.name}.json is not a record"):
        record.records(open_lake(folder.as_uri()))


async def test_a_backup_of_a_later_version_is_refused_before_anything_is_filled(
    installation: Installation, tmp_path: Path
) -> None:
    backup = tmp_path / "backups"
    made, _ = await save(installation.database.url, installation.lake_url, backup.as_uri(), lake_only=True)
    written = backup / f"{made.name}.json"
    written.write_text(json.dumps({**json.loads(written.read_text()), "schema": "9999", "has_dump": True}))
    with pytest.raises(BackupError, match=f"has the schema 9999, and this version knows {NEEDED} at most"):
        await restore(installation.database.url, (tmp_path / "new").as_uri(), backup.as_uri(), "", lake_only=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["a file", "no rights", "a full disk"])
async def test_a_place_that_takes_nothing_is_named(
    installation: Installation, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path("/proc/nothing") if kind == "no rights" else tmp_path / "backups"
    if kind == "a file":
        place.write_text("")
    if kind == "a full disk":

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupError, match=f"{place.as_uri()} did not take a file: .*Check its space"):
        await save(installation.database.url, installation.lake_url, place.as_uri(), lake_only=True)
    assert kind != "a full disk" or [path for path in place.rglob("*") if path.is_file()] == []


def test_a_place_that_is_none_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in {"DATABASE_URL": "postgresql://vai@127.0.0.1:1/vai", "KAFKA": "127.0.0.1:1"}.items():
        monkeypatch.setenv(f"VAI_{name}", value)
    monkeypatch.setenv("VAI_LAKE_URL", (tmp_path / "lake").as_uri())
    assert main(["save", "ftp://acme/b"]) == 1
    assert capsys.readouterr().err == "'ftp://acme/b' is no place for backups. Name a folder, or s3://bucket/prefix\n"


def test_a_list_needs_no_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("VAI_DATABASE_URL", "VAI_KAFKA", "VAI_LAKE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["list", str(tmp_path)]) == 0
    assert "There is no finished backup in" in capsys.readouterr().out
    assert main(["save", str(tmp_path)]) == 2
    assert "VAI_DATABASE_URL: is required" in capsys.readouterr().err


class _Slow(Folder):
    """A lake that gives a file only when the test lets it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.gives = Event(), Event()

    def parts(self, path: str) -> Iterator[bytes]:
        self.asked.set()
        self.gives.wait(20)
        yield from super().parts(path)


async def test_a_copy_that_nobody_waits_for_ends_with_the_file_that_is_on_its_way(tmp_path: Path) -> None:
    """As Ctrl-C asks for: a lake may have a million files."""
    source, target = _Slow(tmp_path / "lake"), Folder(tmp_path / "copy")
    files = [NamedFile(f"{number}.parquet", 4, is_needed=True) for number in range(3)]
    for file in files:
        source.put(file.path, b"rows")
    copying = asyncio.create_task(copy_named(files, [], source, target))
    await asyncio.to_thread(source.asked.wait, 20)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    source.gives.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [file.path for file in target.files()] == ["0.parquet"]

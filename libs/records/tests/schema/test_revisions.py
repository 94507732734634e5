"""Revisions that databases have run never change; the lifecycle reaches every database, old ones too."""

import re
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from vai_records.schema import generate, revisions
from vai_records.schema.migrate import migrate
from vai_testkit.database import Database, execute, in_database

_STEP = re.compile(r"^ +'(\S+ \S+/\S+ \S+/\S+)'", re.M)
_DAY = re.compile(r"(?<=_)20[0-9]{6}(?![0-9])")

_FUNCTIONS = """
SELECT p.proname AS name, md5(pg_get_functiondef(p.oid)) AS said FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
"""
_CONSTRAINTS = """
SELECT conrelid::regclass || '.' || conname AS name, pg_get_constraintdef(oid) || convalidated AS said
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
_TRIGGERS = """
SELECT tgrelid::regclass || '.' || tgname AS name, pg_get_triggerdef(oid) AS said FROM pg_trigger WHERE NOT tgisinternal
"""
_INDEXES = "SELECT indexname AS name, indexdef AS said FROM pg_indexes WHERE schemaname = 'public'"
_COLUMNS = """
SELECT table_name || '.' || column_name AS name, data_type || is_nullable || coalesce(column_default, '') AS said
FROM information_schema.columns WHERE table_schema = 'public'
"""


@pytest.fixture
async def upgraded(postgres_server: str) -> AsyncIterator[Database]:
    """A database of commit 89c59c7, which has run 0001 to 0006, brought to this version."""
    await execute(postgres_server, "CREATE DATABASE upgraded")
    database = Database(in_database(postgres_server, "upgraded"))
    try:
        await migrate(database.url, "0006")
        await migrate(database.url)
        yield database
    finally:
        await database.close()
        await execute(postgres_server, "DROP DATABASE upgraded WITH (FORCE)")


async def _catalog(database: Database) -> dict[str, str]:
    """What a database is made of, by name. Its days are counted: two databases may be of two days."""
    conn = await database.owner()
    queries = (_FUNCTIONS, _CONSTRAINTS, _TRIGGERS, _INDEXES, _COLUMNS)
    found = [(row["name"], row["said"]) for query in queries for row in await conn.fetch(query)]
    days = sorted({day for name, _ in found for day in _DAY.findall(name)})

    def counted(text: str) -> str:
        return _DAY.sub(lambda day: f"day {days.index(day[0])}" if day[0] in days else day[0], text)

    return {counted(name): counted(said) for name, said in found}


def _steps(sql: str) -> set[str]:
    return set(_STEP.findall(sql))


async def test_an_upgraded_database_holds_the_lifecycle_of_this_version(upgraded: Database) -> None:
    conn = await upgraded.owner()
    guard = await conn.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'guard_lifecycle'")
    assert _steps(guard) == _steps(generate.trigger_sql())


async def test_an_upgraded_database_equals_a_new_one(upgraded: Database, database: Database) -> None:
    assert await _catalog(upgraded) == await _catalog(database)


def test_what_an_older_version_may_do_stays_allowed() -> None:
    """Old and new services run side by side while a version is rolled out (expand, then contract)."""
    older = [path for path in revisions.FOLDER.glob("sql/*_lifecycle.sql") if revisions.is_frozen(path)]
    assert older
    for path in older:
        assert _steps(path.read_text()) <= _steps(generate.trigger_sql()), path.name


def test_no_frozen_revision_was_changed() -> None:
    assert revisions.tampered() == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations as they would stand right after a release."""
    shutil.copytree(revisions.FOLDER, tmp_path / "records/migrations", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(revisions.FOLDER.parent / "needed.py", tmp_path / "records/needed.py")
    revisions.freeze(tmp_path / "records/migrations")
    return tmp_path / "records/migrations"


def test_a_release_freezes_every_revision(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.glob("sql/*.sql")}
    assert names <= set(revisions.frozen(folder))
    assert revisions.tampered(folder) == []


def test_a_change_of_a_frozen_revision_is_noticed_and_stays_so_after_the_next_release(folder: Path) -> None:
    path = folder / "sql/0001_foundation.sql"
    path.write_text(path.read_text() + "\n-- one more thing\n")
    assert revisions.tampered(folder) == ["sql/0001_foundation.sql"]
    revisions.freeze(folder)
    assert revisions.tampered(folder) == ["sql/0001_foundation.sql"]


def test_the_next_revision_follows_the_last_and_is_needed(folder: Path) -> None:
    last = max(path.name[:4] for path in folder.glob("versions/[0-9]*.py"))
    path = revisions.make_next(folder)
    number = f"{int(last) + 1:04}"
    assert path.name == f"{number}_lifecycle.sql"
    assert revisions.newest_lifecycle(folder) == path
    assert not revisions.is_frozen(path, folder)
    version = (folder / f"versions/{number}_lifecycle.py").read_text()
    assert f'down_revision = "{last}"' in version
    assert f'NEEDED = "{number}"' in (folder.parent / "needed.py").read_text()


def test_a_lifecycle_that_changed_after_its_release_asks_for_a_new_revision(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tampered", "newest_lifecycle", "make_next"):
        monkeypatch.setattr(revisions, name, partial(getattr(revisions, name), folder))
    monkeypatch.setattr(revisions, "is_frozen", partial(revisions.is_frozen, folder=folder))
    monkeypatch.setattr(generate, "MOVES", generate.MOVES[:-1])
    monkeypatch.chdir(folder.parent)
    generated = revisions.newest_lifecycle(), revisions.newest_lifecycle().read_text()

    assert generate.main([]) == 1
    assert "run `make next-lifecycle`" in capsys.readouterr().err
    assert generated[0].read_text() == generated[1]

    assert generate.main(["--next"]) == 0
    assert generate.main(["--check"]) == 0
    assert revisions.newest_lifecycle().read_text() == generate.trigger_sql()

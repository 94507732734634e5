"""The schema that this version needs, and what brings a database to it."""

import asyncio
import re
from pathlib import Path

import pytest

import vai_records
from vai_records.schema import needed as schema
from vai_records.schema import tables
from vai_records.schema.migrate import SchemaIsNewer, main, migrate
from vai_testkit.database import Database, execute, in_database

VERSIONS = Path(vai_records.__file__).parent / "schema/migrations/versions"


def test_the_needed_revision_is_the_newest() -> None:
    revisions = re.findall(r'^revision = "(.+)"$', "\n".join(p.read_text() for p in VERSIONS.glob("*.py")), re.M)
    assert max(revisions) == schema.NEEDED


async def test_a_migrated_database_fits(database: Database) -> None:
    assert await schema.fault(await database.pool("watchdog")) is None


async def test_a_newer_schema_fits_and_an_older_does_not(own_database: Database) -> None:
    pool, owner = await own_database.pool("watchdog"), await own_database.owner()
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    assert await schema.fault(pool) is None
    await owner.execute("UPDATE alembic_version SET version_num = '0000'")
    assert await schema.fault(pool)
    await owner.execute("DELETE FROM alembic_version")
    assert await schema.fault(pool)


async def test_what_does_not_fit_says_what_to_do(own_database: Database) -> None:
    pool, owner = await own_database.pool("watchdog"), await own_database.owner()
    assert await schema.fault(pool) is None
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    assert await schema.fault(pool) is None, "a newer schema that still serves this version"
    await owner.execute("UPDATE schema_serves SET oldest = '9000'")
    assert (await schema.fault(pool) or "").endswith(f"this version is of {schema.NEEDED}: run a newer version")
    await owner.execute("UPDATE alembic_version SET version_num = '0004'")
    assert "0004 is older than" in (await schema.fault(pool) or "")


async def test_an_empty_database_does_not_fit(postgres_server: str) -> None:
    await execute(postgres_server, "CREATE DATABASE empty_one")
    empty = Database(in_database(postgres_server, "empty_one"))
    try:
        assert await schema.fault(await empty.pool("watchdog"))
    finally:
        await empty.close()
        await execute(postgres_server, "DROP DATABASE empty_one WITH (FORCE)")


async def test_two_may_migrate_at_once_and_again(postgres_server: str) -> None:
    await execute(postgres_server, "CREATE DATABASE raced")
    raced = Database(in_database(postgres_server, "raced"))
    try:
        await asyncio.gather(migrate(raced.url), migrate(raced.url))
        await migrate(raced.url)
        assert await schema.fault(await raced.pool("watchdog")) is None
    finally:
        await raced.close()
        await execute(postgres_server, "DROP DATABASE raced WITH (FORCE)")


async def test_the_version_before_leaves_a_later_schema_as_it_is(own_database: Database) -> None:
    """A rollback may run the older version's migration: by a Job, or by GitOps."""
    owner = await own_database.owner()
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    await migrate(own_database.url)
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await owner.execute("UPDATE schema_serves SET oldest = '9000'")
    with pytest.raises(SchemaIsNewer, match="run a newer version"):
        await migrate(own_database.url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "VAI_DATABASE_URL is not set"),
        ("postgresql://vai@127.0.0.1:1/vai", "Connect call failed"),
        ("mysql://vai@127.0.0.1/vai", "invalid DSN"),
        ("{server}/not_there", "does not exist"),
    ],
)
def test_a_migration_that_cannot_begin_says_why_in_one_line(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, words: str
) -> None:
    monkeypatch.setenv("VAI_DATABASE_URL", url.replace("{server}/not_there", in_database(postgres_server, "not_there")))
    monkeypatch.delenv("VAI_DATABASE_DIRECT_URL", raising=False)
    assert main() == 1
    told = capsys.readouterr().err
    assert (words in told, told.count("\n")) == (True, 1), told


@pytest.mark.parametrize("table", list(tables.METADATA.tables.values()), ids=lambda table: str(table))
async def test_the_tables_that_sqlalchemy_sees_are_there(database: Database, table: tables.Table) -> None:
    rows = await (await database.owner()).fetch(
        "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1", table.name
    )
    there = {row["column_name"]: row["is_nullable"] == "YES" for row in rows}
    assert {column.name: bool(column.nullable) for column in table.columns}.items() <= there.items()


async def test_what_is_looked_at_all_day_is_found_by_small_indexes(database: Database) -> None:
    """Rule 15: the indexes of the sweeps hold live rows only."""
    rows = await (await database.owner()).fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'runs' AND indexdef LIKE '%WHERE%'"
    )
    partial = {row["indexname"] for row in rows}
    assert partial >= {"runs_queued", "runs_held", "runs_waiting_due", "runs_leased", "runs_live", "runs_parked"}

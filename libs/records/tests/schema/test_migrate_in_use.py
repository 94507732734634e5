"""A migration goes on while services use the tables that it changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from vai_common import db
from vai_records.schema import migrate as module
from vai_records.schema import needed
from vai_records.schema.migrate import TablesInUse, migrate
from vai_testkit.database import Database, execute, in_database
from vai_testkit.wait import wait_for

BEFORE = "0011"
"""The next revision changes `processes`, then `runs`."""


_WAITS = "SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def older(postgres_server: str) -> AsyncIterator[Database]:
    await execute(postgres_server, "CREATE DATABASE in_use")
    older = Database(in_database(postgres_server, "in_use"))
    try:
        await migrate(older.url, BEFORE)
        yield older
    finally:
        await older.close()
        await execute(postgres_server, "DROP DATABASE in_use WITH (FORCE)")


@pytest.fixture
async def session(older: Database) -> AsyncIterator[Any]:
    """Of somebody who uses the tables, and whom no deadlock ends first."""
    session = await asyncpg.connect(older.url)
    await session.execute("SET deadlock_timeout = '1min'")
    yield session
    await session.close()


def bound(monkeypatch: pytest.MonkeyPatch, lock: float) -> None:
    monkeypatch.setitem(db._BOUNDS, "migrate", db.Bounds(statement=None, lock=lock, idle=None, turn=None))


async def test_who_holds_a_table_is_waited_for_in_turns(
    older: Database, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that those who come after the migration wait for one turn at most."""
    bound(monkeypatch, 0.1)
    held = session.transaction()
    await held.start()
    await session.execute("SELECT FROM processes")
    with capture_logs() as said:
        migrating = asyncio.create_task(migrate(older.url))
        await wait_for(lambda: len(said) >= 2 or migrating.done(), what="two turns")
        assert not migrating.done()
        await held.rollback()
        await migrating
    assert {entry["event"] for entry in said} == {"migration_waits"}
    assert await needed.fault(await older.pool("watchdog")) is None


async def test_a_deadlock_with_a_service_is_no_failure(older: Database, session: Any) -> None:
    owner = await older.owner()
    with capture_logs() as said:
        async with session.transaction():
            await session.execute("SELECT FROM runs")
            migrating = asyncio.create_task(migrate(older.url))
            await wait_for(lambda: owner.fetchval(_WAITS), what="the migration waits for runs")
            await session.execute("SELECT FROM processes")
        await migrating
    assert "deadlock" in said[0]["error"]
    assert await needed.fault(await older.pool("watchdog")) is None


async def test_whoever_never_lets_go_is_named(older: Database, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, 0.1)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    async with session.transaction():
        await session.execute("SELECT FROM processes")
        with pytest.raises(TablesInUse, match="pg_stat_activity"):
            await migrate(older.url)
    await migrate(older.url)


async def test_another_fault_is_told_at_once(older: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await older.owner()).execute("ALTER TABLE processes ADD COLUMN session text")
    with pytest.raises(asyncpg.DuplicateColumnError):
        await migrate(older.url)

"""A pooler in transaction mode is told at the start, with what to set; a plain way costs nothing."""

import asyncio
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from vai_common import db, poolers
from vai_common.boot import _opened, _wait_for_database
from vai_common.poolers import PoolerLoses
from vai_common.settings import Settings
from vai_testkit.database import Database
from vai_testkit.servers.pooler import pooled
from vai_testkit.wait import wait_for

ROLE = "extract-worker"


async def _open(url: str, direct: str = "") -> None:
    settings = Settings(
        database_url=url, database_direct_url=direct, kafka="k:1", lake_url="file:///lake", bell="notify"
    )
    pool = await _opened(ROLE, settings, "a-name")
    pool.terminate()


@pytest.mark.parametrize("direct", [False, True])
async def test_without_a_pooler_nothing_is_refused(database: Database, direct: bool) -> None:
    await _open(database.url, f"{database.url}?" if direct else "")


async def test_a_start_parameter_that_a_pooler_refuses_is_named(database: Database) -> None:
    async with pooled(database.url, ("plan_cache_mode",)) as url:
        with pytest.raises(PoolerLoses, match=r"startup parameter: plan_cache_mode.*ignore_startup_parameters"):
            await _open(url, database.url)


async def test_a_direct_way_through_a_pooler_is_refused_by_the_name_of_its_setting(database: Database) -> None:
    async with pooled(database.url) as url:
        with pytest.raises(PoolerLoses, match=r"VAI_DATABASE_DIRECT_URL leads to a pooler in transaction mode.*LISTEN"):
            await _open(database.url, url)


async def test_a_pooler_that_loses_prepared_statements_is_refused(database: Database) -> None:
    async with pooled(database.url) as url:
        with pytest.raises(PoolerLoses, match=r"loses prepared statements.*max_prepared_statements"):
            await _open(url, database.url)


async def test_a_pooler_whose_sessions_are_nobodys_is_refused(database: Database) -> None:
    """As with `ignore_startup_parameters`, and no `connect_query`."""
    async with pooled(database.url) as url:
        pool = await db.open_pool(url, "", 2)
        with pytest.raises(PoolerLoses, match=r"vai\.role is '', not 'extract-worker'.*connect_query"):
            await poolers.check(pool, url, database.url, ROLE)
        pool.terminate()


@pytest.mark.parametrize("code", ["53300", "08P01", "57P01"])
def test_other_words_of_a_pooler_are_no_reason_to_give_up(code: str) -> None:
    error = asyncpg.PostgresError.new({"C": code, "M": "no more connections allowed (max_client_conn)"})
    assert poolers.told_of(error) is None
    assert db.is_away(error)


async def test_a_service_that_finds_too_many_connections_waits_for_one(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database says so itself, with a role that may have one; it is away, and nothing is given up."""
    owner, user = await database.owner(), f"few_{uuid4().hex}"
    await owner.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'few' CONNECTION LIMIT 1")
    parts = urlsplit(database.url)
    url = urlunsplit(parts._replace(netloc=f"{user}:few@{parts.netloc.rpartition('@')[2]}"))
    first = await asyncpg.connect(url)
    settings = Settings(database_url=url, kafka="k:1", lake_url="file:///lake", bell="notify")
    waiting = asyncio.create_task(_wait_for_database(ROLE, settings, "a-name"))
    said: list[str] = []

    def is_told() -> bool:
        said.append(capsys.readouterr().out)
        return "too many connections" in "".join(said)

    await wait_for(is_told, what="it is told")
    assert not waiting.done()
    await first.close()
    await (await waiting).close()
    await owner.execute(f"DROP ROLE {user}")

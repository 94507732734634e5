"""Sessions are bound in time: a database that is silent, or a lock that nobody lets go, is an error within seconds."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vai_common import db
from vai_common.clock import steady_seconds
from vai_common.db import AWAY, Bounds, bounds_of, is_away
from vai_testkit.database import Database
from vai_testkit.servers.proxy import Proxy, proxied
from vai_testkit.wait import wait_for

SERVICES = (
    "api-gateway",
    "run-dispatcher",
    "scheduler",
    "watchdog",
    "extract-worker",
    "transform-worker",
    "agent-worker",
)
NARROW = Bounds(statement=1, lock=0.4, idle=0.6, turn=1)
SILENT_SECONDS = 8.0
"""`NARROW` at its worst: a turn, a statement, a second for the cancellation, and a slow machine."""

AWAY_CODES = ["08006", "08P01", "25006", "25P03", "40001", "40P01", "53100", "53200", "53300", "55006", "55P03"]
AWAY_CODES += ["28P01", "57014", "57P01", "57P02", "57P03", "57P05", "58000", "58030", "58P01"]
OTHER_CODES = ["22003", "22P02", "23505", "23514", "25001", "42601", "42703", "54000", "P0001", "XX000"]


@asynccontextmanager
async def _pool(url: str) -> AsyncIterator[Any]:
    pool = await db.open_pool(url, "api-gateway", 2, NARROW)
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[Any]:
    engine = db.engine(url, "api-gateway", 2, NARROW)
    try:
        yield engine
    finally:
        await engine.dispose()


async def _through_engine(engine: Any) -> Any:
    async with engine.connect() as conn:
        return (await conn.execute(text("SELECT 1"))).scalar()


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_ends_its_statements_locks_and_idle_transactions(database: Database, service: str) -> None:
    pool, conn = await database.pool(service), await database.connect(service)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for session in (pool, conn):
        found = [await session.fetchval("SELECT setting::int FROM pg_settings WHERE name = $1", name) for name in names]
        bounds = bounds_of(service)
        assert found == [1000 * (each or 0) for each in (bounds.statement, bounds.lock, bounds.idle)]
        assert all(0 < each <= 60_000 for each in found)


async def test_a_migration_may_take_as_long_as_it_needs_and_waits_for_a_lock_in_turns(database: Database) -> None:
    conn = await database.connect("migrate")
    assert (await conn.fetchval("SHOW statement_timeout"), await conn.fetchval("SHOW lock_timeout")) == ("0", "2s")


async def test_who_waits_for_a_row_waits_longer_than_a_frozen_process_can_hold_it(database: Database) -> None:
    longest = max(bounds_of(service).idle or 0 for service in SERVICES)
    for worker in ("extract-worker", "transform-worker", "agent-worker"):
        assert longest < (bounds_of(worker).lock or 0) < (bounds_of(worker).statement or 0)


@pytest.mark.parametrize("code", AWAY_CODES)
def test_trouble_of_the_database_is_away(code: str) -> None:
    error = asyncpg.PostgresError.new({"C": code, "M": "no"})
    assert isinstance(error, AWAY)
    assert is_away(error)


@pytest.mark.parametrize("code", OTHER_CODES)
def test_trouble_of_a_statement_is_not_away(code: str) -> None:
    error = asyncpg.PostgresError.new({"C": code, "M": "no"})
    assert not is_away(error)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InternalClientError("no"), True),
        (asyncpg.DataError("invalid input for query argument $1"), False),
        (ValueError("no"), False),
        (None, False),
    ],
)
def test_what_the_client_says_of_the_connection_is_away_and_of_a_value_is_not(error: Any, away: bool) -> None:
    assert is_away(error) is away


async def test_what_sqlalchemy_wraps_is_seen_through(own_database: Database) -> None:
    async with _engine(own_database.url) as engine, engine.connect() as conn:
        await conn.execute(text("SET default_transaction_read_only = on"))
        await conn.commit()
        with pytest.raises(DBAPIError) as refused:
            await conn.execute(text("DELETE FROM runs"))
        assert is_away(refused.value)
        await conn.rollback()
        with pytest.raises(DBAPIError) as wrong:
            await conn.execute(text("SELECT 1 / 0"))
        assert not is_away(wrong.value)


async def test_a_lock_that_nobody_lets_go_is_not_waited_for(own_database: Database) -> None:
    run = await own_database.put("running", "leased")
    holder = await own_database.connect("extract-worker")
    async with _pool(own_database.url) as pool, holder.transaction():
        await holder.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await pool.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run)
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_transaction_in_which_nothing_happens_is_ended_and_its_locks_go(own_database: Database) -> None:
    run = await own_database.put("running", "leased")
    frozen = await db.connect(own_database.url, "extract-worker", NARROW)
    await frozen.execute("BEGIN")
    await frozen.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run)
    waiting = await own_database.connect("extract-worker")
    await waiting.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run)
    await wait_for(frozen.is_closed, what="its session has been ended")


async def test_a_statement_that_takes_too_long_is_cancelled_and_its_connection_stays_good(
    own_database: Database,
) -> None:
    async with _pool(own_database.url) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(30)")
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_full_pool_is_not_waited_for_without_end(own_database: Database) -> None:
    async with _pool(own_database.url) as pool, pool.acquire(), pool.acquire():
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")


async def _from_pool(proxy: Proxy, act: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]]) -> None:
    async with _pool(proxy.url) as pool:
        await act(lambda: pool.fetchval("SELECT 1"))


async def _from_transaction(proxy: Proxy, act: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]]) -> None:
    async with _pool(proxy.url) as pool:

        async def ask() -> Any:
            async with pool.acquire() as conn, conn.transaction():
                return await conn.fetchval("SELECT 1")

        await act(ask)


async def _from_engine(proxy: Proxy, act: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]]) -> None:
    async with _engine(proxy.url) as engine:
        await act(lambda: _through_engine(engine))


@pytest.mark.parametrize("way", [_from_pool, _from_transaction, _from_engine])
async def test_a_database_that_goes_silent_is_an_error_within_seconds_and_all_is_well_when_it_speaks_again(
    own_database: Database, way: Any
) -> None:
    async with proxied(own_database.url) as proxy:

        async def act(ask: Callable[[], Awaitable[Any]]) -> None:
            assert await ask() == 1
            proxy.silent = True
            began = steady_seconds()
            answers = await asyncio.gather(*(ask() for _ in range(6)), return_exceptions=True)
            assert steady_seconds() - began < SILENT_SECONDS
            assert all(isinstance(error, BaseException) and is_away(error) for error in answers), answers
            proxy.silent = False
            await wait_for(lambda: _answers(ask), 20, what="the pool is well again")

        await way(proxy, act)


async def _answers(ask: Callable[[], Awaitable[Any]]) -> bool:
    try:
        return bool(await ask())
    except (*AWAY, DBAPIError, PoolTimeout):
        return False


async def test_a_silent_connection_can_be_cancelled_from_outside(own_database: Database) -> None:
    async with proxied(own_database.url) as proxy, _pool(proxy.url) as pool:
        await pool.fetchval("SELECT 1")
        proxy.silent = True
        began = steady_seconds()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.fetchval("SELECT 1"), 0.2)
        assert steady_seconds() - began < SILENT_SECONDS


async def test_sessions_of_a_client_that_is_gone_are_noticed_by_the_server(own_database: Database) -> None:
    conn = await own_database.connect("watchdog")
    for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"):
        assert re.match(r"[1-9]", await conn.fetchval(f"SHOW {name}"))


async def test_whoever_finds_a_free_connection_has_it_at_once_and_needs_no_task(database: Database) -> None:
    pool = await db.open_pool(database.url, "watchdog", 1, NARROW)
    try:
        with pytest.raises(StopIteration):
            pool._acquire(1.0).send(None)
    finally:
        pool.terminate()


@pytest.mark.parametrize("word", ["sslmode=disable", "sslmode=prefer&target_session_attrs=read-write"])
async def test_an_engine_reads_an_address_as_the_pools_do(own_database: Database, word: str) -> None:
    async with _engine(f"{own_database.url}?{word}") as engine:
        assert await _through_engine(engine) == 1


async def test_what_a_statement_was_given_is_in_no_error_of_the_engine(own_database: Database) -> None:
    """Errors are logged, and among the values are hashes of passwords."""
    async with _engine(own_database.url) as engine, engine.connect() as conn:
        with pytest.raises(DBAPIError) as failed:
            await conn.execute(text("SELECT 1 / (:secret <> 'c4nary')::int"), {"secret": "c4nary"})
    assert "c4nary" not in str(failed.value).replace("<> 'c4nary'", "")

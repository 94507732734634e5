"""A Postgres database of each test's own, and the connection that leads to it."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_worker.children.job import ConnectionSecret

Sql = Callable[..., None]


@pytest.fixture
def sql(database_url: str) -> Sql:  # noqa: F811
    """Runs statements in the source."""

    def run(*statements: str) -> None:
        async def all_of_them() -> None:
            connection = await asyncpg.connect(database_url)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(all_of_them())

    run("CREATE SCHEMA shop")
    return run


@pytest.fixture
def postgres(bench: Any, database_url: str) -> ConnectionSecret:  # noqa: F811
    """The connection that the bench uses."""
    there = urlsplit(database_url)
    config = {"host": there.hostname, "port": there.port, "database": there.path.lstrip("/"), "sslmode": "disable"}
    credentials = {"username": there.username, "password": there.password or ""}
    bench.connection = ConnectionSecret("018f0000-0000-7000-8000-0000000000c1", "pg", "postgres", config, credentials)
    found: ConnectionSecret = bench.connection
    return found

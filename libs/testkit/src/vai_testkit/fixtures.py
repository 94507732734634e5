"""Fixtures of the embedded stack.

In a conftest: `from vai_testkit.fixtures import api, database, stack  # noqa: F401`.
"""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, running_stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One stack for all tests of the session; a test that stops a part of it starts that part again."""
    async with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest_asyncio.fixture
async def api(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the gateway, as the organisation's admin."""
    async with client_of(stack) as client:
        yield client


@pytest_asyncio.fixture
async def database(stack: Stack) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the stack's database, as its owner."""
    connection = await asyncpg.connect(stack.database)
    try:
        yield connection
    finally:
        await connection.close()

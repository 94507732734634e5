from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_common import db
from vai_records.people import people
from vai_records.people.people import Role
from vai_testkit.database import database, database_url, module_url, own_database, postgres_server  # noqa: F401
from vai_testkit.engines import engine_on


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:  # noqa: F811
    async with engine_on(database_url, "api-gateway", 2) as engine:
        yield engine


@pytest.fixture
async def conn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """What it writes is there at once, for `raw` too."""
    async with engine.connect() as conn:
        yield await conn.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
async def raw(database_url: str) -> AsyncIterator[Any]:  # noqa: F811
    """The same database as asyncpg sees it, for the statements of the run's path."""
    connection = await db.connect(database_url, "api-gateway")
    yield connection
    await connection.close()


@pytest.fixture
async def org_id(conn: AsyncConnection) -> UUID:
    return await people.create_organisation(conn, "acme", "Acme", {"max_running": 3})


@pytest.fixture
async def user_id(conn: AsyncConnection, org_id: UUID) -> UUID:
    user_id = await people.create_user(conn, "ada@example.com", "Ada", "Lovelace")
    await people.add_member(conn, org_id, user_id, Role.ADMIN)
    return user_id

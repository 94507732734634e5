from collections.abc import AsyncIterator

import pytest

from services.scheduler.tests.stage import Stage
from vai_common.ids import uuid7
from vai_testkit.database import Database, database, database_url, module_url, own_database, postgres_server  # noqa: F401


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:  # noqa: F811
    """An organisation of its own in the module's database."""
    async for stage in _staged(database):
        yield stage


@pytest.fixture
async def own_stage(own_database: Database) -> AsyncIterator[Stage]:  # noqa: F811
    """For what looks at all rows."""
    async for stage in _staged(own_database):
        yield stage


async def _staged(found: Database) -> AsyncIterator[Stage]:
    pool, gateway = await found.pool("scheduler"), await found.pool("api-gateway")
    org_id = uuid7()
    await gateway.execute(
        "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'An organisation')", org_id, org_id.hex
    )
    stage = Stage(found, pool, gateway, org_id)
    yield stage
    await stage.publisher.close(3)

from collections.abc import Iterator

import pytest

from vai_testkit.database import Database
from vai_testkit.models import ModelHouse
from vai_testkit.servers.models.server import ModelServer, serving_models


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
async def house(database: Database, provider: ModelServer) -> ModelHouse:
    return await ModelHouse.opened(await database.pool("agent-worker"), provider)

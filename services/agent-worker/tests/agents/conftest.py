from collections.abc import AsyncIterator, Iterator

import pytest

from vai_agent_worker.call_agent import CallAgent
from vai_testkit.agents import AgentHouse
from vai_testkit.database import Database, database, database_url, module_url, own_database, postgres_server  # noqa: F401
from vai_testkit.rings import MemoryBell
from vai_testkit.servers.models.server import ModelServer, serving_models


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
def model(model_server: ModelServer) -> ModelServer:
    model_server.asked.clear()
    model_server.refused.clear()
    return model_server


@pytest.fixture
async def house(database: Database, model: ModelServer) -> AsyncIterator[AgentHouse]:  # noqa: F811
    bell = MemoryBell()
    agents = CallAgent(bell)
    yield await AgentHouse.opened(database, model, agents, bell)
    await agents.close()

